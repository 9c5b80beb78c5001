#include "journal/durable_wait.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

namespace tollgate::journal {

namespace asio = boost::asio;

namespace {
/// Calls when_durable and completes on the handler's own executor. shared_ptr: std::function wants to be
/// copyable, the handler is not; the work guard keeps the caller's io_context running while it waits.
struct StartWait {
    Journal* journal;
    Position position;
    template <class Handler>
    void operator()(Handler&& handler) const {
        using Held = std::decay_t<Handler>;
        auto held = std::make_shared<Held>(std::forward<Handler>(handler));
        auto executor = asio::get_associated_executor(*held);
        auto work = asio::prefer(executor, asio::execution::outstanding_work.tracked);
        journal->when_durable(position, [held, executor, work](bool durable) {
            asio::post(executor, [held, durable] { std::move (*held)(durable); });
        });
    }
};
} // namespace

asio::awaitable<Result<void>> wait_durable(Journal& journal, Position position) {
    if (journal.settled(position))
        co_return Result<void>{};
    StartWait const start{&journal, position};
    bool const durable =
        co_await asio::async_initiate<asio::use_awaitable_t<> const, void(bool)>(start, asio::use_awaitable);
    if (durable)
        co_return Result<void>{};
    co_return fail(Errc::unavailable, "the journal could not be made durable");
}

} // namespace tollgate::journal
