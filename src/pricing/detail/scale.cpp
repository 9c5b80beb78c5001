#include "pricing/detail/scale.hpp"

namespace tollgate::pricing::detail {
namespace {

template <class Divisor>
std::optional<std::int64_t> round(U128 quotient, Divisor remainder, Divisor divisor, Rounding rounding) {
    bool up = false;
    if (rounding == Rounding::up) {
        up = remainder != 0;
    } else {
        auto const rest = divisor - remainder;
        up = remainder > rest || (remainder == rest && (quotient & 1) != 0);
    }
    if (quotient > static_cast<U128>(INT64_MAX) - (up ? 1 : 0)) return std::nullopt;
    return static_cast<std::int64_t>(quotient) + (up ? 1 : 0);
}

} // namespace

std::optional<std::int64_t> scale(U256 total, Multiplier multiplier, std::uint64_t common_per, Rounding rounding) {
    if (multiplier.ppb() < 0 || !total.multiply(static_cast<std::uint64_t>(multiplier.ppb()))) return std::nullopt;
    auto const divisor = static_cast<U128>(common_per) * pico_ppb_per_nano;
    auto const division = divide(total, divisor);
    if (!division) return std::nullopt;
    return round<U128>(division->quotient, division->remainder, divisor, rounding);
}

std::optional<std::int64_t> scale_128(U128 total, Multiplier multiplier, std::uint64_t common_per, Rounding rounding) {
    if (multiplier.ppb() < 0) return std::nullopt;
    auto const factor = static_cast<std::uint64_t>(multiplier.ppb());
    if (bit_length(total) + bit_length(factor) > 127)
        return scale(U256::from(total), multiplier, common_per, rounding);
    auto const product = total * factor;
    auto const divisor = static_cast<U128>(common_per) * pico_ppb_per_nano;
    if (divisor <= UINT64_MAX && (product >> 64) == 0) { // one machine division
        auto const small = static_cast<std::uint64_t>(product);
        auto const d = static_cast<std::uint64_t>(divisor);
        return round<std::uint64_t>(small / d, small % d, d, rounding);
    }
    auto const quotient = product / divisor;
    return round<U128>(quotient, product - quotient * divisor, divisor, rounding);
}

} // namespace tollgate::pricing::detail
