#include "routing/choose.hpp"

#include <gtest/gtest.h>
#include <map>
#include <random>

#include "routing/build_catalog.hpp"

namespace tollgate::routing {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t now_ns = 10'000 * second;
constexpr Timestamp now{1'800'000'000'000};

/// Providers a, b, c … of the OpenAI kind and z of Anthropic's; a model whose targets the test names.
class Choose : public testing::Test {
protected:
    TargetStates states;
    std::mt19937_64 generator{42};
    Dice dice = [this](std::uint64_t bound) { return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(generator); };
    config::RoutingConfig breaker;
    std::shared_ptr<Catalog const> catalog;

    struct T {
        std::string provider;
        std::int64_t priority = 1, weight = 1;
        std::string model = "unlisted";
    };
    std::shared_ptr<Model const> model(std::vector<T> targets, config::Strategy strategy = config::Strategy::priority, bool priced = true) {
        static auto const book = *pricing::Book::builtin();
        CatalogInput input;
        input.book = book;
        input.states = &states;
        input.now = now;
        for (auto const* name : {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "off", "z"}) {
            ProviderDeclaration p;
            p.config.name = name;
            p.config.kind = *name == 'z' ? "anthropic" : "openai";
            p.config.api_key = Secret("key");
            p.config.enabled = p.config.name != "off";
            input.providers.push_back(std::move(p));
        }
        ModelDeclaration m;
        m.config.name = "m";
        m.config.strategy = strategy;
        if (priced) m.config.price = {{"input", "1"}, {"output", "2"}};
        for (auto const& t : targets) m.config.targets.push_back({t.provider, t.model, t.priority, t.weight});
        input.models.push_back(std::move(m));
        catalog = build_catalog(std::move(input));
        EXPECT_TRUE(catalog->problems().empty()) << catalog->problems()[0].text();
        return catalog->find("m");
    }
    std::string order(Model const& m, std::int64_t at = now_ns) {
        auto const candidates = choose(m, Surface::openai_chat, now, at, dice);
        if (!candidates) return "error";
        std::string out;
        for (auto const* target : *candidates) out += target->provider->name;
        return out;
    }
    TargetState& state(std::string const& provider) { return states.of(provider, "unlisted"); }
    void trip(std::string const& provider, std::int64_t at = now_ns) {
        for (int i = 0; i < 5; ++i) state(provider).failed(breaker, at);
    }
};

TEST_F(Choose, PriorityGoesBeforeEverything) {
    auto const m = model({{"b", 2}, {"c", 3}, {"a", 1}});
    for (int i = 0; i < 20; ++i) EXPECT_EQ(order(*m), "abc");
}

TEST_F(Choose, WeightsAreSharesOfTheFirstTry) {
    auto const m = model({{"a", 1, 7}, {"b", 1, 2}, {"c", 1, 1}, {"d", 1, 0}});
    std::map<std::string, int> first;
    std::map<std::string, int> orders;
    constexpr int rounds = 20'000;
    for (int i = 0; i < rounds; ++i) {
        auto const o = order(*m);
        ASSERT_EQ(o.size(), 4u);
        ASSERT_EQ(o.back(), 'd'); // weight 0: only when the others fail
        ++first[o.substr(0, 1)];
        ++orders[o];
    }
    // Standard deviation of a share p is sqrt(p(1-p)/n) ≤ 0.0035: five of them.
    EXPECT_NEAR(first["a"] / double(rounds), 0.7, 0.018);
    EXPECT_NEAR(first["b"] / double(rounds), 0.2, 0.018);
    EXPECT_NEAR(first["c"] / double(rounds), 0.1, 0.018);
    EXPECT_EQ(first["d"], 0);
    EXPECT_EQ(orders.size(), 6u);
    // The second try is drawn among the rest by the same weights: after a, b has 2 of 3.
    EXPECT_NEAR(orders["abcd"] / double(orders["abcd"] + orders["acbd"]), 2.0 / 3, 0.025);
}

TEST_F(Choose, WeightedTakesAllTargetsAsOnePriority) {
    auto const m = model({{"a", 1}, {"b", 2}}, config::Strategy::weighted);
    int b_first = 0;
    for (int i = 0; i < 1000; ++i) b_first += order(*m) == "ba";
    EXPECT_NEAR(b_first, 500, 100);
}

TEST_F(Choose, CheapestOrdersByOurCostWithinAPriority) {
    // gpt-4o costs more than gpt-4o-mini; what the book does not know counts as dearest.
    auto const m = model({{"a", 1, 1, "gpt-4o"}, {"b", 1, 1, "no-such-model"}, {"c", 1, 1, "gpt-4o-mini"}, {"d", 0, 1, "gpt-4o"}},
                         config::Strategy::cheapest);
    EXPECT_EQ(order(*m), "dcab");
}

TEST_F(Choose, FastestOrdersByLatencyAndNowAndThenTriesAnother) {
    auto const m = model({{"a"}, {"b"}, {"c"}}, config::Strategy::fastest);
    state("a").succeeded(breaker, 30, now_ns);
    state("b").succeeded(breaker, 10, now_ns);
    EXPECT_EQ(order(*m).substr(0, 1), "c"); // never measured
    state("c").succeeded(breaker, 20, now_ns);
    int best = 0;
    constexpr int rounds = 3200;
    for (int i = 0; i < rounds; ++i) best += order(*m) == "bca";
    EXPECT_NEAR(rounds - best, rounds / 32, 50);
}

TEST_F(Choose, BlockedTargetsComeLastButAreNeverLost) {
    auto const m = model({{"a", 1}, {"b", 2}, {"c", 3}});
    trip("a");
    EXPECT_EQ(order(*m), "bca");
    trip("b", now_ns + 1);
    EXPECT_EQ(order(*m), "cab"); // of two blocked ones the one that opened first
    trip("c", now_ns + 2);
    EXPECT_EQ(order(*m), "abc");
}

TEST_F(Choose, AHalfOpenTargetKeepsItsPlaceForOneProbe) {
    auto const m = model({{"a", 1}, {"b", 2}});
    trip("a");
    auto const later = now_ns + 10 * second;
    EXPECT_EQ(order(*m, later), "ab"); // the probe
    EXPECT_EQ(order(*m, later), "ba"); // everybody else
    state("a").succeeded(breaker, 1, later);
    EXPECT_EQ(order(*m, later), "ab");
}

TEST_F(Choose, AHalfOpenTargetInSecondPlaceKeepsItsProbe) {
    auto const m = model({{"a", 1}, {"b", 2}});
    trip("b");
    auto const later = now_ns + 10 * second;
    EXPECT_EQ(order(*m, later), "ab");
    EXPECT_EQ(state("b").gate(later), TargetState::Gate::probe); // not used up by a request that never tries b
}

TEST_F(Choose, ASingleTargetIsTriedEvenWhenBlocked) {
    auto const m = model({{"a"}});
    trip("a");
    EXPECT_EQ(order(*m), "a");
}

TEST_F(Choose, TriesAtMostEightTargets) {
    auto const m = model({{"a"}, {"b"}, {"c"}, {"d"}, {"e"}, {"f"}, {"g"}, {"h"}, {"i"}, {"j"}});
    EXPECT_EQ(order(*m).size(), 8u);
}

TEST_F(Choose, LeavesOutTargetsThatCannotServeTheCall) {
    auto const m = model({{"z", 1}, {"a", 2}, {"off", 0}});
    EXPECT_EQ(order(*m), "a");
    EXPECT_EQ(m->targets.size(), 2u);
    EXPECT_EQ(m->declared_targets, 3);
}

TEST_F(Choose, SaysWhyNothingCanBeChosen) {
    auto error = [&](std::shared_ptr<Model const> const& m) { return choose(*m, Surface::openai_chat, now, now_ns, dice).error(); };
    auto const dialect = error(model({{"z"}}));
    EXPECT_EQ(dialect.code, Errc::invalid_request);
    EXPECT_EQ(dialect.param, "model");
    auto const unpriced = error(model({{"a"}}, config::Strategy::priority, false));
    EXPECT_EQ(unpriced.code, Errc::model_price_unset);
    auto const off = error(model({{"off"}}));
    EXPECT_EQ(off.code, Errc::unavailable);
}

TEST_F(Choose, PricedTargetsServeWhereOthersHaveNoPrice) {
    auto const m = model({{"a", 1, 1, "no-such-model"}, {"b", 2, 1, "gpt-4o"}}, config::Strategy::priority, false);
    EXPECT_EQ(order(*m), "b");
}

TEST(RetryDelay, GrowsWithJitterAndHonoursRetryAfter) {
    config::RoutingConfig config; // 50 ms
    Dice const most = [](std::uint64_t bound) { return bound - 1; };
    Dice const least = [](std::uint64_t) { return std::uint64_t{0}; };
    EXPECT_EQ(retry_delay_ms(config, 2, 0, most), 50);
    EXPECT_EQ(retry_delay_ms(config, 3, 0, most), 100);
    EXPECT_EQ(retry_delay_ms(config, 5, 0, most), 400);
    EXPECT_EQ(retry_delay_ms(config, 100, 0, most), 51'200);
    EXPECT_EQ(retry_delay_ms(config, 3, 0, least), 0);
    EXPECT_EQ(retry_delay_ms(config, 3, 700, most), 700);
    config.backoff_ms = 0;
    EXPECT_EQ(retry_delay_ms(config, 3, 0, most), 0);
}

} // namespace
} // namespace tollgate::routing
