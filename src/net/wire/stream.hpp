#pragma once
// One TCP connection, plain or TLS, with deadlines. Sends go straight to the kernel and only wait when it is full;
// reads wait first, because on both legs the answer is never there yet.
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/wire/edge_read.hpp"
#include "net/wire/sweeper.hpp"
#include "net/wire/time.hpp"
#include "net/wire/tls.hpp"

namespace tollgate::net {

enum class IoState : std::uint8_t {
    ok,
    closed,    ///< the peer ended its side in order (read), or is gone (write)
    timed_out,
    failed     ///< reset, broken TLS, closed by us
};

struct Io {
    IoState state = IoState::ok;
    std::size_t bytes = 0; ///< read, or written before the failure
    bool ok() const noexcept { return state == IoState::ok; }
};

/// On one thread. At most one read and one write in flight at a time. Deadlines are coarse_ns() instants.
class Stream final : private Timed {
public:
    Stream(Socket socket, Sweeper& sweeper);
    ~Stream();

    /// At least one byte, or why not. `size` ≥ 1.
    asio::awaitable<Io> read_some(char* to, std::size_t size, std::int64_t deadline_ns);
    /// What is there without waiting: ok with 0 bytes when nothing is.
    Io try_read(char* to, std::size_t size) noexcept;
    /// Hands as much to the kernel as it takes now. Returns the bytes taken; fewer than given means wait or failed.
    Io try_write(std::span<std::string_view const> pieces) noexcept;
    /// All of it. `deadline_ns` moves by `stall_ns` whenever some bytes were taken.
    asio::awaitable<Io> write_rest(std::span<std::string_view const> pieces, std::size_t skip, std::int64_t stall_ms);

    asio::awaitable<Io> connect(Tcp::endpoint to, std::int64_t deadline_ns);
    /// Both of these make the stream TLS from here on. `detail()` says why they failed.
    asio::awaitable<Io> accept_tls(TlsContext context, std::int64_t deadline_ns);
    asio::awaitable<Io> connect_tls(TlsContext context, std::string const& host, std::int64_t deadline_ns);
    bool is_tls() const noexcept { return static_cast<bool>(ssl_); }

    /// True when nothing has arrived and the peer has not closed: fit for another request. One system call.
    bool quiet() noexcept;
    /// No more is sent after this; the peer sees the end of the stream.
    void shutdown_send() noexcept;
    /// Ends waiting reads and writes as failed, without closing.
    void cancel() noexcept;
    void close() noexcept;
    std::string const& detail() const noexcept { return detail_; }
    Socket& socket() noexcept { return socket_; }

private:
    void on_sweep(std::int64_t now_ns) noexcept override;
    asio::awaitable<Io> wait_readable(std::int64_t deadline_ns);
    asio::awaitable<Io> wait_writable(std::int64_t deadline_ns);
    asio::awaitable<Io> handshake(std::int64_t deadline_ns);
    /// Waits for what OpenSSL wants after `result` of a call; failed or closed when it wants nothing.
    asio::awaitable<Io> wait_tls(int result, std::int64_t deadline_ns);
    bool sent(std::int64_t result, Io& io) noexcept;
    Io tls_read(char* to, std::size_t size, int& result) noexcept;
    Io tls_write(std::span<std::string_view const> pieces, int& result) noexcept;
    void note(std::string_view what, int error);

    Socket socket_;
    EdgeRead edge_read_{socket_};
    SslPtr ssl_;
    TlsContext context_;
    std::int64_t read_deadline_ns_ = never_ns;
    std::int64_t write_deadline_ns_ = never_ns;
    bool read_expired_ = false;
    bool write_expired_ = false;
    bool send_failed_ = false;
    std::string detail_;
};

} // namespace tollgate::net
