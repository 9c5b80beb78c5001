#include "pricing/detail/decimal.hpp"

#include "types/money.hpp"

namespace tollgate::pricing::detail {
namespace {

constexpr int max_digits = 18;

std::optional<__int128> power_of_ten(int exponent) {
    if (exponent < 0 || exponent > 37) return std::nullopt;
    __int128 value = 1;
    for (int i = 0; i < exponent; ++i) value *= 10;
    return value;
}

constexpr std::int64_t digit_limit = 1'000'000'000'000'000'000; // 10^max_digits

/// Brings a product of up to 37 digits back to 18.
Decimal shorten(__int128 digits, int exponent) {
    int surplus = 0;
    for (auto v = digits; v >= digit_limit; v /= 10) ++surplus;
    if (surplus == 0) return Decimal{static_cast<std::int64_t>(digits), exponent};
    return Decimal{divide_half_even(digits, *power_of_ten(surplus)), exponent + surplus};
}

/// The exponent after 'e', small enough to add to without care.
std::optional<int> parse_exponent(std::string_view text) {
    bool negative = false;
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
        negative = text[0] == '-';
        text.remove_prefix(1);
    }
    if (text.empty() || text.size() > 4) return std::nullopt;
    int value = 0;
    for (char const c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return negative ? -value : value;
}

} // namespace

std::optional<SignedDecimal> parse_decimal(std::string_view text) {
    SignedDecimal out;
    if (!text.empty() && text[0] == '-') {
        out.negative = true;
        text.remove_prefix(1);
    }
    auto const e = text.find_first_of("eE");
    if (e != std::string_view::npos) {
        auto const exponent = parse_exponent(text.substr(e + 1));
        if (!exponent) return std::nullopt;
        out.value.exponent = *exponent;
        text = text.substr(0, e);
    }
    if (text.empty() || text.size() > 64) return std::nullopt;
    __int128 digits = 0;
    bool point = false;
    bool any = false;
    int kept = 0;
    for (char const c : text) {
        if (c == '.' && !point && any) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') return std::nullopt;
        any = true;
        if (kept == 2 * max_digits) { // far beyond what can matter
            if (!point) ++out.value.exponent;
            continue;
        }
        digits = digits * 10 + (c - '0');
        if (digits != 0) ++kept;
        if (point) --out.value.exponent;
    }
    if (!any || text.back() == '.') return std::nullopt;
    out.value = shorten(digits, out.value.exponent);
    return out;
}

Decimal multiply(Decimal a, Decimal b) {
    return shorten(static_cast<__int128>(a.digits) * b.digits, a.exponent + b.exponent);
}

std::optional<Decimal> one_minus(Decimal a) {
    if (a.digits == 0) return Decimal{1, 0};
    if (a.exponent > 0 || a.exponent < -max_digits) return std::nullopt;
    auto const one = *power_of_ten(-a.exponent);
    if (a.digits > one) return std::nullopt;
    return Decimal{static_cast<std::int64_t>(one - a.digits), a.exponent};
}

std::optional<Rate> unit_rate(Decimal usd, std::int64_t per) {
    if (usd.digits == 0) return Rate{0, per};
    // 10^12 pico per USD. digits × per stays below 10^18 · 10^9.
    auto const scaled = static_cast<__int128>(usd.digits) * per;
    int const exponent = usd.exponent + 12;
    if (exponent >= 0) {
        auto const factor = power_of_ten(exponent);
        if (!factor || *factor > static_cast<__int128>(INT64_MAX) / scaled) return std::nullopt;
        return Rate{static_cast<std::int64_t>(scaled * *factor), per};
    }
    auto const divisor = power_of_ten(-exponent);
    if (!divisor) return Rate{0, per}; // below 10^-10 of a pico-USD
    if (scaled / *divisor >= INT64_MAX) return std::nullopt;
    return Rate{divide_half_even(scaled, *divisor), per};
}

} // namespace tollgate::pricing::detail
