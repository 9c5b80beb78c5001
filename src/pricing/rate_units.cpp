// Rating by the price library's own units: inclusive counts are split into leaves, each priced once.
#include <algorithm>

#include <fmt/format.h>

#include "pricing/detail/compiled.hpp"
#include "pricing/detail/scale.hpp"
#include "pricing/rate.hpp"

namespace tollgate::pricing {
namespace {

/// Counts by unit; a unit that was left out is not the same as one reported as zero.
struct Reported {
    std::array<std::optional<std::int64_t>, unit_count> count{};

    std::optional<std::int64_t>& operator[](UnitId id) { return count[static_cast<std::size_t>(id)]; }
    std::optional<std::int64_t> const& operator[](UnitId id) const { return count[static_cast<std::size_t>(id)]; }
};

Fail usage_error(UnitId id, std::string message) {
    return fail(Errc::invalid_request, std::move(message), fmt::format("usage.{}", unit(id).usage_key));
}

Result<std::int64_t> checked(UnitId id, std::int64_t quantity) {
    if (quantity < 0 || quantity > max_quantity)
        return usage_error(id, fmt::format("usage.{} is {}; a count lies between 0 and {}", unit(id).usage_key,
                                           quantity, max_quantity));
    return quantity;
}

/// The value of `id`: as reported; else 0, unless something reported shows that it cannot be 0.
Result<std::int64_t> value_of(Reported const& reported, UnitId id) {
    if (auto const& own = reported[id]) return checked(id, *own);
    std::array<UnitId, unit_count> positive{};
    std::size_t positives = 0;
    for (std::size_t i = 0; i < unit_count; ++i) {
        if (!reported.count[i]) continue;
        auto const other = static_cast<UnitId>(i);
        auto const quantity = checked(other, *reported.count[i]);
        if (!quantity) return quantity;
        if (*quantity == 0) continue;
        if ((unit_ancestors(other) & unit_bit(id)) != 0)
            return usage_error(id, fmt::format("usage.{} is missing, but its part {} is reported", unit(id).usage_key,
                                               unit(other).usage_key));
        positive[positives++] = other;
    }
    for (std::size_t i = 0; i < positives; ++i)
        for (std::size_t j = i + 1; j < positives; ++j) {
            auto const a = positive[i];
            auto const b = positive[j];
            if ((unit_ancestors(a) & unit_bit(b)) != 0 || (unit_ancestors(b) & unit_bit(a)) != 0) continue;
            if (unit_join(a, b) == id)
                return usage_error(id, fmt::format("usage.{} is missing, but {} and {} are both reported",
                                                   unit(id).usage_key, unit(a).usage_key, unit(b).usage_key));
        }
    return 0;
}

/// A provider with a minimum bills short audio as that many seconds, under either name of the unit.
Result<void> apply_audio_minimum(Reported& reported, std::int64_t minimum) {
    auto& all = reported[UnitId::audio_seconds];
    auto& input = reported[UnitId::input_audio_seconds];
    for (auto const id : {UnitId::audio_seconds, UnitId::input_audio_seconds})
        if (reported[id])
            if (auto const ok = checked(id, *reported[id]); !ok) return Fail(ok.error());
    // An explicit zero of the whole gives way to the input's own count, as in the library.
    auto const seconds = all && *all != 0 ? all : input;
    if (!seconds) return {};
    auto const billed = *seconds > 0 ? std::max(*seconds, minimum) : 0;
    all = billed;
    input = billed;
    return {};
}

int dimensions_set(UnitId id) {
    auto const& d = unit(id).dimensions;
    int n = 0;
    for (auto const text : {d.family, d.direction, d.modality, d.token_type, d.cache_ttl, d.tool_type, d.page_type})
        if (!text.empty()) ++n;
    return n;
}

/// Quantities by slot, each without what more specific priced units already count.
Result<std::vector<std::int64_t>> leaves(Reported const& reported, std::vector<detail::Slot> const& slots) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < slots.size(); ++i)
        if (slots[i].unit != UnitId::requests) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return dimensions_set(slots[a].unit) > dimensions_set(slots[b].unit);
    });
    std::vector<std::int64_t> leaf(slots.size(), 0);
    for (auto const i : order) {
        auto const id = slots[i].unit;
        auto const whole = value_of(reported, id);
        if (!whole) return Fail(whole.error());
        std::int64_t parts = 0;
        for (auto const j : order)
            if ((unit_ancestors(slots[j].unit) & unit_bit(id)) != 0) parts += leaf[j];
        if (parts > *whole)
            return usage_error(id, fmt::format("usage.{} is {}, less than its parts, which are {} together",
                                               unit(id).usage_key, *whole, parts));
        leaf[i] = *whole - parts;
    }
    return leaf;
}

bool has_tiers(PriceVariant const& variant) {
    return std::any_of(variant.units.begin(), variant.units.end(),
                       [](UnitPrice const& price) { return !price.tiers.empty(); });
}

} // namespace

Result<Rating> rate_units(Price const& price, std::span<UnitQuantity const> usage, Timestamp at,
                          Multiplier multiplier) {
    Reported reported;
    for (auto const& entry : usage)
        if (entry.unit < UnitId::count_ && entry.unit != UnitId::requests) reported[entry.unit] = entry.quantity;
    if (price.spec().min_audio_seconds > 0)
        if (auto ok = apply_audio_minimum(reported, price.spec().min_audio_seconds); !ok) return Fail(ok.error());

    auto const index = price.variant_index(at);
    std::int64_t input_total = 0;
    if (has_tiers(price.spec().variants[index])) {
        auto const total = value_of(reported, UnitId::input_tokens);
        if (!total) return Fail(total.error());
        input_total = *total;
    }
    auto const& level = price.compiled().variants[index].level_for(input_total);
    auto const quantity = leaves(reported, level.slots);
    if (!quantity) return Fail(quantity.error());

    Rating out;
    detail::U128 total = 0;
    for (std::size_t i = 0; i < level.slots.size(); ++i) {
        auto const& slot = level.slots[i];
        auto const q = slot.unit == UnitId::requests ? 1 : (*quantity)[i];
        if (q == 0) continue;
        total += slot.weight * static_cast<detail::U128>(q);
        out.lines.push_back(
            PriceLine{static_cast<std::uint8_t>(slot.unit), q, slot.rate.pico_usd, slot.rate.per});
    }
    auto const nanos = detail::scale_128(total, multiplier, level.common_per, detail::Rounding::half_even);
    if (!nanos) return fail(Errc::invalid_request, "the amount is out of range");
    out.amount = Money::from_nanos(*nanos);
    return out;
}

} // namespace tollgate::pricing
