#pragma once
// The upstream leg: pooled HTTP/1.1 connections of one I/O thread.
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "net/endpoint.hpp"
#include "net/http.hpp"
#include "net/http_parse.hpp"

namespace boost::asio {
class io_context;
}

namespace tollgate::net {

namespace asio = boost::asio;
class ClientConnection;
class PoolState;

/// Time limits of one call; 0 = none. They are enforced by a sweep, so they end up to 0.2 s late, never early.
struct Deadlines {
    std::chrono::milliseconds connect{5'000};      ///< resolving, TCP, proxy and TLS together
    std::chrono::milliseconds first_byte{300'000}; ///< from the request sent to the head of the answer complete
    std::chrono::milliseconds idle{120'000};       ///< between two reads of the answer, and for stalled sends
    std::chrono::milliseconds total{0};            ///< the whole call, answer included
};

enum class Phase : std::uint8_t { resolve, connect, tls, send, first_byte, body };
std::string_view phase_name(Phase phase) noexcept;

/// Why a call upstream failed, in the terms a retry decides by.
struct SendError {
    SendError(Phase phase_, std::string detail_) : phase(phase_), detail(std::move(detail_)) {}
    Phase phase;
    bool timed_out = false;
    /// A byte of the request may have reached the upstream: it may have begun to work (and to charge).
    bool request_sent = false;
    /// The upstream closed an otherwise healthy connection (rather than timing out or breaking the protocol).
    bool closed_by_peer = false;
    std::string detail; ///< for logs: "connect 10.1.2.3:443: Connection refused"

    /// upstream_timeout or upstream_failed; the message names the phase, `detail` goes to Error::detail.
    Error to_error() const;
};
template <class T>
using SendResult = tl::expected<T, SendError>;

/// An answer being read. Movable; on the thread of its pool only. Destroyed when complete, it gives its connection
/// back to the pool; destroyed earlier, it closes it (which cancels the call upstream).
class Response {
public:
    Response(Response&&) noexcept;
    Response& operator=(Response&&) noexcept;
    ~Response();

    /// Views stay valid as long as the Response.
    ResponseHead const& head() const noexcept;
    /// The next bytes of the body, as soon as there are any; valid until the next read. After `last`, it must not be
    /// called again. Errors have phase body: closed in the middle, broken chunking, timeout.
    asio::awaitable<SendResult<Piece>> read();
    /// Reads what is left and returns the decoded body. `over_max` as an error when it is longer than `max_bytes`.
    asio::awaitable<SendResult<std::string>> read_all(std::size_t max_bytes);
    /// True once read() has returned the last piece, or there is no body.
    bool complete() const noexcept;
    /// True when bytes of the body have already arrived: the next read() returns without waiting.
    bool has_buffered() const noexcept;
    /// After status 101: sends bytes of the other protocol; read() then yields raw bytes until the peer closes. May
    /// run while a read() is in flight. False: the upstream is gone.
    asio::awaitable<bool> write(std::string_view bytes);
    /// True when the call went out on a connection that had served another before.
    bool reused() const noexcept;
    /// Monotonic nanoseconds when the last request byte was handed to the kernel, and when the head was complete.
    std::int64_t sent_ns() const noexcept;
    std::int64_t head_ns() const noexcept;

private:
    friend class ClientPool;
    explicit Response(std::unique_ptr<ClientConnection> connection);
    std::unique_ptr<ClientConnection> connection_;
};

/// The certificate authorities upstreams are verified against, shared between the pools of several threads.
class TlsTrust;
/// The system's authorities and those of one more PEM file ("" = none). Nothing is read before the first TLS connection.
std::shared_ptr<TlsTrust> make_trust(std::string extra_ca_file);

struct ClientOptions {
    std::size_t idle_per_endpoint = 256;            ///< more idle connections than that are closed
    std::chrono::milliseconds idle_timeout{50'000}; ///< an unused connection closes after that
    std::chrono::milliseconds dns_ttl{30'000};
    HeadLimits head{64 * 1024, 8 * 1024, 200}; ///< of answers
    std::string extra_ca_file;       ///< PEM; trusted besides the system's authorities
    std::shared_ptr<TlsTrust> trust; ///< shared, to read authorities once; empty = one's own, from extra_ca_file
};

struct ClientCounters {
    std::uint64_t connects = 0; ///< connections made
    std::uint64_t reuses = 0;   ///< calls on a connection that existed
    std::uint64_t stale_retries = 0;
    std::size_t idle = 0; ///< connections in the pool now
    std::size_t open = 0; ///< pooled and in use
};

/// Gives the raw wire bytes of a request body piece by piece; an empty view ends it. A failure cancels the call.
using BodySource = std::function<asio::awaitable<Result<std::string_view>>()>;

/// One per I/O thread, used on that thread only, without locks. Must be shut down before its io_context is destroyed.
class ClientPool {
public:
    ClientPool(asio::io_context& io, ClientOptions options);
    ~ClientPool();
    ClientPool(ClientPool const&) = delete;
    ClientPool& operator=(ClientPool const&) = delete;

    /// Sends a complete request (head and body, wire bytes, gathered into one write; must stay valid until this
    /// returns) and waits for the head of the answer. 1xx answers are skipped, but for 101. The newest idle
    /// connection is used first; if a reused one fails before any byte of an answer, the request is sent once more
    /// on a fresh one. `endpoint` must stay valid until this returns.
    asio::awaitable<SendResult<Response>> send(Endpoint const& endpoint, std::span<std::string_view const> request,
                                               Deadlines const& deadlines);
    /// The same with a body that is streamed: `head` first, then what `body` yields. Always on a fresh or just
    /// checked connection, never retried. When the upstream answers early, the rest of the body is not sent.
    asio::awaitable<SendResult<Response>> send_streaming(Endpoint const& endpoint, std::string_view head,
                                                         BodySource body, Deadlines const& deadlines);

    ClientCounters counters() const noexcept;
    /// Closes every connection, idle or in use; calls in flight fail. New calls fail at once.
    void shutdown() noexcept;

private:
    std::unique_ptr<PoolState> state_;
};

} // namespace tollgate::net
