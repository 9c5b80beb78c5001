#pragma once
// Decimal text to exact integers, exponents included: feeds write prices such as "0.00000015" and "1.5e-7".
#include <cstdint>
#include <optional>
#include <string_view>

#include "pricing/price.hpp"

namespace tollgate::pricing::detail {

/// A non-negative decimal: digits × 10^exponent, at most 18 significant digits.
struct Decimal {
    std::int64_t digits = 0;
    int exponent = 0;
};

struct SignedDecimal {
    Decimal value;
    bool negative = false;
};

/// Digits beyond 18 are rounded half-even. nullopt: no decimal number.
std::optional<SignedDecimal> parse_decimal(std::string_view text);
/// a × b, rounded half-even to 18 significant digits.
Decimal multiply(Decimal a, Decimal b);
/// 1 − a for 0 ≤ a ≤ 1; nullopt outside of it.
std::optional<Decimal> one_minus(Decimal a);
/// USD for one unit → a rate for `per` units, rounded half-even to a pico-USD. nullopt: out of range.
std::optional<Rate> unit_rate(Decimal usd_per_unit, std::int64_t per);

} // namespace tollgate::pricing::detail
