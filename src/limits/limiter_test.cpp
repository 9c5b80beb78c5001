#include "limits/limiter.hpp"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace tollgate::limits {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t start = 5'000 * second;

TEST(Bucket, HoldsExactlyOneMinutesWorthWhateverTheLimit) {
    for (std::int64_t const limit : {1, 2, 3, 7, 59, 60, 61, 1000, 7919, 100'000}) {
        Bucket bucket;
        std::int64_t taken = 0;
        while (bucket.take(limit, 1, start).ok) ++taken;
        EXPECT_EQ(taken, limit);
    }
}

TEST(Bucket, RefillsContinuously) {
    Bucket bucket;
    ASSERT_TRUE(bucket.take(60, 60, start).ok);
    auto const refused = bucket.take(60, 1, start);
    EXPECT_FALSE(refused.ok);
    EXPECT_EQ(refused.remaining, 0);
    EXPECT_EQ(refused.retry_in_ns, second);
    EXPECT_FALSE(bucket.take(60, 1, start + second - 1).ok);
    EXPECT_TRUE(bucket.take(60, 1, start + second).ok);
    auto const later = bucket.take(60, 1, start + 11 * second); // 10 came back, one of them goes
    EXPECT_EQ(later.remaining, 9);
    EXPECT_EQ(bucket.take(60, 0, start + 10'000 * second).remaining, 60); // never more than a minute's worth
}

TEST(Bucket, TellsAnAmountThatNeverFitsFromOneThatMustWait) {
    Bucket bucket;
    EXPECT_EQ(bucket.take(100, 101, start).retry_in_ns, -1);
    EXPECT_TRUE(bucket.take(100, 100, start).ok);
    EXPECT_EQ(bucket.take(100, 50, start).retry_in_ns, 30 * second);
}

TEST(Bucket, DebtIsPaidBeforeAnythingIsGivenAgain) {
    Bucket bucket;
    ASSERT_TRUE(bucket.take(60, 10, start).ok);
    bucket.adjust(60, 110, start); // 120 in all: one minute too many
    EXPECT_FALSE(bucket.take(60, 1, start + 60 * second).ok);
    EXPECT_TRUE(bucket.take(60, 1, start + 61 * second).ok);
}

TEST(Bucket, DebtOfALateCorrectionCountsFromNow) {
    Bucket bucket;
    ASSERT_TRUE(bucket.take(60, 10, start).ok);
    auto const late = start + 600 * second; // long full again
    bucket.adjust(60, 60, late);
    EXPECT_FALSE(bucket.take(60, 1, late).ok);
}

TEST(Bucket, GivingBackNeverOverfills) {
    Bucket bucket;
    ASSERT_TRUE(bucket.take(60, 10, start).ok);
    bucket.adjust(60, -1000, start);
    EXPECT_EQ(bucket.take(60, 0, start).remaining, 60);
    bucket.adjust(60, 1'000'000'000'000, start); // an absurd count costs at most an hour
    EXPECT_TRUE(bucket.take(60, 1, start + 61 * 60 * second).ok);
}

TEST(Bucket, KeepsTheUsedShareWhenTheLimitChanges) {
    Bucket bucket;
    ASSERT_TRUE(bucket.take(100, 50, start).ok);
    EXPECT_EQ(bucket.take(1000, 0, start).remaining, 500);
}

struct Fixture : testing::Test {
    Limiter limiter;
    Scope key(RateLimits limits, std::int64_t id = 1) { return Scope{&limiter.key(KeyId{id}), limits, "API key"}; }
    Scope account(RateLimits limits) { return Scope{&limiter.account(AccountId{1}), limits, "account"}; }
};
class LimiterTest : public Fixture {};

TEST_F(LimiterTest, ScopesWithoutLimitsLetEverythingThroughAndShowNoHeaders) {
    auto const admission = limiter.admit({key({}), account({})}, 1'000'000, start);
    ASSERT_TRUE(admission);
    std::string headers;
    append_rate_headers(headers, admission->status());
    EXPECT_EQ(headers, "");
}

TEST_F(LimiterTest, RefusalNamesTheScopeTheLimitAndWhenToComeBack) {
    auto const scope = key({.rpm = 2});
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(limiter.admit({scope}, 0, start));
    auto const refused = limiter.admit({scope}, 0, start);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::rate_limited);
    EXPECT_EQ(refused.error().retry_after_s, 30);
    EXPECT_NE(refused.error().message.find("API key: 2 requests per minute"), std::string::npos) << refused.error().message;
}

TEST_F(LimiterTest, ARefusedScopeGivesBackWhatOthersHadGiven) {
    auto const wide = key({.rpm = 10, .tpm = 1000, .concurrency = 5});
    auto const tight = account({.rpm = 1});
    ASSERT_TRUE(limiter.admit({wide, tight}, 100, start)); // dropped at once: tokens and slot come back
    ASSERT_FALSE(limiter.admit({wide, tight}, 100, start));
    auto const after = limiter.admit({wide}, 0, start);
    ASSERT_TRUE(after);
    EXPECT_EQ(after->status().remaining_requests, 8); // the first and this one
    EXPECT_EQ(after->status().remaining_tokens, 1000);
    EXPECT_EQ(wide.state->in_flight.load(), 1);
}

TEST_F(LimiterTest, RefusedTokensDoNotUseUpRequests) {
    auto const scope = key({.rpm = 2, .tpm = 100, .concurrency = 1});
    for (int i = 0; i < 50; ++i) ASSERT_FALSE(limiter.admit({scope}, 101, start));
    auto const admission = limiter.admit({scope}, 100, start);
    ASSERT_TRUE(admission);
    EXPECT_EQ(admission->status().remaining_requests, 1);
}

TEST_F(LimiterTest, ARequestLargerThanTheWholeLimitIsToldSo) {
    auto const refused = limiter.admit({key({.tpm = 100})}, 101, start);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("more than this API key's whole limit of 100"), std::string::npos);
}

TEST_F(LimiterTest, TokensAreDebitedWithTheEstimateAndCorrectedAtSettlement) {
    auto const scope = key({.tpm = 600});
    {
        auto first = limiter.admit({scope}, 500, start);
        ASSERT_TRUE(first);
        EXPECT_FALSE(limiter.admit({scope}, 101, start)); // the estimate counts while it runs
        first->settle_tokens(100, start);
    }
    EXPECT_EQ(limiter.admit({scope}, 0, start)->status().remaining_tokens, 500);
    {
        auto longer = limiter.admit({scope}, 10, start);
        longer->settle_tokens(1100, start); // a stream that ran far over its estimate
    }
    EXPECT_FALSE(limiter.admit({scope}, 1, start + 60 * second));
    EXPECT_TRUE(limiter.admit({scope}, 1, start + 61 * second));
}

TEST_F(LimiterTest, SlotsAreFreedHoweverTheRequestEnds) {
    auto const scope = key({.concurrency = 2});
    auto a = limiter.admit({scope}, 0, start);
    {
        auto b = limiter.admit({scope}, 0, start);
        ASSERT_TRUE(b);
        auto const refused = limiter.admit({scope}, 0, start);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().retry_after_s, 1);
    }
    auto c = limiter.admit({scope}, 0, start);
    ASSERT_TRUE(c);
    *c = Admission(); // moved over: freed once, not twice
    EXPECT_EQ(scope.state->in_flight.load(), 1);
    Admission moved = std::move(*a);
    EXPECT_EQ(scope.state->in_flight.load(), 1);
    moved = Admission();
    EXPECT_EQ(scope.state->in_flight.load(), 0);
}

TEST_F(LimiterTest, HeadersShowTheScopeThatRunsOutFirst) {
    auto const admission = limiter.admit({key({.rpm = 100, .tpm = 1000}), account({.rpm = 10, .tpm = 100'000})}, 500, start);
    ASSERT_TRUE(admission);
    std::string headers;
    append_rate_headers(headers, admission->status());
    EXPECT_EQ(headers, "x-ratelimit-limit-requests: 10\r\n"
                       "x-ratelimit-remaining-requests: 9\r\n"
                       "x-ratelimit-reset-requests: 6s\r\n"
                       "x-ratelimit-limit-tokens: 1000\r\n"
                       "x-ratelimit-remaining-tokens: 500\r\n"
                       "x-ratelimit-reset-tokens: 30s\r\n");
}

TEST(RateHeaders, WriteDurationsAsOpenAiDoes) {
    struct Case {
        std::int64_t ms;
        std::string_view want;
    };
    for (auto const& [ms, want] : {Case{0, "0s"}, Case{1, "1ms"}, Case{999, "999ms"}, Case{1500, "1.5s"},
                                   Case{1234, "1.234s"}, Case{1050, "1.05s"}, Case{60'000, "1m0s"}, Case{360'000, "6m0s"}}) {
        std::string out;
        append_rate_headers(out, RateStatus{.limit_requests = 1, .reset_requests_ms = ms});
        EXPECT_NE(out.find("x-ratelimit-reset-requests: " + std::string(want) + "\r\n"), std::string::npos) << out;
    }
}

TEST_F(LimiterTest, IdsBeyondTheDenseRangeHaveTheirOwnState) {
    auto const huge = key({.rpm = 1}, 3'000'000'000'000);
    EXPECT_TRUE(limiter.admit({huge}, 0, start));
    EXPECT_FALSE(limiter.admit({huge}, 0, start));
    EXPECT_TRUE(limiter.admit({key({.rpm = 1}, 3'000'000'000'001)}, 0, start));
}

/// Eight threads at one instant: not one request more or less than the limit allows.
TEST_F(LimiterTest, ManyThreadsNeverExceedALimit) {
    constexpr int threads = 8, tries = 4000;
    struct Case {
        RateLimits limits;
        std::int64_t estimate, want;
    };
    int id = 10;
    for (auto const& [limits, estimate, want] : {Case{{.rpm = 1000}, 0, 1000}, Case{{.tpm = 10'000}, 7, 1428}}) {
        auto const scope = key(limits, ++id);
        std::atomic<std::int64_t> admitted{0};
        std::vector<std::thread> pool;
        for (int t = 0; t < threads; ++t)
            pool.emplace_back([&] {
                for (int i = 0; i < tries; ++i)
                    if (auto admission = limiter.admit({scope}, estimate, start)) {
                        admission->settle_tokens(estimate, start);
                        admitted.fetch_add(1);
                    }
            });
        for (auto& thread : pool) thread.join();
        EXPECT_EQ(admitted.load(), want);
    }
}

TEST_F(LimiterTest, ManyThreadsNeverHoldMoreSlotsThanAllowed) {
    auto const scope = key({.concurrency = 3});
    std::atomic<int> inside{0}, most{0};
    std::atomic<int> entered{0};
    std::vector<std::thread> pool;
    for (int t = 0; t < 8; ++t)
        pool.emplace_back([&] {
            for (int i = 0; i < 5000; ++i)
                if (auto const admission = limiter.admit({scope}, 0, start)) {
                    int const now = inside.fetch_add(1) + 1;
                    int seen = most.load();
                    while (now > seen && !most.compare_exchange_weak(seen, now)) {}
                    entered.fetch_add(1);
                    inside.fetch_sub(1);
                }
        });
    for (auto& thread : pool) thread.join();
    EXPECT_LE(most.load(), 3);
    EXPECT_GT(entered.load(), 0);
    EXPECT_EQ(scope.state->in_flight.load(), 0);
}

} // namespace
} // namespace tollgate::limits
