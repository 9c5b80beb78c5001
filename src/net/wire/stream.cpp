#include "net/wire/stream.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace tollgate::net {
namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t gather_max = 64;
constexpr std::size_t joined_max = 2 * 1024;
constexpr std::size_t tls_record = 16 * 1024;

bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

std::size_t total_size(std::span<std::string_view const> pieces) noexcept {
    std::size_t total = 0;
    for (auto const piece : pieces) total += piece.size();
    return total;
}

/// The pieces without their first `skip` bytes, as far as they fit.
std::size_t gather(std::span<std::string_view const> pieces, std::size_t skip, std::array<iovec, gather_max>& out) noexcept {
    std::size_t n = 0;
    for (auto piece : pieces) {
        if (skip >= piece.size()) {
            skip -= piece.size();
            continue;
        }
        piece.remove_prefix(skip);
        skip = 0;
        out[n].iov_base = const_cast<char*>(piece.data()); // sendmsg only reads
        out[n].iov_len = piece.size();
        if (++n == gather_max) break;
    }
    return n;
}

} // namespace

Stream::Stream(Socket socket, Sweeper& sweeper) : socket_(std::move(socket)) {
    sweeper.add(*this);
    if (socket_.is_open()) edge_read_.enable_hint();
}

Stream::~Stream() { close(); }

void Stream::note(std::string_view what, int error) {
    detail_ = what;
    if (error != 0) {
        char text[128];
        detail_.append(": ").append(strerror_r(error, text, sizeof text));
    }
}

void Stream::on_sweep(std::int64_t now_ns) noexcept {
    if (now_ns >= read_deadline_ns_) {
        read_deadline_ns_ = never_ns;
        read_expired_ = true;
        cancel();
    }
    if (now_ns >= write_deadline_ns_) {
        write_deadline_ns_ = never_ns;
        write_expired_ = true;
        cancel();
    }
}

asio::awaitable<Io> Stream::read_some(char* to, std::size_t size, std::int64_t deadline_ns) {
    if (ssl_) {
        for (;;) {
            int result = 0;
            auto const io = tls_read(to, size, result);
            if (io.state != IoState::ok || io.bytes > 0) co_return io;
            auto const waited = co_await wait_tls(result, deadline_ns);
            if (!waited.ok()) co_return waited;
        }
    }
    read_expired_ = false;
    read_deadline_ns_ = deadline_ns;
    co_await edge_read_.read(to, size);
    read_deadline_ns_ = never_ns;
    auto const ec = edge_read_.error();
    Io io;
    io.bytes = edge_read_.bytes();
    if (ec) {
        io.state = ec == asio::error::eof ? IoState::closed : read_expired_ ? IoState::timed_out : IoState::failed;
        note("read", ec == asio::error::eof ? 0 : ec.value());
    }
    co_return io;
}

Io Stream::try_read(char* to, std::size_t size) noexcept {
    Io io;
    if (ssl_) {
        int result = 0;
        io = tls_read(to, size, result);
        return io;
    }
    auto const n = ::recv(socket_.native_handle(), to, size, MSG_DONTWAIT);
    if (n > 0)
        io.bytes = static_cast<std::size_t>(n);
    else if (n == 0)
        io.state = IoState::closed;
    else if (!would_block(errno))
        io.state = IoState::failed;
    return io;
}

Io Stream::try_write(std::span<std::string_view const> pieces) noexcept {
    Io io;
    auto const total = total_size(pieces);
    if (send_failed_) {
        io.state = IoState::failed;
        return io;
    }
    if (ssl_) {
        int result = 0;
        io = tls_write(pieces, result);
        return io;
    }
    char together[joined_max];
    std::string_view joined;
    if (pieces.size() == 1) {
        joined = pieces[0];
    } else if (total <= sizeof together) { // copied: cheaper than a vector that the kernel has to fetch and check
        char* at = together;
        for (auto const piece : pieces) at = std::copy(piece.begin(), piece.end(), at);
        joined = std::string_view(together, total);
    }
    while (io.bytes < total) {
        if (!joined.empty()) {
            auto const n = ::send(socket_.native_handle(), joined.data() + io.bytes, total - io.bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (!sent(n, io)) return io;
            continue;
        }
        std::array<iovec, gather_max> parts;
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = gather(pieces, io.bytes, parts);
        auto const n = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (!sent(n, io)) return io;
    }
    return io;
}

/// Takes the result of a send into `io`. False: no more now.
bool Stream::sent(std::int64_t result, Io& io) noexcept {
    if (result >= 0) {
        io.bytes += static_cast<std::size_t>(result);
        return true;
    }
    if (would_block(errno)) return false;
    send_failed_ = true;
    io.state = errno == EPIPE || errno == ECONNRESET ? IoState::closed : IoState::failed;
    note("send", errno);
    return false;
}

asio::awaitable<Io> Stream::write_rest(std::span<std::string_view const> pieces, std::size_t skip, std::int64_t stall_ms) {
    auto const total = total_size(pieces);
    std::array<std::string_view, gather_max> rest;
    while (skip < total) {
        // What is left, as pieces: TLS must see the same bytes again after it wanted to write.
        std::array<iovec, gather_max> parts;
        auto const n = gather(pieces, skip, parts);
        for (std::size_t i = 0; i < n; ++i)
            rest[i] = std::string_view(static_cast<char const*>(parts[i].iov_base), parts[i].iov_len);
        auto const io = try_write(std::span<std::string_view const>(rest.data(), n));
        skip += io.bytes;
        if (!io.ok()) {
            Io failed = io;
            failed.bytes = skip;
            co_return failed;
        }
        if (skip == total) break;
        if (io.bytes > 0 && n == gather_max) continue; // more pieces than one gather takes
        auto waited = co_await wait_writable(deadline_in_ms(stall_ms));
        if (!waited.ok()) {
            send_failed_ = true;
            waited.bytes = skip;
            co_return waited;
        }
    }
    Io done;
    done.bytes = skip;
    co_return done;
}

asio::awaitable<Io> Stream::wait_readable(std::int64_t deadline_ns) {
    read_expired_ = false;
    read_deadline_ns_ = deadline_ns;
    auto const [ec] = co_await socket_.async_wait(Socket::wait_read, as_result);
    read_deadline_ns_ = never_ns;
    Io io;
    if (ec) {
        io.state = read_expired_ ? IoState::timed_out : IoState::failed;
        note("wait", ec.value());
    }
    co_return io;
}

asio::awaitable<Io> Stream::wait_writable(std::int64_t deadline_ns) {
    write_expired_ = false;
    write_deadline_ns_ = deadline_ns;
    auto const [ec] = co_await socket_.async_wait(Socket::wait_write, as_result);
    write_deadline_ns_ = never_ns;
    Io io;
    if (ec) {
        io.state = write_expired_ ? IoState::timed_out : IoState::failed;
        note("wait", ec.value());
    }
    co_return io;
}

asio::awaitable<Io> Stream::connect(Tcp::endpoint to, std::int64_t deadline_ns) {
    Io io;
    boost::system::error_code ec;
    socket_.open(to.protocol(), ec);
    if (!ec) socket_.set_option(Tcp::no_delay(true), ec);
    if (ec) {
        note("socket", ec.value());
        io.state = IoState::failed;
        co_return io;
    }
    edge_read_.enable_hint();
    write_expired_ = false;
    write_deadline_ns_ = deadline_ns;
    auto const [connected] = co_await socket_.async_connect(to, as_result);
    write_deadline_ns_ = never_ns;
    if (connected) {
        io.state = write_expired_ ? IoState::timed_out : IoState::failed;
        note("connect", write_expired_ ? ETIMEDOUT : connected.value());
    }
    co_return io;
}

asio::awaitable<Io> Stream::accept_tls(TlsContext context, std::int64_t deadline_ns) {
    context_ = std::move(context);
    socket_.native_non_blocking(true);
    ssl_ = make_server_ssl(*context_, socket_.native_handle());
    return handshake(deadline_ns);
}

asio::awaitable<Io> Stream::connect_tls(TlsContext context, std::string const& host, std::int64_t deadline_ns) {
    context_ = std::move(context);
    socket_.native_non_blocking(true);
    ssl_ = make_client_ssl(*context_, socket_.native_handle(), host);
    return handshake(deadline_ns);
}

asio::awaitable<Io> Stream::handshake(std::int64_t deadline_ns) {
    for (;;) {
        if (!socket_.is_open()) {
            Io io;
            io.state = IoState::failed;
            co_return io;
        }
        ERR_clear_error();
        int const result = SSL_do_handshake(ssl_.get());
        if (result == 1) co_return Io();
        int const wanted = SSL_get_error(ssl_.get(), result);
        if (wanted != SSL_ERROR_WANT_READ && wanted != SSL_ERROR_WANT_WRITE) {
            auto const verify = tls_verify_text(*ssl_);
            detail_ = "TLS handshake: " + (verify.empty() ? tls_error_text() : "certificate: " + verify);
            send_failed_ = true;
            Io io;
            io.state = IoState::failed;
            co_return io;
        }
        auto const waited = co_await wait_tls(wanted, deadline_ns);
        if (!waited.ok()) co_return waited;
    }
}

asio::awaitable<Io> Stream::wait_tls(int result, std::int64_t deadline_ns) {
    if (result == SSL_ERROR_WANT_WRITE) return wait_writable(deadline_ns);
    return wait_readable(deadline_ns);
}

/// ok with 0 bytes: `result` is what OpenSSL wants.
Io Stream::tls_read(char* to, std::size_t size, int& result) noexcept {
    Io io;
    if (!socket_.is_open()) { // OpenSSL still knows the number of a descriptor that may be another connection's now
        io.state = IoState::failed;
        return io;
    }
    ERR_clear_error();
    int const n = SSL_read_ex(ssl_.get(), to, size, &io.bytes);
    if (n == 1) return io;
    io.bytes = 0;
    result = SSL_get_error(ssl_.get(), n);
    if (result == SSL_ERROR_WANT_READ || result == SSL_ERROR_WANT_WRITE) return io;
    if (result == SSL_ERROR_ZERO_RETURN) {
        io.state = IoState::closed;
        return io;
    }
    io.state = IoState::failed; // a bare end without close_notify too: it may be a truncation attack
    detail_ = "TLS read: " + tls_error_text();
    send_failed_ = true;
    return io;
}

Io Stream::tls_write(std::span<std::string_view const> pieces, int& result) noexcept {
    Io io;
    char record[tls_record];
    for (std::size_t i = 0; i < pieces.size();) {
        // Small pieces share a record; the same pieces always make the same record, as a retry requires.
        std::string_view part = pieces[i];
        std::size_t taken = 1;
        if (part.size() < tls_record) {
            std::size_t used = 0;
            for (taken = 0; i + taken < pieces.size() && used + pieces[i + taken].size() <= tls_record; ++taken) {
                std::memcpy(record + used, pieces[i + taken].data(), pieces[i + taken].size());
                used += pieces[i + taken].size();
            }
            part = std::string_view(record, used);
        }
        while (!part.empty()) {
            std::size_t n = 0;
            ERR_clear_error();
            int const wrote = SSL_write_ex(ssl_.get(), part.data(), part.size(), &n);
            if (wrote != 1) {
                result = SSL_get_error(ssl_.get(), wrote);
                if (result == SSL_ERROR_WANT_READ || result == SSL_ERROR_WANT_WRITE) return io;
                io.state = IoState::closed;
                detail_ = "TLS write: " + tls_error_text();
                send_failed_ = true;
                return io;
            }
            io.bytes += n;
            part.remove_prefix(n);
        }
        i += taken;
    }
    return io;
}

bool Stream::quiet() noexcept {
    char byte = 0;
    if (ssl_) { // lets OpenSSL take session tickets, which are not an answer
        int result = 0;
        auto const io = tls_read(&byte, 1, result);
        return io.ok() && io.bytes == 0;
    }
    auto const n = ::recv(socket_.native_handle(), &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    return n < 0 && would_block(errno);
}

void Stream::shutdown_send() noexcept {
    if (ssl_ && !send_failed_) {
        ERR_clear_error();
        SSL_shutdown(ssl_.get());
        ERR_clear_error();
    }
    send_failed_ = true;
    boost::system::error_code ignored;
    socket_.shutdown(Tcp::socket::shutdown_send, ignored);
}

void Stream::cancel() noexcept {
    boost::system::error_code ignored;
    if (socket_.is_open()) socket_.cancel(ignored);
}

void Stream::close() noexcept {
    if (!socket_.is_open()) return;
    if (ssl_ && !send_failed_) {
        ERR_clear_error();
        SSL_shutdown(ssl_.get()); // close_notify: how the peer knows that nothing was cut off
        ERR_clear_error();
    }
    send_failed_ = true;
    boost::system::error_code ignored;
    socket_.close(ignored);
}

} // namespace tollgate::net
