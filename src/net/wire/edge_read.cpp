#include "net/wire/edge_read.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <cerrno>
#include <cstring>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace tollgate::net {

EdgeRead::EdgeRead(Socket& socket)
    : reactor_op(boost::system::error_code(), &EdgeRead::do_perform, &EdgeRead::do_complete), socket_(socket),
      reactor_(asio::use_service<asio::detail::reactor>(socket.get_executor().context())) {
    reactor_.init_task();
}

void EdgeRead::enable_hint() noexcept {
    int const on = 1; // refused by other kernels: then every read is tried first, as Asio does
    ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_INQ, &on, sizeof on);
}

asio::awaitable<void> EdgeRead::read(char* to, std::size_t size) {
    to_ = to;
    size_ = size;
    ec_ = boost::system::error_code();
    bytes_transferred_ = 0;
    auto initiate = [this](auto handler) { start(std::move(handler)); };
    return asio::async_initiate<asio::use_awaitable_t<> const, void()>(std::move(initiate), asio::use_awaitable);
}

void EdgeRead::start(Handler handler) {
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected())
        slot.assign([this](asio::cancellation_type) {
            boost::system::error_code ignored;
            socket_.cancel(ignored);
        });
    handler_.emplace(std::move(handler));
    reactor_.start_op(asio::detail::reactor::read_op, socket_.native_handle(), socket_.reactor_data(), this, true, true);
}

/// A reset can come in the same event as data. TCP_INQ does not count it, and epoll tells it once only: then the next
/// read must be tried at once. The reactor keeps the event that is being worked on in the descriptor's own operation.
bool EdgeRead::peer_failed() noexcept {
    auto* const descriptor = (asio::detail::operation*)socket_.reactor_data(); // a private base: no other cast can
    return descriptor != nullptr && (descriptor->*&EdgeRead::task_result_ & (EPOLLERR | EPOLLHUP)) != 0;
}

asio::detail::reactor_op::status EdgeRead::do_perform(asio::detail::reactor_op* base) {
    auto& self = *static_cast<EdgeRead*>(base);
    iovec part{self.to_, self.size_};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    for (;;) {
        auto const n = ::recvmsg(self.socket_.native_handle(), &message, MSG_DONTWAIT);
        if (n > 0) {
            self.bytes_transferred_ = static_cast<std::size_t>(n);
            int left = 1;
            if (auto const* hint = CMSG_FIRSTHDR(&message);
                hint != nullptr && hint->cmsg_level == SOL_TCP && hint->cmsg_type == TCP_CM_INQ)
                std::memcpy(&left, CMSG_DATA(hint), sizeof left);
            return left == 0 && !self.peer_failed() ? done_and_exhausted : done;
        }
        if (n == 0) {
            self.ec_ = asio::error::eof;
            return done_and_exhausted;
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return not_done;
        self.ec_.assign(errno, asio::error::get_system_category());
        return done;
    }
}

void EdgeRead::do_complete(void* owner, asio::detail::operation* base, boost::system::error_code const&, std::size_t) {
    auto& self = *static_cast<EdgeRead*>(base);
    // Out of the operation first: resuming (or, at shutdown, destroying) the coroutine may destroy this object.
    Handler handler(std::move(*self.handler_));
    self.handler_.reset();
    if (owner != nullptr) handler();
}

} // namespace tollgate::net
