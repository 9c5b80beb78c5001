#pragma once
// A price made flat for the request path: per variant and tier level one small table from buckets to rates.
#include <array>
#include <cstdint>
#include <vector>

#include "base/error.hpp"
#include "pricing/detail/wide.hpp"
#include "pricing/price.hpp"
#include "types/usage.hpp"

namespace tollgate::pricing::detail {

/// A bucket that no priced unit contains.
inline constexpr std::uint8_t no_slot = 0xff;

/// One priced unit at one level.
struct Slot {
    UnitId unit = UnitId::input_tokens;
    Rate rate;
    U128 weight = 0; ///< pico · (level's common_per / per), below 2^80: sums over a request stay below 2^125
};

/// The rates for requests whose total input is above `above` and not above the next level's.
struct Level {
    std::int64_t above = -1;
    std::uint64_t common_per = 1; ///< the least common multiple of all `per`
    std::vector<Slot> slots;      ///< by unit number
    std::array<std::uint8_t, bucket_count> slot_of{};
    std::array<U128, bucket_count> ceiling_weight{}; ///< the dearest a unit of this bucket's bound can become
};

struct CompiledVariant {
    std::vector<Level> levels; ///< ascending; the first is for every request

    Level const& level_for(std::int64_t input_total) const {
        std::size_t i = levels.size() - 1;
        while (i > 0 && input_total <= levels[i].above) --i;
        return levels[i];
    }
};

struct CompiledPrice {
    std::vector<CompiledVariant> variants;
};

/// `spec` has passed Price::make's checks of ranges and order.
Result<CompiledPrice> compile(PriceSpec const& spec);

/// The unit whose price a bucket looks for first.
UnitId bucket_unit(Bucket bucket);

} // namespace tollgate::pricing::detail
