#pragma once
// One upstream connection: sends a request, reads its answer, tells whether another may follow.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/chunked.hpp"
#include "net/client.hpp"
#include "net/wire/blocks.hpp"
#include "net/wire/stream.hpp"

namespace tollgate::net {

struct Bucket;

class ClientConnection {
public:
    ClientConnection(PoolState& pool, Bucket& bucket);
    ~ClientConnection();
    ClientConnection(ClientConnection const&) = delete;
    ClientConnection& operator=(ClientConnection const&) = delete;

    /// Takes the limits of the call that begins. `total_ns` = its last instant.
    void begin(Deadlines const& deadlines, std::int64_t total_ns);
    /// Sends all of it. nullopt = sent.
    asio::awaitable<std::optional<SendError>> send(std::span<std::string_view const> request);
    /// Reads up to a final answer's head (or 101). `to_head` = of a HEAD request.
    asio::awaitable<std::optional<SendError>> read_head(bool to_head);
    asio::awaitable<SendResult<Piece>> read();
    asio::awaitable<bool> write_upgraded(std::string_view bytes);

    ResponseHead const& head() const noexcept { return head_; }
    bool complete() const noexcept { return complete_; }
    bool has_buffered() const noexcept { return !pending_.empty(); }
    /// Nothing of this call is left on the wire and the peer keeps the connection open.
    bool reusable() const noexcept { return complete_ && head_.keep_alive && !tainted_; }
    /// Part of the request was not sent, or something else makes another request on this connection unsafe.
    void taint() noexcept { tainted_ = true; }
    /// Between calls: gives the buffers back.
    void rest() noexcept;

    Stream stream;
    PoolState& pool;
    Bucket& bucket;
    std::int64_t idle_since_ns = 0;
    std::int64_t sent_ns = 0;
    std::int64_t head_ns = 0;
    bool served_before = false;
    bool any_answer = false; ///< a byte of an answer has arrived in this call
    bool any_sent = false;
    ClientConnection* next = nullptr; ///< of the pool's list
    ClientConnection* previous = nullptr;

private:
    SendError failure(Phase phase, IoState state, std::string what) const;
    void settle_framing() noexcept;
    std::span<char> read_area();
    std::optional<SendError> take(std::string_view bytes, Piece& piece);

    Block block_;
    Block body_block_;
    std::size_t head_end_ = 0;
    std::string_view pending_; ///< received, not yet taken by read()
    ResponseHead head_;
    std::uint64_t left_ = 0;
    ChunkedDecoder chunks_;
    std::vector<std::string_view> data_;
    Deadlines deadlines_;
    std::int64_t total_ns_ = never_ns;
    bool complete_ = false;
    bool tainted_ = false;
    bool upgraded_ = false;
    bool filled_ = false; ///< the last read filled its area: more is waiting
};

} // namespace tollgate::net
