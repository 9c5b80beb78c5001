#include "net/wire/send_turns.hpp"

#include <boost/asio/async_result.hpp>

namespace tollgate::net {
namespace {
/// After a turn that held a single message, this many are sent at once before it is tried again.
constexpr int direct_sends = 15;
} // namespace

SendTurns::SendTurns(asio::execution_context& context)
    : execution_context_service_base(context), scheduler_(asio::use_service<asio::detail::scheduler>(context)) {}

asio::awaitable<void> SendTurns::next() {
    auto initiate = [this](auto handler) { start(std::move(handler)); };
    return asio::async_initiate<asio::use_awaitable_t<> const, void()>(std::move(initiate), asio::use_awaitable);
}

void SendTurns::start(Handler handler) {
    waiting_.push_back(std::move(handler));
    if (waiting_.size() == 1) scheduler_.post_immediate_completion(&operation_, false);
}

void SendTurns::run() {
    if (waiting_.size() == 1) direct_ = direct_sends;
    running_.swap(waiting_); // what is resumed may wait for the next turn
    for (auto& waiting : running_) {
        Handler handler(std::move(waiting));
        handler();
    }
    running_.clear();
}

void SendTurns::shutdown() {
    // Out of the members first: a frame that is destroyed with its handler must not find itself here.
    auto const gone = std::move(waiting_);
    waiting_.clear();
}

void SendTurns::Operation::do_complete(void* owner, asio::detail::operation* base, boost::system::error_code const&,
                                       std::size_t) {
    auto& self = static_cast<Operation*>(base)->turns;
    if (owner != nullptr) self.run();
    else self.shutdown();
}

} // namespace tollgate::net
