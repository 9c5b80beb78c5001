#include "net/dispatch.hpp"

#include <atomic>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tollgate::net {

class BlockingPool::Impl {
public:
    Impl(int threads, std::size_t waiting_max)
        : accepted_max(waiting_max + static_cast<std::size_t>(threads)), pool(static_cast<std::size_t>(threads)) {}
    std::size_t const accepted_max;
    std::atomic<std::size_t> accepted{0}; ///< waiting or running
    std::atomic<bool> closed{false};
    asio::thread_pool pool;
};

BlockingPool::BlockingPool(int threads, std::size_t waiting_max) : impl_(std::make_unique<Impl>(threads, waiting_max)) {}
BlockingPool::~BlockingPool() { join(); }

void BlockingPool::join() {
    impl_->closed = true;
    impl_->pool.join();
}

asio::awaitable<bool> BlockingPool::run_job(std::function<void()> job) {
    auto& impl = *impl_;
    if (impl.closed || impl.accepted.fetch_add(1) >= impl.accepted_max) {
        if (!impl.closed) impl.accepted.fetch_sub(1);
        co_return false;
    }
    auto initiate = [&impl](auto handler, std::function<void()> work) {
        auto on_pool = [&impl, handler = std::move(handler), work = std::move(work)]() mutable {
            std::exception_ptr error;
            try {
                work();
            } catch (...) {
                error = std::current_exception();
            }
            work = nullptr;
            impl.accepted.fetch_sub(1);
            auto const executor = asio::get_associated_executor(handler);
            asio::post(executor, [handler = std::move(handler), error]() mutable { std::move(handler)(error); });
        };
        asio::post(impl.pool, std::move(on_pool));
    };
    co_await asio::async_initiate<asio::use_awaitable_t<> const, void(std::exception_ptr)>(
        std::move(initiate), asio::use_awaitable, std::move(job));
    co_return true;
}

} // namespace tollgate::net
