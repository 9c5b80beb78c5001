#include "net/timer.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <thread>

#include "net/dispatch.hpp"

namespace tollgate::net {
namespace {

using namespace std::chrono_literals;

void run(asio::io_context& io, asio::awaitable<void> work) {
    std::exception_ptr error;
    asio::co_spawn(io, std::move(work), [&](std::exception_ptr e) { error = e; });
    io.run();
    if (error) std::rethrow_exception(error);
}

struct Trace {
    bool finished = false;
    bool destroyed = false;
};
struct Guard {
    explicit Guard(Trace& t) : trace(t) {}
    ~Guard() { trace.destroyed = true; }
    Trace& trace;
};

asio::awaitable<std::string> work_for(std::chrono::milliseconds time, Trace& trace) {
    Guard const guard(trace);
    co_await sleep_for(time);
    trace.finished = true;
    co_return "result";
}
asio::awaitable<std::string> failing() {
    co_await sleep_for(1ms);
    throw std::runtime_error("boom");
}
asio::awaitable<std::string> immediate() { co_return "now"; }

asio::awaitable<void> limited(std::chrono::nanoseconds limit, asio::awaitable<std::string> work, std::optional<std::string>& out) {
    out = co_await with_limit(limit, std::move(work));
}

TEST(WithLimit, GivesTheResultOfWorkThatEndsInTime) {
    asio::io_context io{1};
    Trace trace;
    std::optional<std::string> out;
    run(io, limited(1h, work_for(5ms, trace), out));
    EXPECT_EQ(out, "result");
}

TEST(WithLimit, GivesTheResultOfWorkThatNeverWaits) {
    asio::io_context io{1};
    std::optional<std::string> out;
    run(io, limited(1h, immediate(), out));
    EXPECT_EQ(out, "now");
}

TEST(WithLimit, EndsWorkThatTakesTooLongBeforeReturning) {
    asio::io_context io{1};
    Trace trace;
    std::optional<std::string> out = "before";
    run(io, limited(20ms, work_for(1h, trace), out));
    EXPECT_EQ(out, std::nullopt);
    EXPECT_FALSE(trace.finished);
    EXPECT_TRUE(trace.destroyed);
}

TEST(WithLimit, LetsExceptionsThrough) {
    asio::io_context io{1};
    std::optional<std::string> out;
    EXPECT_THROW(run(io, limited(1h, failing(), out)), std::runtime_error);
}

asio::awaitable<void> use_pool(BlockingPool& pool, std::thread::id& worked_on, std::thread::id& resumed_on, int& result) {
    auto work = [&worked_on] {
        worked_on = std::this_thread::get_id();
        return 42;
    };
    auto const value = co_await pool.run(std::move(work));
    resumed_on = std::this_thread::get_id();
    result = value.value_or(-1);
}

TEST(BlockingPool, WorksElsewhereAndResumesHere) {
    asio::io_context io{1};
    BlockingPool pool(2, 10);
    std::thread::id worked_on;
    std::thread::id resumed_on;
    int result = 0;
    run(io, use_pool(pool, worked_on, resumed_on, result));
    EXPECT_EQ(result, 42);
    EXPECT_NE(worked_on, std::this_thread::get_id());
    EXPECT_EQ(resumed_on, std::this_thread::get_id());
}

asio::awaitable<void> throw_on_pool(BlockingPool& pool) {
    auto work = []() -> int { throw std::runtime_error("boom"); };
    auto const value = co_await pool.run(std::move(work));
    (void)value;
}

TEST(BlockingPool, LetsExceptionsThrough) {
    asio::io_context io{1};
    BlockingPool pool(1, 10);
    EXPECT_THROW(run(io, throw_on_pool(pool)), std::runtime_error);
}

asio::awaitable<void> block_until(BlockingPool& pool, std::atomic<bool>& release, std::atomic<int>& done) {
    auto work = [&release] { release.wait(false); };
    auto const value = co_await pool.run(std::move(work));
    if (value) ++done;
}

asio::awaitable<void> expect_refusal(BlockingPool& pool, std::atomic<bool>& release, Errc& code) {
    auto work = [] { return 1; };
    auto const value = co_await pool.run(std::move(work));
    if (!value) code = value.error().code;
    release = true;
    release.notify_all();
}

TEST(BlockingPool, RefusesMoreThanMayWait) {
    asio::io_context io{1};
    BlockingPool pool(1, 1);
    std::atomic<bool> release{false};
    std::atomic<int> done{0};
    Errc code = Errc::internal;
    asio::co_spawn(io, block_until(pool, release, done), [](std::exception_ptr) {});
    asio::co_spawn(io, block_until(pool, release, done), [](std::exception_ptr) {});
    run(io, expect_refusal(pool, release, code));
    EXPECT_EQ(code, Errc::unavailable);
    EXPECT_EQ(done, 2);
}

} // namespace
} // namespace tollgate::net
