#include "pricing/rate.hpp"

#include <ctime>
#include <random>

#include <boost/multiprecision/cpp_int.hpp>
#include <gtest/gtest.h>

#include "pricing/detail/scale.hpp"
#include "pricing/price_text.hpp"

namespace tollgate::pricing {
namespace {

using boost::multiprecision::cpp_int;

constexpr Timestamp now{1'795'219'200'000}; // 2026-11-21T00:00:00Z
Multiplier times(std::int64_t ppb) { return Multiplier::from_ppb(ppb); }

PricePtr price_of(std::string_view json) {
    auto made = parse_price_json(json);
    EXPECT_TRUE(made) << made.error().message;
    return *made;
}

Usage usage_of(std::initializer_list<std::pair<Bucket, std::int64_t>> list) {
    Usage usage;
    for (auto const& [bucket, quantity] : list) usage[bucket] = quantity;
    return usage;
}

Money amount(Price const& price, Usage const& usage, Multiplier m = {}) {
    auto const rating = rate(price, usage, now, m);
    EXPECT_TRUE(rating) << rating.error().message;
    return rating ? rating->amount : Money{};
}

/// Σ q·pico/per × ppb in nano-USD, half-even, with unbounded integers.
cpp_int reference(std::span<PriceLine const> lines, std::int64_t ppb) {
    cpp_int numerator = 0;
    cpp_int denominator = 1;
    for (auto const& line : lines) {
        numerator = numerator * line.per + cpp_int(line.quantity) * line.pico_usd * denominator;
        denominator *= line.per;
    }
    numerator *= ppb;
    denominator *= 1'000'000'000'000;
    cpp_int quotient = numerator / denominator;
    cpp_int const twice = 2 * (numerator % denominator);
    if (twice > denominator || (twice == denominator && quotient % 2 != 0)) ++quotient;
    return quotient;
}

TEST(Rate, charges_each_bucket_at_its_price) {
    auto const price = price_of(
        R"({"input":"3","output":"15","cache_read":"0.30","cache_write_5m":"3.75","cache_write_1h":"6","web_search":"0.01","request":"0.002"})");
    auto const rating = rate(*price,
                             usage_of({{Bucket::input, 1000},
                                       {Bucket::cache_read, 2000},
                                       {Bucket::cache_write_5m, 100},
                                       {Bucket::cache_write_1h, 10},
                                       {Bucket::output, 500},
                                       {Bucket::web_search, 2},
                                       {Bucket::request, 1}}),
                             now, times(1'200'000'000));
    ASSERT_TRUE(rating);
    // 0.003 + 0.0006 + 0.000375 + 0.00006 + 0.0075 + 0.02 + 0.002 = 0.033535; × 1.2
    EXPECT_EQ(format_usd(rating->amount), "0.040242");
    ASSERT_EQ(rating->lines.size(), 7u);
    EXPECT_EQ(rating->lines[0],
              (PriceLine{static_cast<std::uint8_t>(UnitId::cache_read_tokens), 2000, 300'000'000'000, 1'000'000}));
}

TEST(Rate, cache_and_media_fall_back_to_the_price_around_them) {
    struct Case {
        char const* price;
        Bucket bucket;
        char const* amount; ///< of a million
    };
    for (auto const& c : {
             Case{R"({"input":"3"})", Bucket::cache_read, "3"},
             Case{R"({"input":"3"})", Bucket::cache_write_1h, "3"},
             Case{R"({"input":"3"})", Bucket::audio_in, "3"},
             Case{R"({"input":"3"})", Bucket::image_in, "3"},
             Case{R"({"input":"3","cache_write":"4"})", Bucket::cache_write_5m, "4"},
             Case{R"({"input":"3","cache_write":"4"})", Bucket::cache_write_1h, "4"},
             Case{R"({"input":"3","cache_write":"4","cache_write_1h":"6"})", Bucket::cache_write_1h, "6"},
             Case{R"({"input":"3","cache_write_5m":"4"})", Bucket::cache_write_1h, "3"},
             Case{R"({"output":"15"})", Bucket::audio_out, "15"},
             Case{R"({"output":"15","audio_out":"80"})", Bucket::audio_out, "80"},
             Case{R"({"output":"15"})", Bucket::image_out, "15"},
             Case{R"({"output":"15"})", Bucket::input, "0"},      // no parent price: nothing for this bucket only
             Case{R"({"cache_read":"1"})", Bucket::input, "0"},
             Case{R"({"input":"3","cache_read":"0"})", Bucket::cache_read, "0"}, // an explicit zero is a zero
             Case{R"({"output":"15"})", Bucket::reasoning, "0"},  // a part of output
             Case{R"({"input":"3"})", Bucket::web_search, "0"},
         })
        EXPECT_EQ(format_usd(amount(*price_of(c.price), usage_of({{c.bucket, 1'000'000}}))), c.amount)
            << c.price << ' ' << bucket_names[static_cast<std::size_t>(c.bucket)];
}

TEST(Rate, the_most_specific_price_wins) {
    auto const price = price_of(R"({"audio_hours":"1","input_audio_hours":"2"})");
    EXPECT_EQ(format_usd(amount(*price, usage_of({{Bucket::input_seconds, 3600}}))), "2");
    EXPECT_EQ(format_usd(amount(*price, usage_of({{Bucket::output_seconds, 3600}}))), "1");
}

TEST(Rate, reasoning_is_priced_apart_only_where_the_price_names_it) {
    auto const usage = usage_of({{Bucket::output, 1'000'000}, {Bucket::reasoning, 250'000}});
    EXPECT_EQ(format_usd(amount(*price_of(R"({"output":"8"})"), usage)), "8");
    EXPECT_EQ(format_usd(amount(*price_of(R"({"output":"8","reasoning":"4"})"), usage)), "7");
}

TEST(Rate, a_tier_applies_to_the_whole_request_strictly_above_its_threshold) {
    PriceSpec spec;
    Rate const low{3'000'000'000'000, 1'000'000};
    Rate const high{6'000'000'000'000, 1'000'000};
    spec.variants.push_back({{},
                             {{UnitId::input_tokens, low, {{200'000, high}}},
                              {UnitId::output_tokens, {15'000'000'000'000, 1'000'000}, {}}}});
    auto const price = *Price::make(spec);
    EXPECT_EQ(format_usd(amount(*price, usage_of({{Bucket::input, 200'000}}))), "0.6");
    EXPECT_EQ(format_usd(amount(*price, usage_of({{Bucket::input, 200'001}}))), "1.200006");
    // Cached and media tokens count towards the threshold.
    EXPECT_EQ(format_usd(amount(*price, usage_of({{Bucket::input, 1}, {Bucket::cache_read, 200'000}}))), "1.200006");
    EXPECT_EQ(format_usd(amount(*price, usage_of({{Bucket::output, 1'000'000}}))), "15");
}

TEST(Rate, the_last_variant_whose_condition_holds_is_in_force) {
    auto const unit_price = [](std::int64_t usd) {
        return std::vector<UnitPrice>{{UnitId::input_tokens, {usd * 1'000'000'000'000, 1'000'000}, {}}};
    };
    PriceSpec spec;
    spec.variants.push_back({{}, unit_price(1)});
    spec.variants.push_back({{Condition::Kind::start_date, now.ms, 0}, unit_price(2)});
    spec.variants.push_back({{Condition::Kind::time_of_day, 82'800'000, 3'600'000}, unit_price(3)}); // 23:00–01:00
    auto const price = *Price::make(spec);
    auto const usd = [&](std::int64_t at) {
        return format_usd(rate(*price, usage_of({{Bucket::input, 1'000'000}}), Timestamp{at})->amount);
    };
    EXPECT_EQ(usd(now.ms - 12 * 3'600'000), "1");
    EXPECT_EQ(usd(now.ms - 3'600'000), "3");
    EXPECT_EQ(usd(now.ms - 3'600'001), "1");
    EXPECT_EQ(usd(now.ms), "3");
    EXPECT_EQ(usd(now.ms + 3'600'000 - 1), "3");
    EXPECT_EQ(usd(now.ms + 3'600'000), "2");
    EXPECT_EQ(usd(-1), "3"); // before the epoch the clock still has a time of day
}

TEST(Rate, rounds_once_half_to_even) {
    // 1 token at 500 pico = half a nano.
    auto const price = price_of(R"({"input":"0.0005","output":"0.0005"})");
    EXPECT_EQ(amount(*price, usage_of({{Bucket::input, 1}})).nanos(), 0);
    EXPECT_EQ(amount(*price, usage_of({{Bucket::input, 3}})).nanos(), 2);
    EXPECT_EQ(amount(*price, usage_of({{Bucket::input, 5}})).nanos(), 2);
    EXPECT_EQ(amount(*price, usage_of({{Bucket::input, 1}, {Bucket::output, 1}})).nanos(), 1) << "halves add up first";
    EXPECT_EQ(amount(*price, usage_of({{Bucket::input, 1}}), times(1'000'000'001)).nanos(), 1);
    EXPECT_EQ(amount(*price, usage_of({{Bucket::input, 3}}), times(999'999'999)).nanos(), 1);
}

TEST(Rate, refuses_counts_no_request_can_have) {
    auto const price = price_of(R"({"input":"3"})");
    for (auto const bad : {std::int64_t{-1}, max_quantity + 1, INT64_MAX, INT64_MIN}) {
        auto const rating = rate(*price, usage_of({{Bucket::cache_read, bad}}), now);
        ASSERT_FALSE(rating);
        EXPECT_EQ(rating.error().code, Errc::invalid_request);
        EXPECT_EQ(rating.error().param, "usage.cache_read");
    }
    EXPECT_EQ(format_usd(amount(*price, usage_of({{Bucket::input, max_quantity}}))), "3000000");
}

TEST(Rate, an_amount_beyond_int64_is_an_error) {
    auto const price = price_of(R"({"input":"1000000"})");
    EXPECT_FALSE(rate(*price, usage_of({{Bucket::input, max_quantity}}), now));
    EXPECT_FALSE(rate(*price, usage_of({{Bucket::input, 1'000'000'000}}), now, times(1'000'000'000'000'000)));
    EXPECT_TRUE(rate(*price, usage_of({{Bucket::input, 1'000'000'000}}), now));
}

TEST(Rate, agrees_with_unbounded_integers) {
    std::mt19937_64 random(20261121);
    std::array<std::int64_t, 6> const pers{1, 1000, 3600, 1'000'000, 3'000'000, 1'000'000'000};
    int wide = 0;
    int failed = 0;
    for (int round = 0; round < 20'000; ++round) {
        PriceSpec spec;
        auto& variant = spec.variants.emplace_back();
        for (auto const id : {UnitId::input_tokens, UnitId::cache_read_tokens, UnitId::output_tokens,
                              UnitId::web_searches, UnitId::input_audio_seconds, UnitId::requests}) {
            if (random() % 4 == 0) continue;
            auto const pico = static_cast<std::int64_t>(random() >> (10 + random() % 50));
            variant.units.push_back({id, {std::min<std::int64_t>(pico, 100'000'000'000'000'000), pers[random() % 6]}, {}});
        }
        auto const price = Price::make(spec);
        if (!price) continue; // weights too large for exact sums are refused when the price is made
        Usage usage;
        for (auto const b : {Bucket::input, Bucket::cache_read, Bucket::output, Bucket::web_search,
                             Bucket::input_seconds, Bucket::request})
            usage[b] = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(max_quantity)) >> (random() % 40);
        auto const ppb = static_cast<std::int64_t>(random() % 1'000'000'000'000'001ULL) >> (random() % 40);
        auto const rating = rate(**price, usage, now, times(ppb));
        if (!rating) {
            ++failed;
            continue;
        }
        auto const expected = reference(rating->lines, ppb);
        wide += expected > 1'000'000'000'000'000 ? 1 : 0;
        ASSERT_EQ(cpp_int(rating->amount.nanos()), expected) << (*price)->canonical_json();
        ASSERT_EQ(recompute(rating->lines, times(ppb)), rating->amount);
    }
    EXPECT_GT(wide, 100);
    EXPECT_GT(failed, 100);
    EXPECT_LT(failed, 15'000);
}

TEST(Rate, ties_are_exact_with_any_multiplier) {
    // 1 pico × quantity × ppb / 1e12 nano: quantity·ppb = k·1e12 + 5e11 is a tie.
    PriceLine const line{static_cast<std::uint8_t>(UnitId::requests), 1'000'000, 1, 1};
    EXPECT_EQ(recompute(std::span(&line, 1), times(500'000))->nanos(), 0);     // 0.5 → 0
    EXPECT_EQ(recompute(std::span(&line, 1), times(1'500'000))->nanos(), 2);   // 1.5 → 2
    EXPECT_EQ(recompute(std::span(&line, 1), times(2'500'000))->nanos(), 2);   // 2.5 → 2
    EXPECT_EQ(recompute(std::span(&line, 1), times(2'500'001))->nanos(), 3);
    EXPECT_EQ(recompute(std::span(&line, 1), times(499'999))->nanos(), 0);
    EXPECT_EQ(recompute(std::span(&line, 1), times(500'001))->nanos(), 1);
}

TEST(Rate, bills_a_minimum_of_audio_only_when_there_was_some) {
    PriceSpec spec;
    spec.min_audio_seconds = 10;
    spec.variants.push_back({{}, {{UnitId::audio_seconds, {3'600'000'000'000, 3600}, {}}}});
    auto const price = *Price::make(spec);
    EXPECT_EQ(format_usd(amount(*price, usage_of({{Bucket::input_seconds, 1}}))), "0.01");
    EXPECT_EQ(format_usd(amount(*price, usage_of({{Bucket::input_seconds, 11}}))), "0.011");
    EXPECT_EQ(format_usd(amount(*price, Usage{})), "0");
}

TEST(Recompute, reports_lines_that_we_cannot_have_written) {
    auto const try_line = [](std::int64_t quantity, std::int64_t pico, std::int64_t per) {
        PriceLine const line{33, quantity, pico, per};
        return recompute(std::span(&line, 1), Multiplier{}).has_value();
    };
    EXPECT_TRUE(try_line(1, 1, 1));
    EXPECT_FALSE(try_line(-1, 1, 1));
    EXPECT_FALSE(try_line(1, -1, 1));
    EXPECT_FALSE(try_line(1, 1, 0));
    EXPECT_FALSE(try_line(1, 1, -5));
    EXPECT_FALSE(try_line(1, 1, INT64_MAX));
    EXPECT_FALSE(try_line(INT64_MAX, INT64_MAX, 1));
    EXPECT_EQ(recompute({}, Multiplier{})->nanos(), 0);
    PriceLine const line{33, 1, 1'000'000, 1};
    EXPECT_FALSE(recompute(std::span(&line, 1), times(-1)));
    // Unit sizes whose least common multiple leaves the exact range.
    std::array<PriceLine, 2> const coprime{PriceLine{1, 1, 1, 999'999'999'989}, PriceLine{2, 1, 1, 999'999'999'961}};
    EXPECT_FALSE(recompute(coprime, Multiplier{}));
}

TEST(RateUnits, splits_inclusive_counts_into_leaves) {
    auto const price = price_of(R"({"input":"3","cache_read":"0.3","output":"15"})");
    std::array<UnitQuantity, 3> const usage{
        {{UnitId::input_tokens, 1000}, {UnitId::cache_read_tokens, 400}, {UnitId::output_tokens, 10}}};
    auto const rating = rate_units(*price, usage, now);
    ASSERT_TRUE(rating);
    EXPECT_EQ(format_usd(rating->amount), "0.00207"); // 600·3 + 400·0.3 + 10·15 per million
}

TEST(RateUnits, names_what_does_not_add_up) {
    auto const price = price_of(R"({"input":"3","cache_read":"0.3","output":"15"})");
    std::array<UnitQuantity, 2> const more{{{UnitId::input_tokens, 100}, {UnitId::cache_read_tokens, 400}}};
    EXPECT_EQ(rate_units(*price, more, now).error().message,
              "usage.input_tokens is 100, less than its parts, which are 400 together");
    std::array<UnitQuantity, 1> const orphan{{{UnitId::cache_read_tokens, 400}}};
    EXPECT_EQ(rate_units(*price, orphan, now).error().message,
              "usage.input_tokens is missing, but its part cache_read_tokens is reported");
}

TEST(Ceiling, covers_every_usage_within_the_bound) {
    std::mt19937_64 random(7);
    auto const below = [&](std::int64_t n) {
        return n <= 0 ? 0 : static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n + 1));
    };
    for (int round = 0; round < 20'000; ++round) {
        PriceSpec spec;
        auto& variant = spec.variants.emplace_back();
        for (auto const id :
             {UnitId::input_tokens, UnitId::cache_read_tokens, UnitId::cache_write_tokens,
              UnitId::cache_write_1h_tokens, UnitId::input_audio_tokens, UnitId::input_image_tokens,
              UnitId::output_tokens, UnitId::output_reasoning_tokens, UnitId::output_audio_tokens, UnitId::web_searches,
              UnitId::requests, UnitId::audio_seconds}) {
            if (random() % 3 == 0) continue;
            UnitPrice price{id, {static_cast<std::int64_t>(random() % 50'000'000'000'000), unit(id).per}, {}};
            // Tiers may also be cheaper than the base: the ceiling must not assume that they rise.
            if (random() % 2 == 0)
                price.tiers.push_back({static_cast<std::int64_t>(random() % 3000),
                                       {static_cast<std::int64_t>(random() % 50'000'000'000'000), unit(id).per}});
            variant.units.push_back(price);
        }
        spec.min_audio_seconds = random() % 2 == 0 ? 10 : 0;
        auto const price = *Price::make(spec);
        Usage bound;
        bound[Bucket::input] = below(4000);
        bound[Bucket::cache_write_1h] = random() % 2 == 0 ? below(1000) : 0;
        bound[Bucket::audio_in] = random() % 2 == 0 ? below(1000) : 0;
        bound[Bucket::image_in] = random() % 2 == 0 ? below(1000) : 0;
        bound[Bucket::output] = below(4000);
        bound[Bucket::web_search] = below(5);
        bound[Bucket::input_seconds] = below(20);
        bound[Bucket::request] = 1;
        Usage actual;
        actual[Bucket::cache_write_1h] = below(bound[Bucket::cache_write_1h]);
        actual[Bucket::audio_in] = below(bound[Bucket::audio_in]);
        actual[Bucket::image_in] = below(bound[Bucket::image_in]);
        auto left = bound[Bucket::input] + bound[Bucket::cache_write_1h] - actual[Bucket::cache_write_1h] +
                    bound[Bucket::audio_in] - actual[Bucket::audio_in] + bound[Bucket::image_in] -
                    actual[Bucket::image_in];
        for (auto const b : {Bucket::cache_read, Bucket::cache_write_5m, Bucket::input}) {
            actual[b] = below(left);
            left -= actual[b];
        }
        actual[Bucket::audio_out] = below(bound[Bucket::output]);
        actual[Bucket::output] = below(bound[Bucket::output] - actual[Bucket::audio_out]);
        actual[Bucket::reasoning] = below(actual[Bucket::output]);
        actual[Bucket::web_search] = below(bound[Bucket::web_search]);
        actual[Bucket::input_seconds] = below(bound[Bucket::input_seconds]);
        actual[Bucket::request] = 1;
        auto const multiplier = times(static_cast<std::int64_t>(random() % 3'000'000'000));
        ASSERT_GE(ceiling(*price, bound, now, multiplier), rate(*price, actual, now, multiplier)->amount)
            << price->canonical_json();
    }
}

TEST(Ceiling, rounds_up_and_takes_the_dearest_reachable_tier) {
    auto const tiny = price_of(R"({"input":"0.000001"})"); // a thousandth of a nano per thousand tokens
    EXPECT_EQ(ceiling(*tiny, usage_of({{Bucket::input, 1}}), now).nanos(), 1);
    EXPECT_EQ(ceiling(*tiny, Usage{}, now).nanos(), 0);
    PriceSpec spec;
    spec.variants.push_back(
        {{}, {{UnitId::output_tokens, {1'000'000'000'000, 1'000'000}, {{100, {9'000'000'000'000, 1'000'000}}}}}});
    auto const price = *Price::make(spec);
    EXPECT_EQ(format_usd(ceiling(*price, usage_of({{Bucket::input, 100}, {Bucket::output, 1'000'000}}), now)), "1");
    EXPECT_EQ(format_usd(ceiling(*price, usage_of({{Bucket::input, 101}, {Bucket::output, 1'000'000}}), now)), "9");
}

TEST(Ceiling, never_overflows) {
    auto const price = price_of(R"({"input":"1000000","output":"1000000"})");
    Usage bound;
    bound.quantity.fill(INT64_MAX);
    EXPECT_EQ(ceiling(*price, bound, now, times(1'000'000'000'000'000)), ceiling_limit);
    bound.quantity.fill(INT64_MIN);
    EXPECT_EQ(ceiling(*price, bound, now).nanos(), 0);
}

TEST(AffordableOutput, is_the_largest_that_fits) {
    auto const price = price_of(R"({"input":"3","output":"15"})");
    auto const bound = usage_of({{Bucket::input, 1000}});
    EXPECT_EQ(affordable_output(*price, bound, now, {}, *parse_usd("0.002999999")), std::nullopt);
    EXPECT_EQ(affordable_output(*price, bound, now, {}, *parse_usd("0.003")), 0);
    EXPECT_EQ(affordable_output(*price, bound, now, {}, *parse_usd("0.018")), 1000);
    EXPECT_EQ(affordable_output(*price, bound, now, {}, *parse_usd("0.018014999")), 1000);
    EXPECT_EQ(affordable_output(*price, bound, now, {}, *parse_usd("0.018"), 64), 64);
    EXPECT_EQ(affordable_output(*price, bound, now, times(2'000'000'000), *parse_usd("0.018")), 400);
    EXPECT_EQ(affordable_output(*price_of(R"({"input":"3"})"), bound, now, {}, *parse_usd("1"), 4096), 4096);
    EXPECT_EQ(affordable_output(*price, bound, now, {}, *parse_usd("-1")), std::nullopt);
}

TEST(MarginalOutput, is_the_difference_of_two_ceilings) {
    auto const price = price_of(R"({"input":"3","output":"15"})");
    EXPECT_EQ(format_usd(marginal_output(*price, usage_of({{Bucket::input, 9}, {Bucket::output, 100}}), 256, now)),
              "0.00384");
    EXPECT_EQ(marginal_output(*price, Usage{}, -5, now).nanos(), 0);
}

TEST(Wide, division_agrees_with_unbounded_integers) {
    std::mt19937_64 random(3);
    for (int i = 0; i < 2000; ++i) {
        detail::U256 n;
        cpp_int big = 0;
        for (std::size_t w = 4; w-- > 0;) {
            n.word[w] = w < random() % 5 ? random() : 0;
            big = (big << 64) + n.word[w];
        }
        auto const d = (static_cast<detail::U128>(random()) << (random() % 63)) | 1;
        cpp_int const divisor = (cpp_int(static_cast<std::uint64_t>(d >> 64)) << 64) + static_cast<std::uint64_t>(d);
        auto const out = detail::divide(n, d);
        cpp_int const quotient = big / divisor;
        ASSERT_EQ(out.has_value(), quotient < (cpp_int(1) << 128));
        if (!out) continue;
        cpp_int const ours =
            (cpp_int(static_cast<std::uint64_t>(out->quotient >> 64)) << 64) + static_cast<std::uint64_t>(out->quotient);
        ASSERT_EQ(ours, quotient);
    }
}

/// Prints what one rating takes; no limit, machines differ.
TEST(Rate, measured) {
    auto const price = price_of(R"({"input":"3","output":"15","cache_read":"0.3"})");
    auto const usage = usage_of({{Bucket::input, 1234}, {Bucket::cache_read, 4096}, {Bucket::output, 567}, {Bucket::request, 1}});
    auto const run = [&](char const* name, auto call) {
        constexpr int rounds = 200'000;
        std::int64_t sum = 0;
        auto const start = std::clock(); // processor time: other programs do not count
        for (int i = 0; i < rounds; ++i) sum += call();
        auto const ns = static_cast<double>(std::clock() - start) * 1e9 / CLOCKS_PER_SEC / rounds;
        std::printf("[ measured ] %s: %.0f ns (%lld)\n", name, ns, static_cast<long long>(sum & 1));
    };
    run("rate", [&] { return rate(*price, usage, now, times(1'200'000'000))->amount.nanos(); });
    run("ceiling", [&] { return ceiling(*price, usage, now, times(1'200'000'000)).nanos(); });
    auto const lines = rate(*price, usage, now)->lines;
    run("recompute", [&] { return recompute(lines, times(1'200'000'000))->nanos(); });
}

} // namespace
} // namespace tollgate::pricing
