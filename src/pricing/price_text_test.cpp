#include "pricing/price_text.hpp"

#include <gtest/gtest.h>

#include "pricing/book.hpp"
#include "pricing/rate.hpp"

namespace tollgate::pricing {
namespace {

constexpr Timestamp now{1'795'219'200'000};

TEST(ParsePrice, reads_decimal_strings) {
    auto const price = parse_price_json(R"({"input":"3","output":"15","cache_read":"0.30","request":"0.001"})");
    ASSERT_TRUE(price);
    EXPECT_EQ((*price)->canonical_json(),
              R"({"v":1,"variants":[{"units":{"cache_read_tokens":{"pico":300000000000,"per":1000000},)"
              R"("input_tokens":{"pico":3000000000000,"per":1000000},"output_tokens":{"pico":15000000000000,"per":1000000},)"
              R"("requests":{"pico":1000000000,"per":1}}}]})");
    EXPECT_EQ((*price)->hash().size(), 64u);
    EXPECT_EQ(rates_json(**price, Usage{}, now),
              R"({"input":"3","cache_read":"0.3","output":"15","request":"0.001"})");
}

TEST(ParsePrice, the_same_price_has_the_same_hash_however_it_is_written) {
    auto const a = *parse_price_json(R"({"input":"3","output":"15.0"})");
    auto const b = *parse_price_json(R"({"output":"15","input":"3.00"})");
    auto const c = *parse_price_json(R"({"output":"15","input":"3.01"})");
    EXPECT_EQ(a->hash(), b->hash());
    EXPECT_NE(a->hash(), c->hash());
}

TEST(ParsePrice, says_what_to_change) {
    struct Case {
        char const* json;
        Errc code;
        char const* param;
        char const* message;
    };
    for (auto const& c : {
             Case{R"({"input":3})", Errc::invalid_request, "price.input",
                  "price.input: write the amount as a string, such as \"3\" or \"0.15\""},
             Case{R"({"inptu":"3"})", Errc::invalid_request, "price.inptu",
                  "unknown price key 'inptu'; did you mean 'input'?"},
             Case{R"({"cache_reed":1})", Errc::invalid_request, "price.cache_reed",
                  "unknown price key 'cache_reed'; did you mean 'cache_read'?"},
             Case{R"({"output":"-1"})", Errc::invalid_request, "price.output", "price.output is negative"},
             Case{R"({"output":"1,5"})", Errc::invalid_request, "price.output",
                  "price.output '1,5': write a plain decimal such as 12.34"},
             Case{R"({"output":"1e3"})", Errc::invalid_request, "price.output",
                  "price.output '1e3': write a plain decimal such as 12.34"},
             Case{R"({"output":""})", Errc::invalid_request, "price.output",
                  "price.output '': write a plain decimal such as 12.34"},
             Case{R"({"output":"0.0000000000001"})", Errc::invalid_request, "price.output",
                  "price.output '0.0000000000001': at most 12 decimals are exact here"},
             Case{R"({"output":"1000001"})", Errc::invalid_request, "price",
                  "the price of output_tokens is out of range"},
             Case{R"({"input":"1","input_mtok":"2"})", Errc::invalid_request, "price.input_mtok",
                  "price.input_mtok prices input_tokens a second time"},
             Case{R"({})", Errc::invalid_request, "price",
                  R"(a price names at least one rate, such as {"input":"3"})"},
             Case{R"([])", Errc::invalid_request, "price",
                  R"(price: write an object such as {"input":"3","output":"15"})"},
             Case{R"({"input")", Errc::malformed_json, "price", "price: not valid JSON"},
         }) {
        auto const price = parse_price_json(c.json);
        ASSERT_FALSE(price) << c.json;
        EXPECT_EQ(price.error().code, c.code) << c.json;
        EXPECT_EQ(price.error().param, c.param) << c.json;
        EXPECT_EQ(price.error().message, c.message) << c.json;
    }
}

TEST(ParsePrice, each_key_prices_what_it_says) {
    struct Case {
        char const* key;
        Bucket bucket;
        std::int64_t quantity;
    };
    for (auto const& c : {
             Case{"input", Bucket::input, 1'000'000}, Case{"cache_read", Bucket::cache_read, 1'000'000},
             Case{"cache_write", Bucket::cache_write_5m, 1'000'000},
             Case{"cache_write_5m", Bucket::cache_write_5m, 1'000'000},
             Case{"cache_write_1h", Bucket::cache_write_1h, 1'000'000}, Case{"audio_in", Bucket::audio_in, 1'000'000},
             Case{"image_in", Bucket::image_in, 1'000'000}, Case{"output", Bucket::output, 1'000'000},
             Case{"audio_out", Bucket::audio_out, 1'000'000}, Case{"image_out", Bucket::image_out, 1'000'000},
             Case{"input_characters", Bucket::input_characters, 1'000'000}, Case{"web_search", Bucket::web_search, 1},
             Case{"request", Bucket::request, 1}, Case{"input_seconds", Bucket::input_seconds, 1},
             Case{"output_seconds", Bucket::output_seconds, 1}, Case{"pages", Bucket::pages, 1},
             Case{"images", Bucket::images, 1}, Case{"input_mtok", Bucket::input, 1'000'000},
             Case{"audio_hours", Bucket::input_seconds, 3600}, Case{"web_searches_kcount", Bucket::web_search, 1000},
         }) {
        std::vector<PriceField> const fields{{c.key, "0.25"}};
        auto const price = parse_price(fields);
        ASSERT_TRUE(price) << c.key << ' ' << price.error().message;
        Usage usage;
        usage[c.bucket] = c.quantity;
        EXPECT_EQ(format_usd(rate(**price, usage, now)->amount), "0.25") << c.key;
    }
}

TEST(RatesInForce, follow_tier_and_time) {
    auto const book = *Book::builtin();
    auto const hit = book->find("anthropic", "claude-sonnet-4-5");
    ASSERT_TRUE(hit);
    Usage usage;
    EXPECT_EQ(rates_json(*hit.model->price, usage, now),
              R"({"input":"3","cache_read":"0.3","cache_write_5m":"3.75","cache_write_1h":"6","output":"15","web_search":"0.01"})");
    usage[Bucket::input] = 200'001;
    EXPECT_EQ(rates_json(*hit.model->price, usage, now),
              R"({"input":"6","cache_read":"0.6","cache_write_5m":"7.5","cache_write_1h":"12","output":"22.5","web_search":"0.01"})");
}

TEST(RatesInForce, use_the_books_unit_where_the_short_one_is_not_exact) {
    auto const price = *parse_price_json(R"({"audio_hours":"0.1","input_audio_hours":"0.111"})");
    EXPECT_EQ(rates_json(*price, Usage{}, now), R"({"input_audio_hours":"0.111","audio_hours":"0.1"})");
}

TEST(RatesInForce, can_be_read_back_for_the_whole_book) {
    auto const book = *Book::builtin();
    for (auto const& provider : book->providers())
        for (auto const& model : provider.models) {
            if (!model.price) continue;
            auto const fields = rates_in_force(*model.price, Usage{}, now);
            auto const again = parse_price(fields);
            ASSERT_TRUE(again) << provider.id << '/' << model.id << ' ' << again.error().message;
            Usage usage;
            for (auto const b : {Bucket::input, Bucket::cache_read, Bucket::cache_write_5m, Bucket::cache_write_1h,
                                 Bucket::audio_in, Bucket::output, Bucket::request})
                usage[b] = 1000 + static_cast<std::int64_t>(b);
            // Below every tier. A twelfth of a dollar has no finite decimal: the text is off by less than a pico-USD.
            auto const read = rate(**again, usage, now)->amount;
            auto const original = rate(*model.price, usage, now)->amount;
            EXPECT_LE(std::abs(read.nanos() - original.nanos()), 1) << provider.id << '/' << model.id;
        }
}

TEST(RatesJson, shows_the_rates_of_record_lines) {
    auto const price = *parse_price_json(R"({"input":"3","output":"15","cache_write":"4"})");
    Usage usage;
    usage[Bucket::input] = 10;
    usage[Bucket::cache_write_5m] = 5;
    auto const rating = *rate(*price, usage, now);
    EXPECT_EQ(rates_json(rating.lines), R"({"input":"3","cache_write_5m":"4"})");
    EXPECT_EQ(rates_json(std::span<PriceLine const>()), "{}");
}

TEST(DescribeJson, tells_conditions_and_tiers) {
    auto const book = *Book::builtin();
    EXPECT_EQ(describe_json(*book->find("deepseek", "deepseek-chat").model->price),
              R"({"variants":[{"rates":{"input":"0.135","cache_read":"0.035","output":"0.55"}},)"
              R"({"when":{"start_time":"00:30:00Z","end_time":"16:30:00Z"},"rates":{"input":"0.27","cache_read":"0.07","output":"1.1"}}]})");
    PriceSpec spec;
    spec.variants.push_back({{Condition::Kind::start_date, now.ms, 0},
                             {{UnitId::input_tokens, {1'000'000'000'000, 1'000'000}, {{5, {2'000'000'000'000, 1'000'000}}}}}});
    EXPECT_EQ(describe_json(**Price::make(spec)),
              R"({"variants":[{"when":{"start_date":"2026-11-21"},"rates":{"input":"1"},"tiers":[{"above":5,"rates":{"input":"2"}}]}]})");
}

TEST(PriceMake, refuses_what_cannot_be_rated_exactly) {
    auto const make = [](std::vector<UnitPrice> list) {
        PriceSpec spec;
        spec.variants.push_back({{}, std::move(list)});
        return Price::make(std::move(spec));
    };
    EXPECT_FALSE(Price::make(PriceSpec{}));
    EXPECT_FALSE(make({{UnitId::input_tokens, {-1, 1}, {}}}));
    EXPECT_FALSE(make({{UnitId::input_tokens, {1, 0}, {}}}));
    EXPECT_FALSE(make({{UnitId::input_tokens, {1, INT64_MAX}, {}}}));
    EXPECT_FALSE(make({{UnitId::input_tokens, {INT64_MAX, 1}, {}}}));
    EXPECT_FALSE(make({{UnitId::input_tokens, {1, 1}, {}}, {UnitId::input_tokens, {1, 1}, {}}}));
    EXPECT_FALSE(make({{UnitId::input_tokens, {1, 1}, {{-1, {1, 1}}}}}));
    EXPECT_FALSE(make({{UnitId::input_tokens, {1, 999'999'999'989}, {}}, {UnitId::output_tokens, {1, 999'999'999'961}, {}}}));
    EXPECT_FALSE(make({{UnitId::input_tokens, {1'000'000'000'000'000'000, 1}, {}}, {UnitId::output_tokens, {1, 1'000'000'000}, {}}}));
    EXPECT_TRUE(make({}));
}

TEST(StoredPrice, refuses_text_it_did_not_write) {
    for (auto const* bad :
         {"", "[]", "{}", R"({"v":2,"variants":[]})", R"({"v":1})", R"({"v":1,"variants":[]})", R"({"v":1,"variants":[1]})",
          R"({"v":1,"variants":[{}]})", R"({"v":1,"variants":[{"units":{"x":{"pico":1,"per":1}}}]})",
          R"({"v":1,"variants":[{"units":{"input_tokens":{"pico":1.5,"per":1}}}]})",
          R"({"v":1,"variants":[{"when":{"weekday":1},"units":{}}]})",
          R"({"v":1,"variants":[{"when":{"time_of_day_ms":[0,86400000]},"units":{}}]})",
          R"({"v":1,"variants":[{"units":{"input_tokens":{"pico":1,"per":1,"tiers":[{"above":1}]}}}]})"})
        EXPECT_FALSE(Price::from_canonical_json(bad)) << bad;
}

} // namespace
} // namespace tollgate::pricing
