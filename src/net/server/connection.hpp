#pragma once
// One connection of the listener: reads heads, runs the handler, keeps the framing of both directions straight.
#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "net/chunked.hpp"
#include "net/exchange.hpp"
#include "net/server/worker.hpp"
#include "net/wire/stream.hpp"

namespace tollgate::net {

/// Owned by its session coroutine. See Exchange for the contract of what handlers reach.
class ServerConnection {
public:
    ServerConnection(Worker& worker, Socket socket, IpAddress peer, std::uint16_t peer_port);
    ~ServerConnection();
    ServerConnection(ServerConnection const&) = delete;
    ServerConnection& operator=(ServerConnection const&) = delete;

    /// The whole life: TLS handshake, requests one after the other, orderly end. `tls` may be empty.
    asio::awaitable<void> run(TlsContext tls);
    /// Draining: ends the connection now when it waits for a request.
    void close_if_idle() noexcept;
    /// Drain deadline passed: whatever happens here fails.
    void force_close() noexcept;

    // What Exchange shows.
    RequestHead const& head() const noexcept { return head_; }
    IpAddress const& peer() const noexcept { return peer_; }
    std::uint16_t peer_port() const noexcept { return peer_port_; }
    bool tls() const noexcept { return stream_.is_tls(); }
    std::int64_t first_byte_ns() const noexcept { return first_byte_ns_; }
    std::int64_t head_complete_ns() const noexcept { return head_complete_ns_; }
    std::uint64_t bytes_sent() const noexcept { return bytes_sent_; }
    void mark_close() noexcept { close_ = true; }
    bool caller_gone() noexcept;
    asio::awaitable<Result<std::string_view>> read_body(std::size_t max_bytes);
    asio::awaitable<Result<Piece>> read_body_piece();
    void release_body() noexcept;
    asio::awaitable<bool> write(std::span<std::string_view const> pieces);
    asio::awaitable<bool> write_slow(std::span<std::string_view const> pieces, std::size_t skip);
    /// True and sent, or not yet all sent (`skip` bytes were): then write_slow finishes.
    bool write_now(std::span<std::string_view const> pieces, std::size_t& skip) noexcept;
    void compose_head(std::string& out, int status, std::string_view header_lines, Framing framing, std::uint64_t length);
    asio::awaitable<bool> respond(int status, std::string_view header_lines, std::string_view body);
    asio::awaitable<Result<std::string_view>> read_upgraded(std::int64_t idle_ms);

    ServerConnection* next = nullptr; ///< of the worker's list
    ServerConnection* previous = nullptr;

private:
    enum class HeadState : std::uint8_t { ready, refused, ended };
    struct Raw {
        IoState state = IoState::ok;
        std::string_view bytes;
    };

    asio::awaitable<HeadState> read_head();
    /// Room at the end of the head's block for at least one byte; false when the head may not grow further.
    bool make_room();
    asio::awaitable<void> refuse(int status, std::string_view message);
    asio::awaitable<void> handle();
    asio::awaitable<void> finish(bool failed);
    asio::awaitable<bool> drain_body();
    asio::awaitable<void> linger();

    void begin_body() noexcept;
    /// The next raw bytes of the body: left in the head's block, else read. Never more than content-length says.
    asio::awaitable<Raw> next_raw();
    /// Gives back what was read beyond the end of a chunked body: it belongs to the next request.
    void unread(std::string_view rest) noexcept;
    asio::awaitable<Result<std::string_view>> read_sized_body(std::size_t max_bytes);
    asio::awaitable<Result<std::string_view>> read_chunked_body(std::size_t max_bytes);
    asio::awaitable<bool> send_continue();
    bool body_prevents_reuse() const noexcept;
    Fail body_failure(IoState state);

    Worker& worker_;
    Stream stream_;
    IpAddress peer_;
    std::uint16_t peer_port_;

    // Received bytes: [begin_, end_) of block_ are not consumed yet; the head lies before begin_ during an exchange.
    Block block_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    RequestHead head_;
    std::int64_t first_byte_ns_ = 0;
    std::int64_t head_complete_ns_ = 0;

    // The body of the current request.
    Block body_block_; ///< raw bytes read after the head, so that the head's views stay
    std::size_t body_block_begin_ = 0;
    std::size_t body_block_end_ = 0;
    std::uint64_t body_left_ = 0; ///< content-length framing
    ChunkedDecoder chunks_;
    std::vector<std::string_view> data_;
    std::string body_;
    std::string_view body_view_;
    std::int64_t body_deadline_ns_ = never_ns;
    bool body_done_ = true;
    bool body_whole_ = false; ///< read_body has returned body_view_
    bool continue_sent_ = false;
    bool body_broken_ = false;

    std::string out_; ///< composed heads, reused
    std::uint64_t bytes_sent_ = 0;
    bool close_ = false;
    bool send_failed_ = false;
    bool idle_ = true;
    bool upgraded_ = false;
};

} // namespace tollgate::net
