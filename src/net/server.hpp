#pragma once
// The listener: I/O threads with an acceptor each, HTTP/1.1 connections, limits, TLS, drain.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "net/client.hpp"
#include "net/exchange.hpp"
#include "net/http_parse.hpp"

namespace boost::asio {
class io_context;
}

namespace tollgate::net {

/// Called once per request; the Exchange lives until the returned awaitable ends. Captures of a coroutine lambda
/// live in the Handler object, which the server keeps for as long as any coroutine runs.
using Handler = std::function<asio::awaitable<void>(Exchange&)>;

/// What one I/O thread offers to the handlers that run on it.
struct ThreadContext {
    asio::io_context& io;
    ClientPool& clients; ///< this thread's upstream connections
    int index = 0;       ///< 0 … threads−1
};
/// Called once per I/O thread, from start(), before the listener accepts.
using HandlerFactory = std::function<Handler(ThreadContext)>;

struct ServerOptions {
    std::string host = "127.0.0.1"; ///< an IP address, or "localhost"; "::" listens on v6 and v4
    std::uint16_t port = 0;         ///< 0 = any free one; see Server::port
    int threads = 1;
    std::string thread_name = "io"; ///< of the I/O threads, with their number: what top and profilers show; ≤ 12 characters
    int backlog = 4096;
    std::size_t connections_max = 20'000; ///< over all threads; more are answered 503 and closed
    HeadLimits head;
    std::chrono::milliseconds header_timeout{10'000}; ///< from the first byte (or accept) to the end of the head
    std::chrono::milliseconds idle_timeout{75'000};   ///< between requests of one connection
    std::chrono::milliseconds body_timeout{30'000};   ///< between two reads of a request body
    std::chrono::milliseconds body_total{600'000};    ///< for a whole body: trickling it does not hold a connection
    std::chrono::milliseconds write_timeout{60'000};  ///< without the caller taking a byte
    std::string tls_cert;                             ///< PEM files, chain first; both or none
    std::string tls_key;
    ClientOptions client; ///< of each thread's ClientPool
};

struct ServerCounters {
    std::atomic<std::int64_t> open{0};     ///< connections now
    std::atomic<std::int64_t> accepted{0}; ///< since the start, refused ones included
    std::atomic<std::int64_t> refused{0};  ///< over connections_max
    std::atomic<std::int64_t> active{0};   ///< exchanges being handled now
};

/// All members are called from one controlling thread; the handlers run on the server's own threads.
class Server {
public:
    /// Binds, listens and starts the threads. Errors: invalid_request (bad address, unreadable certificate),
    /// unavailable (port in use, not allowed); the message names the address and what to do.
    static Result<std::unique_ptr<Server>> start(ServerOptions options, HandlerFactory const& factory);
    /// stop()s.
    ~Server();
    Server(Server const&) = delete;
    Server& operator=(Server const&) = delete;

    std::uint16_t port() const noexcept;
    /// "127.0.0.1:8080" as bound.
    std::string address() const;
    ServerCounters const& counters() const noexcept;

    /// Reads certificate and key again; connections made from now on use them. On an error the old ones stay in
    /// force. The files are also checked every 2 s and reloaded when they changed.
    Result<void> reload_tls();

    /// Stops accepting, closes idle connections, marks responses `connection: close`, waits for exchanges in flight;
    /// those still open at the deadline lose their sockets. Returns true when none had to be forced. Blocks.
    bool drain(std::chrono::milliseconds deadline);
    /// Ends the threads; coroutines still suspended are destroyed (their destructors run on this thread). Idempotent.
    void stop();

private:
    class Impl;
    explicit Server(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace tollgate::net
