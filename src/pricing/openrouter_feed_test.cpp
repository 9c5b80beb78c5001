#include "pricing/openrouter_feed.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pricing/detail/decimal.hpp"
#include "pricing/price_text.hpp"
#include "pricing/rate.hpp"

namespace tollgate::pricing {
namespace {

constexpr std::int64_t midnight = 1'795'219'200'000;

FeedModel one(std::string_view pricing) {
    auto feed = parse_openrouter_feed(fmt::format(R"({{"data":[{{"id":"a/b","pricing":{}}}]}})", pricing));
    EXPECT_TRUE(feed) << feed.error().message;
    return feed->models.at(0);
}

std::string rates(FeedModel const& model, std::int64_t input = 0, std::int64_t at = midnight) {
    Usage usage;
    usage[Bucket::input] = input;
    return model.price ? rates_json(*model.price, usage, Timestamp{at}) : "unset: " + model.problem;
}

TEST(Feed, reads_models_with_prices_per_token) {
    auto const feed = parse_openrouter_feed(R"({"data":[
        {"id":"anthropic/claude-sonnet-4.5","canonical_slug":"anthropic/claude-4.5-sonnet-20250929","name":"Claude",
         "context_length":1000000,"top_provider":{"max_completion_tokens":64000},
         "pricing":{"prompt":"0.000003","completion":"0.000015","request":"0","image":"0","web_search":"0.01",
                    "internal_reasoning":"0","input_cache_read":"0.0000003","input_cache_write":"0.00000375",
                    "input_cache_write_1h":"0.000006"}},
        {"name":"no id"}, 5,
        {"id":"openrouter/auto","pricing":{"prompt":"-1","completion":"-1"}}]})");
    ASSERT_TRUE(feed);
    ASSERT_EQ(feed->models.size(), 2u);
    EXPECT_EQ(feed->skipped, (std::vector<std::string>{"data[1] has no id", "data[2] has no id"}));
    auto const& claude = feed->models[0];
    EXPECT_EQ(claude.canonical_slug, "anthropic/claude-4.5-sonnet-20250929");
    EXPECT_EQ(claude.context_length, 1'000'000);
    EXPECT_EQ(claude.max_completion_tokens, 64'000);
    EXPECT_EQ(rates(claude), R"({"input":"3","cache_read":"0.3","cache_write_5m":"3.75","cache_write_1h":"6",)"
                             R"("output":"15","web_search":"0.01","request":"0","input_image":"0"})");
    EXPECT_EQ(feed->models[1].price, nullptr);
    EXPECT_EQ(feed->models[1].problem, "its price varies by request");
}

TEST(Feed, a_model_without_a_usable_price_is_unset_not_free) {
    EXPECT_EQ(rates(one("{}")), "unset: it has no price");
    EXPECT_EQ(rates(one("null")), "unset: it has no price");
    EXPECT_EQ(rates(one(R"({"request":"0"})")), "unset: it has no price");
    EXPECT_EQ(rates(one(R"({"prompt":"cheap"})")), "unset: pricing.prompt is not a decimal");
    EXPECT_EQ(rates(one(R"({"prompt":"1e30"})")), "unset: pricing.prompt is out of range");
    EXPECT_EQ(rates(one(R"({"prompt":"0","completion":"0"})")), R"({"input":"0","output":"0"})"); // free on purpose
}

TEST(Feed, keeps_tiny_and_exponent_prices_exact) {
    EXPECT_EQ(rates(one(R"({"prompt":"1.5e-7","completion":"0.0000000000012345"})")),
              R"({"input":"0.15","output":"0.0000012345"})");
    EXPECT_EQ(rates(one(R"({"prompt":0.00000015,"completion":"0"})")), R"({"input":"0.15","output":"0"})");
}

TEST(Feed, applies_the_discount) {
    EXPECT_EQ(rates(one(R"({"prompt":"0.000003","completion":"0.000015","discount":0.1})")),
              R"({"input":"2.7","output":"13.5"})");
    EXPECT_EQ(rates(one(R"({"prompt":"0.000003","discount":1.5})")), "unset: pricing.discount is not between 0 and 1");
    EXPECT_EQ(rates(one(R"({"prompt":"0.000003","discount":-0.5})")), "unset: pricing.discount is not between 0 and 1");
}

TEST(Feed, overrides_by_prompt_size_are_strict_and_later_ones_win) {
    auto const model = one(R"({"prompt":"0.000001","completion":"0.000002","overrides":[
        {"min_prompt_tokens":200000,"prompt":"0.000003","input_cache_read":"0.0000005"},
        {"min_prompt_tokens":500000,"prompt":"0.000004"},
        {"min_prompt_tokens":500000,"completion":"0.000009"}]})");
    EXPECT_EQ(rates(model, 200'000), R"({"input":"1","cache_read":"1","output":"2"})");
    EXPECT_EQ(rates(model, 200'001), R"({"input":"3","cache_read":"0.5","output":"2"})");
    EXPECT_EQ(rates(model, 500'000), R"({"input":"3","cache_read":"0.5","output":"2"})");
    EXPECT_EQ(rates(model, 500'001), R"({"input":"4","cache_read":"0.5","output":"9"})");
}

TEST(Feed, overrides_by_time_are_half_open_and_may_pass_midnight) {
    auto const model = one(R"({"prompt":"0.000001","completion":"0.000002","overrides":[
        {"utc_start":1630,"utc_end":30,"prompt":"0.0000005"},
        {"utc_start":2000,"utc_end":2100,"min_prompt_tokens":10,"prompt":"0.0000007"}]})");
    auto const at = [&](std::int64_t hhmm, std::int64_t offset_ms = 0, std::int64_t input = 0) {
        return rates(model, input, midnight + (hhmm / 100 * 60 + hhmm % 100) * 60'000 + offset_ms);
    };
    std::string const usual = R"({"input":"1","output":"2"})";
    std::string const night = R"({"input":"0.5","output":"2"})";
    EXPECT_EQ(at(1630, -1), usual);
    EXPECT_EQ(at(1630), night);
    EXPECT_EQ(at(2359), night);
    EXPECT_EQ(at(0), night);
    EXPECT_EQ(at(30, -1), night);
    EXPECT_EQ(at(30), usual);
    EXPECT_EQ(at(2000, 0, 10), night);
    EXPECT_EQ(at(2000, 0, 11), R"({"input":"0.7","output":"2"})");
    EXPECT_EQ(at(2100, 0, 11), night);
}

TEST(Feed, an_override_it_does_not_understand_unsets_the_price) {
    for (auto const* override_json :
         {R"({"weekday":"sunday","prompt":"0"})", R"({"utc_start":2500,"utc_end":30,"prompt":"0"})",
          R"({"utc_start":100,"prompt":"0"})", R"({"min_prompt_tokens":"many","prompt":"0"})", "7"})
        EXPECT_EQ(one(fmt::format(R"({{"prompt":"0.000001","overrides":[{}]}})", override_json)).price, nullptr)
            << override_json;
}

TEST(Feed, refuses_documents_that_are_no_feed) {
    EXPECT_EQ(parse_openrouter_feed("{").error().code, Errc::malformed_json);
    EXPECT_EQ(parse_openrouter_feed("[]").error().code, Errc::invalid_request);
    EXPECT_EQ(parse_openrouter_feed(R"({"data":{}})").error().code, Errc::invalid_request);
    EXPECT_TRUE(parse_openrouter_feed(R"({"data":[]})"));
}

TEST(Decimal, rounds_half_even_only_when_it_must) {
    using detail::parse_decimal;
    auto const rate_of = [](std::string_view text, std::int64_t per) {
        auto const decimal = parse_decimal(text);
        auto const rate = decimal ? detail::unit_rate(decimal->value, per) : std::nullopt;
        return rate ? rate->pico_usd : -1;
    };
    EXPECT_EQ(rate_of("0.0000000000005", 1), 0);
    EXPECT_EQ(rate_of("0.0000000000015", 1), 2);
    EXPECT_EQ(rate_of("0.0000000000025", 1), 2);
    EXPECT_EQ(rate_of("1e-400", 1), 0);
    EXPECT_EQ(rate_of("1e400", 1), -1);
    EXPECT_EQ(rate_of("123456789012345678901234567890e-36", 1), 123457); // 0.000000123456789… USD
    EXPECT_EQ(rate_of("00000000000000000000000000000000000000000000000000001", 1), 1'000'000'000'000);
    for (auto const* bad : {"", "-", ".", ".5", "5.", "1e", "1e+", "1e12345", "0x1", "1 ", "NaN", "1.2.3", "--1"})
        EXPECT_FALSE(parse_decimal(bad)) << bad;
}

} // namespace
} // namespace tollgate::pricing
