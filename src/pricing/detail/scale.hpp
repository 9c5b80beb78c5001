#pragma once
// The one place where an exact sum becomes nano-USD.
#include <cstdint>
#include <optional>

#include "pricing/detail/wide.hpp"
#include "types/money.hpp"

namespace tollgate::pricing::detail {

enum class Rounding : std::uint8_t { half_even, up };

/// pico → nano is 1e3, the multiplier's unit 1e9: their product is the fixed part of every divisor.
inline constexpr std::uint64_t pico_ppb_per_nano = 1'000'000'000'000;

/// `total` (pico-USD × common_per) × multiplier / common_per in nano-USD, rounded once. common_per ≤ 1e15.
/// nullopt: beyond int64, or a negative multiplier.
std::optional<std::int64_t> scale(U256 total, Multiplier multiplier, std::uint64_t common_per, Rounding rounding);
/// The same, fast where 128 bits hold the product.
std::optional<std::int64_t> scale_128(U128 total, Multiplier multiplier, std::uint64_t common_per, Rounding rounding);

} // namespace tollgate::pricing::detail
