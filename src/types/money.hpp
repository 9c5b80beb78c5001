#pragma once
// Exact money. Amounts are int64 nano-USD (1e-9 USD); one cent is 10'000'000. No floating point comes near.
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "base/error.hpp"

namespace tollgate {

/// An amount in nano-USD, ±9.2 billion USD. Overflow aborts (a bug: inputs are bounded where they enter).
class Money {
public:
    constexpr Money() = default;
    static constexpr Money from_nanos(std::int64_t nanos) {
        Money m;
        m.nanos_ = nanos;
        return m;
    }
    constexpr std::int64_t nanos() const { return nanos_; }
    constexpr bool is_zero() const { return nanos_ == 0; }
    constexpr bool is_negative() const { return nanos_ < 0; }
    friend constexpr auto operator<=>(Money, Money) = default;
    friend constexpr Money operator+(Money a, Money b) {
        std::int64_t sum = 0;
        TOLLGATE_CHECK(!__builtin_add_overflow(a.nanos_, b.nanos_, &sum), "money overflow");
        return from_nanos(sum);
    }
    friend constexpr Money operator-(Money a, Money b) {
        std::int64_t difference = 0;
        TOLLGATE_CHECK(!__builtin_sub_overflow(a.nanos_, b.nanos_, &difference), "money overflow");
        return from_nanos(difference);
    }
    constexpr Money operator-() const { return Money{} - *this; }
    constexpr Money& operator+=(Money b) { return *this = *this + b; }
    constexpr Money& operator-=(Money b) { return *this = *this - b; }

private:
    std::int64_t nanos_ = 0;
};

/// Shortest exact decimal in USD, without exponent or trailing zeros: "0.0001234", "-5", "0".
std::string format_usd(Money amount);
/// Parses a plain decimal ("12", "-0.000000001"). Errors (invalid_request): not a plain decimal, more than 9
/// decimals, out of range.
Result<Money> parse_usd(std::string_view text);

/// A factor in parts per billion; 1'000'000'000 = 1. Range [0, 1'000'000] as a factor.
class Multiplier {
public:
    constexpr Multiplier() = default;
    static constexpr Multiplier from_ppb(std::int64_t ppb) {
        Multiplier m;
        m.ppb_ = ppb;
        return m;
    }
    constexpr std::int64_t ppb() const { return ppb_; }
    friend constexpr auto operator<=>(Multiplier, Multiplier) = default;

private:
    std::int64_t ppb_ = 1'000'000'000;
};
/// Folds two factors into one, rounded half-even to a part per billion. Order does not matter for two factors;
/// callers fold account × team × model in that order, once, and store only the result.
Multiplier fold(Multiplier a, Multiplier b);
std::string format_multiplier(Multiplier m);              ///< "1.2"
Result<Multiplier> parse_multiplier(std::string_view text); ///< at most 9 decimals, ≥ 0

/// n / d rounded half to even; d > 0. Exact 128-bit arithmetic.
std::int64_t divide_half_even(__int128 n, __int128 d);

/// Parses a plain decimal into an integer scaled by 10^scale; more than `scale` decimals is an error naming `what`.
Result<std::int64_t> parse_scaled(std::string_view text, int scale, std::string_view what);
/// The inverse: shortest decimal of value / 10^scale.
std::string format_scaled(std::int64_t value, int scale);

} // namespace tollgate
