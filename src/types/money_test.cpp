#include "types/money.hpp"

#include <gtest/gtest.h>
#include <random>

#include "types/ids.hpp"

namespace tollgate {
namespace {

struct UsdCase {
    std::string_view text;
    std::int64_t nanos;
};

TEST(usd, reads_and_writes_exact_decimals) {
    for (auto const& c : {UsdCase{"0", 0}, UsdCase{"0.0001234", 123'400}, UsdCase{"12", 12'000'000'000}, UsdCase{"-5", -5'000'000'000},
                          UsdCase{"0.000000001", 1}, UsdCase{"-0.000000001", -1}, UsdCase{"9223372036.854775807", INT64_MAX}}) {
        auto const money = parse_usd(c.text);
        ASSERT_TRUE(money) << c.text;
        EXPECT_EQ(money->nanos(), c.nanos) << c.text;
        EXPECT_EQ(format_usd(*money), c.text);
    }
    EXPECT_EQ(parse_usd("1.10")->nanos(), 1'100'000'000);
    EXPECT_EQ(parse_usd("1.0000000000000")->nanos(), 1'000'000'000) << "zeros beyond nano change nothing";
    EXPECT_EQ(format_usd(Money::from_nanos(INT64_MIN)), "-9223372036.854775808");
}

TEST(usd, refuses_what_is_not_a_plain_exact_decimal) {
    for (std::string_view const text : {"", "-", ".", "1.", ".5", "1e3", "+1", " 1", "1 ", "1,000", "0x10", "NaN", "Infinity", "1.2.3",
                                        "0.0000000001", "9223372036.854775808", "99999999999999999999"})
        EXPECT_FALSE(parse_usd(text)) << text;
}

struct RoundCase {
    int n, d;
    std::int64_t want;
};

TEST(divide_half_even, rounds_ties_to_even_on_both_sides_of_zero) {
    for (auto const& c : {RoundCase{5, 2, 2}, RoundCase{7, 2, 4}, RoundCase{-5, 2, -2}, RoundCase{-7, 2, -4}, RoundCase{1, 3, 0},
                          RoundCase{2, 3, 1}, RoundCase{-2, 3, -1}, RoundCase{0, 9, 0}, RoundCase{1, 2, 0}, RoundCase{3, 2, 2}})
        EXPECT_EQ(divide_half_even(c.n, c.d), c.want) << c.n << "/" << c.d;
}

TEST(divide_half_even, is_never_further_than_half_from_the_truth) {
    std::mt19937_64 random(7);
    for (int i = 0; i < 100'000; ++i) {
        auto const n = static_cast<__int128>(static_cast<std::int64_t>(random() >> 2)) * 3;
        auto const d = static_cast<__int128>(random() % 1'000'000 + 1);
        if (n / d > INT64_MAX / 2) continue;
        auto const q = divide_half_even(n, d);
        auto const error = n - static_cast<__int128>(q) * d;
        EXPECT_LE((error < 0 ? -error : error) * 2, d);
    }
}

TEST(multiplier, folds_once_and_keeps_nine_decimals) {
    EXPECT_EQ(fold(*parse_multiplier("1.2"), *parse_multiplier("0.5")).ppb(), 600'000'000);
    EXPECT_EQ(format_multiplier(*parse_multiplier("1.2")), "1.2");
    EXPECT_EQ(fold(*parse_multiplier("0.333333333"), *parse_multiplier("3")).ppb(), 999'999'999);
    EXPECT_FALSE(parse_multiplier("-1"));
    EXPECT_FALSE(parse_multiplier("1000001"));
}

TEST(money, aborts_rather_than_overflows) {
    EXPECT_DEATH(static_cast<void>(Money::from_nanos(INT64_MAX) + Money::from_nanos(1)), "money overflow");
    EXPECT_DEATH(static_cast<void>(Money::from_nanos(INT64_MIN) - Money::from_nanos(1)), "money overflow");
}

TEST(ids, are_opaque_text_with_their_own_prefix) {
    EXPECT_EQ(format_id(AccountId{12}), "acc_12");
    EXPECT_EQ(parse_id<AccountTag>("acc_12")->value, 12);
    for (std::string_view const text : {"acc_", "acc_0", "acc_01", "acc_-1", "key_12", "12", "acc_1x", "acc_9999999999999999999"})
        EXPECT_FALSE(parse_id<AccountTag>(text)) << text;
}

} // namespace
} // namespace tollgate
