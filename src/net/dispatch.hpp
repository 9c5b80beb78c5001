#pragma once
// Blocking work (stores, password hashing) off the I/O threads.
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/error.hpp"

namespace tollgate::net {

namespace asio = boost::asio;

/// A few threads for calls that block. Thread-safe. Destroy it (or call join) before the io_contexts it resumes on.
class BlockingPool {
public:
    /// `waiting_max` = jobs that may wait for a thread; more are refused.
    BlockingPool(int threads, std::size_t waiting_max);
    ~BlockingPool();
    BlockingPool(BlockingPool const&) = delete;
    BlockingPool& operator=(BlockingPool const&) = delete;

    /// Runs `work` on the pool and resumes on the caller's own executor with its result. What `work` refers to must
    /// outlive it even when the awaiting coroutine is destroyed: capture by value. Exceptions come through.
    /// Errors: unavailable (too much is waiting).
    template <class F>
    asio::awaitable<Result<std::invoke_result_t<F&>>> run(F work) {
        using R = std::invoke_result_t<F&>;
        auto state = std::make_shared<State<F, R>>(std::move(work)); // shared: the job may outlive the coroutine
        std::function<void()> job = [state] { state->call(); };
        bool const accepted = co_await run_job(std::move(job));
        if (!accepted) co_return fail(Errc::unavailable, "The server is busy; try again in a moment.");
        if constexpr (std::is_void_v<R>)
            co_return Result<void>();
        else
            co_return Result<R>(std::move(*state->result));
    }

    /// Waits for the jobs that were accepted and ends the threads; later jobs are refused.
    void join();

private:
    template <class F, class R>
    struct State {
        explicit State(F f) : work(std::move(f)) {}
        void call() {
            if constexpr (std::is_void_v<R>)
                work();
            else
                result.emplace(work());
        }
        F work;
        std::optional<std::conditional_t<std::is_void_v<R>, bool, R>> result;
    };
    /// False: refused. Rethrows what `job` throws.
    asio::awaitable<bool> run_job(std::function<void()> job);

    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace tollgate::net
