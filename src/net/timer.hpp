#pragma once
// Waiting and time limits for coroutines. Connections have their own, cheaper deadlines; these are for the rest.
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include "base/error.hpp"

namespace tollgate::net {

namespace asio = boost::asio;

/// Suspends for `duration` (≤ 0: only yields to other work). Throws boost::system::system_error when cancelled.
asio::awaitable<void> sleep_for(std::chrono::nanoseconds duration);

namespace detail {
/// Runs `work` to its end or, after `limit`, cancels it and waits until it has ended. True: ended by itself in time.
/// Rethrows what `work` throws, unless that came of the cancellation.
asio::awaitable<bool> run_limited(std::chrono::nanoseconds limit, asio::awaitable<void> work);

template <class T>
asio::awaitable<void> store_result(asio::awaitable<T> work, std::optional<T>& out) {
    out.emplace(co_await std::move(work));
}
} // namespace detail

/// The result of `work`, or nullopt when it took longer than `limit`. `work` is cancelled then and has ended (its
/// destructors have run) before this returns, so it may refer to the caller's locals. An exception from `work` comes
/// through. Give the awaitable a name and move it in.
template <class T>
asio::awaitable<std::optional<T>> with_limit(std::chrono::nanoseconds limit, asio::awaitable<T> work) {
    std::optional<T> out;
    auto stored = detail::store_result(std::move(work), out);
    bool const in_time = co_await detail::run_limited(limit, std::move(stored));
    if (!in_time) out.reset();
    co_return out;
}

} // namespace tollgate::net
