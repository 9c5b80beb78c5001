#include "net/timer.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tollgate::net {

asio::awaitable<void> sleep_for(std::chrono::nanoseconds duration) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    timer.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(duration));
    co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<bool> detail::run_limited(std::chrono::nanoseconds limit, asio::awaitable<void> work) {
    constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
    auto const executor = co_await asio::this_coro::executor;
    // `work` refers to this frame and our caller's: when we are cancelled ourselves, we still wait for its end.
    co_await asio::this_coro::throw_if_cancelled(false);
    asio::steady_timer timer(executor);
    timer.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(limit));
    asio::cancellation_signal signal;
    bool ended = false;
    bool expired = false;
    std::exception_ptr error;
    auto on_end = [&](std::exception_ptr e) {
        ended = true;
        error = std::move(e);
        timer.cancel();
    };
    asio::co_spawn(executor, std::move(work), asio::bind_cancellation_slot(signal.slot(), on_end));
    while (!ended) {
        co_await timer.async_wait(as_result);
        if (ended || expired) continue;
        expired = true;
        timer.expires_at(asio::steady_timer::time_point::max()); // from now on only on_end wakes us
        signal.emit(asio::cancellation_type::terminal);
    }
    co_await asio::this_coro::throw_if_cancelled(true);
    if (expired) co_return false;
    if (error) std::rethrow_exception(error);
    co_return true;
}

} // namespace tollgate::net
