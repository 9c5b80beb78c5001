#pragma once
// Reading without the system call that always fails. Asio tries every read before it waits; on both legs the next
// message is never there yet, so that costs a recv with EAGAIN per message (0.33 µs of a request's ~10). This
// operation asks the kernel with each recv how much is left (TCP_INQ, which also counts a FIN) and lets the reactor
// skip the attempt when nothing is: edge-triggered epoll will tell.
//
// It is written against boost::asio::detail, which is why it stands alone here: Boost 1.81's epoll reactor only.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/detail/reactor.hpp>
#include <boost/asio/detail/reactor_op.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

namespace tollgate::net {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

/// A TCP socket that shows its entry in the reactor.
class Socket : public asio::basic_stream_socket<Tcp, asio::io_context::executor_type> {
public:
    using Base = asio::basic_stream_socket<Tcp, asio::io_context::executor_type>;
    using Base::Base;
    asio::detail::reactor::per_descriptor_data& reactor_data() { return impl_.get_implementation().reactor_data_; }
};

/// One read at a time on one socket; lives inside the connection, so that a read allocates no operation. The awaiting
/// coroutine must run on the socket's own single-threaded io_context and must own the connection (or outlive it).
class EdgeRead final : public asio::detail::reactor_op {
public:
    explicit EdgeRead(Socket& socket);
    EdgeRead(EdgeRead const&) = delete;
    EdgeRead& operator=(EdgeRead const&) = delete;

    /// Once the socket is open.
    void enable_hint() noexcept;
    /// Completes with error() and bytes(). `size` ≥ 1. Cancelled by Socket::cancel and close, and through the
    /// coroutine's cancellation slot.
    asio::awaitable<void> read(char* to, std::size_t size);
    boost::system::error_code const& error() const noexcept { return ec_; }
    std::size_t bytes() const noexcept { return bytes_transferred_; }

private:
    using Handler = asio::detail::awaitable_handler<asio::any_io_executor>;
    void start(Handler handler);
    bool peer_failed() noexcept;
    static status do_perform(asio::detail::reactor_op* base);
    static void do_complete(void* owner, asio::detail::operation* base, boost::system::error_code const&, std::size_t);

    Socket& socket_;
    asio::detail::reactor& reactor_;
    char* to_ = nullptr;
    std::size_t size_ = 0;
    std::optional<Handler> handler_;
};

} // namespace tollgate::net
