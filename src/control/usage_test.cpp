// Records, sums, exports, billing and by-key answers over requests that were really held and settled.
#include "control/testing/api_fixture.hpp"

namespace tollgate::control {
namespace {
using testing::ApiTest;

class UsageApi : public ApiTest {
protected:
    UsageApi() {
        account = make_account();
        key = make_key(account, &key_text);
        post("/api/accounts/" + account + "/credit", R"({"amount":"10","kind":"purchase","reference":"r"})");
        first = world->paid_request(*parse_id<AccountTag>(account), *parse_id<KeyTag>(key), "a", Money::from_nanos(1'000'000'001));
        world->clock.advance_ms(1000);
        second = world->paid_request(*parse_id<AccountTag>(account), *parse_id<KeyTag>(key), "b", Money::from_nanos(2'000'000'000));
        world->clock.advance_ms(1000);
    }
    testing::Answer by_key(std::string const& target) {
        return call("GET", target, "", {{"authorization", "Bearer " + key_text}});
    }
    std::string account, key, key_text;
    RequestRecord first, second;
};

TEST_F(UsageApi, RecordsAreListedNewestFirstInTheirShape) {
    auto const list = get("/api/usage/records?account_id=" + account);
    auto const& rows = list.json.at("data").as_array();
    ASSERT_EQ(rows.size(), 2u) << list.response.body;
    EXPECT_EQ(rows[0].at("request_id").as_string(), second.request_id.text());
    EXPECT_EQ(rows[0].at("charge").as_string(), "2");
    EXPECT_EQ(rows[0].at("outcome").as_string(), "success");
    EXPECT_EQ(rows[0].at("usage").at("input").as_int64(), 100);
    EXPECT_EQ(rows[0].at("usage").at("reasoning").as_int64(), 0);
    EXPECT_EQ(rows[0].at("usage_source").as_string(), "provider");
    EXPECT_TRUE(rows[0].at("price").as_object().contains("output")) << boost::json::serialize(rows[0]);
    for (auto const* field : {"request_id", "time", "account_id", "team_id", "user_id", "key_id", "key_name", "surface", "method",
                              "path", "route", "model", "provider", "provider_model", "status", "outcome", "error_type",
                              "streamed", "cached", "attempts", "latency_ms", "first_byte_ms", "upstream_ms", "overhead_us",
                              "usage", "usage_source", "price", "price_version", "multiplier", "cost", "charge",
                              "provider_reported_cost", "client_ip", "country", "user_agent", "request_bytes",
                              "response_bytes", "tags", "user", "session"})
        EXPECT_TRUE(rows[0].as_object().contains(field)) << field;
    auto const one = get("/api/usage/records/" + first.request_id.text());
    EXPECT_EQ(one.text("charge"), "1.000000001");
}
TEST_F(UsageApi, RecordsAreFiltered) {
    auto const count = [&](std::string const& query) { return get("/api/usage/records?" + query).json.at("data").as_array().size(); };
    EXPECT_EQ(count("model=a"), 1u);
    EXPECT_EQ(count("status=200&outcome=success&provider=demo&key_id=" + key), 2u);
    EXPECT_EQ(count("status=500"), 0u);
    EXPECT_EQ(count("start=" + format_rfc3339(second.time)), 1u);
    EXPECT_EQ(count("end=" + format_rfc3339(second.time)), 1u);
    auto const page = get("/api/usage/records?limit=1");
    EXPECT_EQ(get("/api/usage/records?limit=1&cursor=" + page.text("next_cursor")).json.at("data").at(0).at("model").as_string(), "a");
}
TEST_F(UsageApi, SumsAddUp) {
    auto const sum = get("/api/usage/summary");
    EXPECT_EQ(sum.text("requests"), "2");
    EXPECT_EQ(sum.text("charge"), "3.000000001");
    EXPECT_EQ(sum.text("input_tokens"), "200");
    EXPECT_EQ(sum.text("output_tokens"), "100");
    auto const by_model = get("/api/usage/breakdown?by=model").json.at("data").as_array();
    ASSERT_EQ(by_model.size(), 2u);
    EXPECT_EQ(by_model[0].at("key").as_string(), "b");
    auto const by_the_key = get("/api/usage/breakdown?by=key").json.at("data").as_array();
    EXPECT_EQ(by_the_key.at(0).at("key").as_string(), key);
    EXPECT_EQ(by_the_key.at(0).at("name").as_string(), "production");
    auto const days = get("/api/usage/timeseries?granularity=day").json.at("data").as_array();
    ASSERT_EQ(days.size(), 1u);
    EXPECT_EQ(days[0].at("charge").as_string(), "3.000000001");
    EXPECT_EQ(get("/api/usage/timeseries?granularity=minute").status, 400);
    EXPECT_EQ(get("/api/usage/timeseries?granularity=hour&start=2020-01-01").status, 400);
}
TEST_F(UsageApi, ExportsCsv) {
    auto const csv = get("/api/usage/export.csv");
    EXPECT_TRUE(csv.response.content_type.starts_with("text/csv"));
    EXPECT_TRUE(csv.response.body.starts_with("request_id,time,"));
    EXPECT_EQ(std::count(csv.response.body.begin(), csv.response.body.end(), '\n'), 3);
    EXPECT_NE(csv.response.body.find(",1.000000001,"), std::string::npos);
}
TEST_F(UsageApi, ExportDefusesFormulas) {
    world->paid_request(*parse_id<AccountTag>(account), *parse_id<KeyTag>(key), "=cmd(),\"x\"", Money());
    auto const csv = get("/api/usage/export.csv").response.body;
    EXPECT_NE(csv.find("\"'=cmd(),\"\"x\"\"\""), std::string::npos) << csv;
}

TEST_F(UsageApi, TransactionsChainTheBalance) {
    auto const rows = get("/internal/billing/transactions?tenant_id=" + account).json.at("data").as_array();
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[0].at("kind").as_string(), "usage");
    EXPECT_EQ(rows[0].at("amount").as_string(), "-2");
    EXPECT_EQ(rows[0].at("reference").as_string(), second.request_id.text());
    for (std::size_t i = 0; i + 1 < rows.size(); ++i)
        EXPECT_EQ(rows[i].at("balance_before"), rows[i + 1].at("balance_after")) << i;
    EXPECT_EQ(get("/internal/billing/transactions?tenant_id=" + account + "&limit=1&offset=2").json.at("data").at(0).at("kind").as_string(), "purchase");
    EXPECT_EQ(get("/internal/billing/transactions?api_key_id=" + key).json.at("data").as_array().size(), 2u);
    EXPECT_EQ(get("/internal/billing/transactions").status, 400);
    EXPECT_EQ(get("/internal/billing/transactions?tenant_id=who").status, 404);
    EXPECT_EQ(get("/internal/billing/transactions?api_key_id=key_99").status, 404);
}
TEST_F(UsageApi, BillingSummaryAgreesWithTheBalance) {
    auto const sum = get("/internal/billing/summary?tenant_id=" + account);
    EXPECT_EQ(sum.text("balance"), "6.999999999");
    EXPECT_EQ(sum.text("total_earned"), "10");
    EXPECT_EQ(sum.text("total_spent"), "3.000000001");
    EXPECT_EQ(sum.text("charge"), "3.000000001");
    EXPECT_EQ(sum.json.at("by_model").as_array().size(), 2u);
    EXPECT_EQ(get("/internal/billing/summary").text("tenant_id"), "null");
}

TEST_F(UsageApi, AKeyReadsItsOwnAccount) {
    auto const balance = by_key("/api/credits/balance");
    EXPECT_EQ(balance.response.body,
              R"({"balance":"6.999999999","credits":"699.9999999","held":"0","total_earned":"10","total_spent":"3.000000001"})");
    EXPECT_EQ(get("/api/credits/balance?account_id=" + account).response.body, balance.response.body);
    EXPECT_EQ(get("/api/credits/balance").status, 400);
    EXPECT_EQ(by_key("/api/credits/balance?account_id=" + make_account("other")).status, 403);
}
TEST_F(UsageApi, OpenRouterShapesHaveExactNumbers) {
    patch("/api/keys/" + key, R"({"caps":{"month":"4"}})");
    auto const shown = by_key("/api/v1/key");
    EXPECT_NE(shown.response.body.find(R"("limit":4,"limit_remaining":0.999999999,"limit_reset":"monthly","usage":3.000000001,)"),
              std::string::npos)
        << shown.response.body;
    EXPECT_EQ(by_key("/api/v1/credits").response.body, R"({"data":{"total_credits":10,"total_usage":3.000000001}})");
    EXPECT_EQ(get("/api/v1/key").status, 403);
}
} // namespace
} // namespace tollgate::control
