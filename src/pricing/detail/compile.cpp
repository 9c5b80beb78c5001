#include "pricing/detail/compiled.hpp"

#include <algorithm>
#include <numeric>

namespace tollgate::pricing::detail {
namespace {

constexpr std::array<UnitId, bucket_count> bucket_units{
    UnitId::input_text_tokens,     // input
    UnitId::cache_read_tokens,     // cache_read
    UnitId::cache_write_5m_tokens, // cache_write_5m
    UnitId::cache_write_1h_tokens, // cache_write_1h
    UnitId::input_audio_tokens,    // audio_in
    UnitId::input_image_tokens,    // image_in
    UnitId::output_text_tokens,    // output
    UnitId::output_reasoning_tokens,
    UnitId::output_audio_tokens,
    UnitId::output_image_tokens,
    UnitId::web_searches,
    UnitId::requests,
    UnitId::input_audio_seconds,
    UnitId::output_audio_seconds,
    UnitId::input_characters,
    UnitId::input_document_pages,
    UnitId::images,
};

/// Least common multiples beyond this would not leave room for exact sums.
constexpr std::uint64_t common_per_limit = 1'000'000'000'000'000;
constexpr int weight_bits = 80;

Rate rate_at(UnitPrice const& price, std::int64_t level_above) {
    Rate rate = price.base;
    for (auto const& tier : price.tiers)
        if (tier.above <= level_above) rate = tier.rate;
    return rate;
}

/// The most specific priced unit that is `wanted` or contains it.
std::uint8_t find_slot(std::vector<Slot> const& slots, UnitId wanted) {
    UnitSet const candidates = unit_ancestors(wanted) | unit_bit(wanted);
    std::uint8_t best = no_slot;
    int best_depth = -1;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if ((candidates & unit_bit(slots[i].unit)) == 0) continue;
        int const depth = __builtin_popcountll(unit_ancestors(slots[i].unit));
        if (depth > best_depth) {
            best_depth = depth;
            best = static_cast<std::uint8_t>(i);
        }
    }
    return best;
}

void fill_ceiling_weights(Level& level) {
    auto weight = [&](Bucket b) {
        auto const slot = level.slot_of[static_cast<std::size_t>(b)];
        return slot == no_slot ? U128{0} : level.slots[slot].weight;
    };
    for (std::size_t b = 0; b < bucket_count; ++b) level.ceiling_weight[b] = weight(static_cast<Bucket>(b));
    auto raise = [&](std::initializer_list<Bucket> bounds, std::initializer_list<Bucket> outcomes) {
        for (auto const bound : bounds)
            for (auto const outcome : outcomes) {
                auto& w = level.ceiling_weight[static_cast<std::size_t>(bound)];
                w = std::max(w, weight(outcome));
            }
    };
    raise({Bucket::input, Bucket::cache_read, Bucket::cache_write_5m, Bucket::cache_write_1h, Bucket::audio_in,
           Bucket::image_in},
          {Bucket::input, Bucket::cache_read, Bucket::cache_write_5m});
    raise({Bucket::output}, {Bucket::reasoning, Bucket::audio_out, Bucket::image_out});
    level.ceiling_weight[static_cast<std::size_t>(Bucket::reasoning)] = 0; // a part of output: counted there
}

Result<Level> make_level(PriceVariant const& variant, std::int64_t above) {
    Level level;
    level.above = above;
    for (auto const& price : variant.units) {
        Slot const slot{price.unit, rate_at(price, above), 0};
        level.common_per = std::lcm(level.common_per, static_cast<std::uint64_t>(slot.rate.per));
        if (level.common_per > common_per_limit)
            return fail(Errc::invalid_request, "the price has too many different unit sizes for exact arithmetic");
        level.slots.push_back(slot);
    }
    for (auto& slot : level.slots) {
        slot.weight = static_cast<U128>(slot.rate.pico_usd) *
                      (level.common_per / static_cast<std::uint64_t>(slot.rate.per));
        if (bit_length(slot.weight) > weight_bits)
            return fail(Errc::invalid_request,
                        "the price of " + std::string(unit(slot.unit).usage_key) + " is too large");
    }
    for (std::size_t b = 0; b < bucket_count; ++b) level.slot_of[b] = find_slot(level.slots, bucket_units[b]);
    // Reasoning is inside output and costs what output costs, but where the price names it.
    auto& reasoning = level.slot_of[static_cast<std::size_t>(Bucket::reasoning)];
    if (reasoning != no_slot && level.slots[reasoning].unit != UnitId::output_reasoning_tokens) reasoning = no_slot;
    fill_ceiling_weights(level);
    return level;
}

Result<CompiledVariant> compile_variant(PriceVariant const& variant) {
    std::vector<std::int64_t> thresholds{-1};
    for (auto const& price : variant.units)
        for (auto const& tier : price.tiers) thresholds.push_back(tier.above);
    std::sort(thresholds.begin(), thresholds.end());
    thresholds.erase(std::unique(thresholds.begin(), thresholds.end()), thresholds.end());
    CompiledVariant out;
    for (auto const above : thresholds) {
        auto level = make_level(variant, above);
        if (!level) return Fail(level.error());
        out.levels.push_back(std::move(*level));
    }
    return out;
}

} // namespace

UnitId bucket_unit(Bucket bucket) { return bucket_units[static_cast<std::size_t>(bucket)]; }

Result<CompiledPrice> compile(PriceSpec const& spec) {
    CompiledPrice out;
    for (auto const& variant : spec.variants) {
        auto compiled = compile_variant(variant);
        if (!compiled) return Fail(compiled.error());
        out.variants.push_back(std::move(*compiled));
    }
    return out;
}

} // namespace tollgate::pricing::detail
