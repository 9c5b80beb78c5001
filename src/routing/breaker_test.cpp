#include "routing/breaker.hpp"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

#include "routing/target_states.hpp"

namespace tollgate::routing {
namespace {

using Gate = TargetState::Gate;
constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t start = 10'000 * second;

class Breaker : public testing::Test {
protected:
    BreakerConfig config; // 5 in a row; 50 % of at least 20 in 30 s; 10 s doubling to 60 s
    TargetState state;
    std::int64_t now = start;
    void fail(int times) {
        for (int i = 0; i < times; ++i) state.failed(config, now);
    }
    void succeed(int times) {
        for (int i = 0; i < times; ++i) state.succeeded(config, 1000, now);
    }
};

TEST_F(Breaker, OpensAfterFailuresInARow) {
    fail(4);
    EXPECT_EQ(state.gate(now), Gate::open_road);
    succeed(1);
    fail(4); // a success in between starts the count anew
    EXPECT_EQ(state.gate(now), Gate::open_road);
    fail(1);
    EXPECT_EQ(state.gate(now), Gate::blocked);
    EXPECT_EQ(state.blocked_until_ns(), now + 10 * second);
}

TEST_F(Breaker, OpensOnTheErrorRateOfEnoughRequests) {
    for (int i = 0; i < 9; ++i) {
        succeed(1);
        fail(1);
    }
    succeed(1); // 19 attempts, 9 failures
    EXPECT_EQ(state.gate(now), Gate::open_road);
    fail(1); // 10 of 20
    EXPECT_EQ(state.gate(now), Gate::blocked);
}

TEST_F(Breaker, FailuresBeforeTheWindowDoNotCount) {
    for (int i = 0; i < 9; ++i) {
        succeed(1);
        fail(1);
    }
    now += 31 * second;
    EXPECT_EQ(state.window(config, now).attempts, 0);
    succeed(12);
    fail(4);
    EXPECT_EQ(state.gate(now), Gate::open_road);
    EXPECT_EQ(state.window(config, now).attempts, 16);
    EXPECT_EQ(state.window(config, now).failures, 4);
}

TEST_F(Breaker, LetsOneProbeThroughWhenThePauseIsOver) {
    fail(5);
    now += 10 * second - 1;
    EXPECT_EQ(state.gate(now), Gate::blocked);
    EXPECT_FALSE(state.claim_probe(now));
    now += 1;
    EXPECT_EQ(state.gate(now), Gate::probe);
    EXPECT_TRUE(state.claim_probe(now));
    EXPECT_FALSE(state.claim_probe(now));
    EXPECT_EQ(state.gate(now), Gate::blocked); // for everybody else
    succeed(1);
    EXPECT_EQ(state.gate(now), Gate::open_road);
    EXPECT_EQ(state.window(config, now).failures, 0); // old failures do not open it again at once
}

TEST_F(Breaker, PausesDoubleWithEachFailedProbeUpToTheLongest) {
    fail(5);
    for (auto const seconds : {20, 40, 60, 60}) {
        now = state.blocked_until_ns();
        ASSERT_TRUE(state.claim_probe(now));
        fail(1);
        EXPECT_EQ(state.blocked_until_ns(), now + seconds * second);
    }
    now = state.blocked_until_ns();
    ASSERT_TRUE(state.claim_probe(now));
    succeed(1);
    fail(5);
    EXPECT_EQ(state.blocked_until_ns(), now + 10 * second); // starts over after a success
}

TEST_F(Breaker, LateFailuresOfCallsUnderWayDoNotLengthenThePause) {
    fail(5);
    auto const until = state.blocked_until_ns();
    fail(20);
    EXPECT_EQ(state.blocked_until_ns(), until);
}

TEST_F(Breaker, AProbeThatNeverReportsIsFollowedByAnother) {
    fail(5);
    now += 10 * second;
    ASSERT_TRUE(state.claim_probe(now));
    now += 10 * second;
    EXPECT_EQ(state.gate(now), Gate::probe);
    EXPECT_TRUE(state.claim_probe(now));
}

TEST_F(Breaker, ARateLimitPausesWithoutCountingAsAFailure) {
    fail(4);
    state.rate_limited(3 * second, now);
    EXPECT_EQ(state.gate(now), Gate::blocked);
    EXPECT_EQ(state.gate(now + 3 * second), Gate::open_road);
    fail(4); // the row was broken by the answer
    EXPECT_EQ(state.gate(now + 3 * second), Gate::open_road);
    state.rate_limited(3600 * second, now);
    EXPECT_EQ(state.gate(now + 60 * second), Gate::open_road); // never longer than a minute
    state.rate_limited(0, now + 60 * second);
    EXPECT_EQ(state.gate(now + 61 * second), Gate::open_road);
}

TEST_F(Breaker, LatencyFollowsTheAnswers) {
    EXPECT_EQ(state.latency_ns(), 0);
    state.succeeded(config, 1'000'000, now);
    EXPECT_EQ(state.latency_ns(), 1'000'000);
    for (int i = 0; i < 100; ++i) state.succeeded(config, 5'000'000, now);
    EXPECT_NEAR(static_cast<double>(state.latency_ns()), 5e6, 1e4);
}

TEST_F(Breaker, OfManyThreadsExactlyOneGetsTheProbe) {
    for (int round = 0; round < 200; ++round) {
        fail(5);
        now = state.blocked_until_ns();
        std::atomic<int> probes{0};
        std::vector<std::thread> pool;
        for (int t = 0; t < 8; ++t) pool.emplace_back([&] { probes.fetch_add(state.claim_probe(now) ? 1 : 0); });
        for (auto& thread : pool) thread.join();
        ASSERT_EQ(probes.load(), 1);
        succeed(1);
    }
}

TEST_F(Breaker, CountsOfManyThreadsAddUp) {
    std::vector<std::thread> pool;
    for (int t = 0; t < 4; ++t)
        pool.emplace_back([&] {
            for (int i = 0; i < 1000; ++i) state.succeeded(config, 1000, now);
        });
    for (auto& thread : pool) thread.join();
    EXPECT_EQ(state.window(config, now).attempts, 4000);
}

TEST(TargetStatesTest, KeepOneStatePerTargetAndOneNumberPerModel) {
    TargetStates states;
    EXPECT_EQ(&states.of("a", "m"), &states.of("a", "m"));
    EXPECT_NE(&states.of("a", "m"), &states.of("b", "m"));
    EXPECT_EQ(states.number_of("x"), states.number_of("x"));
    EXPECT_NE(states.number_of("x"), states.number_of("y"));
}

TEST(TargetStatesTest, HealthOfAProviderIsThatOfItsTargets) {
    TargetStates states;
    BreakerConfig const config;
    EXPECT_EQ(provider_health(states, "a", config, start), "unknown");
    states.of("a", "never used");
    states.of("a", "1").succeeded(config, 1, start);
    EXPECT_EQ(provider_health(states, "a", config, start), "healthy");
    for (int i = 0; i < 5; ++i) states.of("a", "2").failed(config, start);
    EXPECT_EQ(provider_health(states, "a", config, start), "degraded");
    for (int i = 0; i < 5; ++i) states.of("a", "1").failed(config, start);
    EXPECT_EQ(provider_health(states, "a", config, start), "down");
    EXPECT_EQ(provider_health(states, "b", config, start), "unknown");
}

} // namespace
} // namespace tollgate::routing
