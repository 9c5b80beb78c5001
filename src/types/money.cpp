#include "types/money.hpp"

#include <fmt/format.h>

namespace tollgate {

std::string format_scaled(std::int64_t value, int scale) {
    bool const negative = value < 0;
    // Negating in unsigned arithmetic also works for the smallest int64.
    std::uint64_t const magnitude = negative ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    // From the last digit on. At most 20 digits (1 + scale ≤ 19 of them for sure), the point and the sign.
    char text[24];
    char* const end = text + sizeof text;
    char* at = end;
    bool fraction = false; // a digit behind the point was written: zeros before it count
    std::uint64_t rest = magnitude;
    for (int i = 0; i < scale; ++i, rest /= 10) {
        auto const digit = static_cast<char>('0' + rest % 10);
        if (digit == '0' && !fraction) continue;
        *--at = digit;
        fraction = true;
    }
    if (fraction) *--at = '.';
    do *--at = static_cast<char>('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (negative) *--at = '-';
    return std::string(at, end);
}

Result<std::int64_t> parse_scaled(std::string_view text, int scale, std::string_view what) {
    auto bad = [&](std::string_view why) {
        return fail(Errc::invalid_request, fmt::format("{} '{}': {}", what, text.substr(0, 40), why));
    };
    std::size_t at = 0;
    bool const negative = !text.empty() && text[0] == '-';
    if (negative) ++at;
    if (at == text.size()) return bad("write a plain decimal such as 12.34");
    __int128 value = 0;
    int decimals = -1; // -1 until the point is seen
    bool digit_seen = false;
    constexpr __int128 limit = static_cast<__int128>(INT64_MAX);
    for (; at < text.size(); ++at) {
        char const c = text[at];
        if (c == '.' && decimals < 0 && digit_seen) {
            decimals = 0;
            continue;
        }
        if (c < '0' || c > '9') return bad("write a plain decimal such as 12.34");
        digit_seen = true;
        if (decimals >= 0 && ++decimals > scale) {
            if (c != '0') return bad(fmt::format("at most {} decimals are exact here", scale));
            --decimals; // zeros beyond the scale change nothing
            continue;
        }
        value = value * 10 + (c - '0');
        if (value > limit) return bad("out of range");
    }
    if (decimals == 0) return bad("digits are missing after the point");
    for (int i = decimals < 0 ? 0 : decimals; i < scale; ++i) {
        value *= 10;
        if (value > limit) return bad("out of range");
    }
    return static_cast<std::int64_t>(negative ? -value : value);
}

std::string format_usd(Money amount) { return format_scaled(amount.nanos(), 9); }

Result<Money> parse_usd(std::string_view text) {
    auto const nanos = parse_scaled(text, 9, "amount");
    if (!nanos) return Fail(nanos.error());
    return Money::from_nanos(*nanos);
}

std::string format_multiplier(Multiplier m) { return format_scaled(m.ppb(), 9); }

Result<Multiplier> parse_multiplier(std::string_view text) {
    auto const ppb = parse_scaled(text, 9, "multiplier");
    if (!ppb) return Fail(ppb.error());
    if (*ppb < 0 || *ppb > 1'000'000'000'000'000)
        return fail(Errc::invalid_request, "a multiplier lies between 0 and 1000000");
    return Multiplier::from_ppb(*ppb);
}

std::int64_t divide_half_even(__int128 n, __int128 d) {
    TOLLGATE_CHECK(d > 0, "division by a non-positive number");
    __int128 quotient = n / d;
    __int128 remainder = n % d;
    if (remainder < 0) { // floor division, so that the remainder is never negative
        remainder += d;
        --quotient;
    }
    __int128 const rest = d - remainder;
    if (remainder > rest || (remainder == rest && (quotient & 1) != 0)) ++quotient;
    TOLLGATE_CHECK(quotient <= INT64_MAX && quotient >= INT64_MIN, "money overflow");
    return static_cast<std::int64_t>(quotient);
}

Multiplier fold(Multiplier a, Multiplier b) {
    return Multiplier::from_ppb(divide_half_even(static_cast<__int128>(a.ppb()) * b.ppb(), 1'000'000'000));
}

} // namespace tollgate
