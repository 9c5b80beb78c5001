#include "pricing/rate.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "pricing/detail/compiled.hpp"
#include "pricing/detail/scale.hpp"

namespace tollgate::pricing {
namespace {

using detail::no_slot;
using detail::U128;
using Quantities = std::array<std::int64_t, bucket_count>;

constexpr std::size_t at_bucket(Bucket b) { return static_cast<std::size_t>(b); }

detail::CompiledVariant const& variant_at(Price const& price, Timestamp at) {
    return price.compiled().variants[price.variant_index(at)];
}

Fail quantity_error(Bucket b, std::int64_t quantity) {
    return fail(Errc::invalid_request,
                fmt::format("usage.{} is {}; a count lies between 0 and {}", bucket_names[at_bucket(b)], quantity,
                            max_quantity),
                fmt::format("usage.{}", bucket_names[at_bucket(b)]));
}

/// Applies what the provider bills differently from what was counted.
Quantities billed(Price const& price, detail::Level const& level, Usage const& usage) {
    Quantities out = usage.quantity;
    auto& seconds = out[at_bucket(Bucket::input_seconds)];
    if (seconds > 0) seconds = std::max(seconds, price.spec().min_audio_seconds);
    auto& reasoning = out[at_bucket(Bucket::reasoning)];
    if (level.slot_of[at_bucket(Bucket::reasoning)] == no_slot) {
        reasoning = 0;
    } else {
        reasoning = std::min(reasoning, out[at_bucket(Bucket::output)]);
        out[at_bucket(Bucket::output)] -= reasoning;
    }
    return out;
}

/// Sums buckets into the level's lines; lines come out by unit number.
U128 sum_lines(detail::Level const& level, Quantities const& quantity, std::vector<PriceLine>& lines) {
    std::array<std::int64_t, unit_count> by_slot{};
    for (std::size_t b = 0; b < bucket_count; ++b) {
        auto const slot = level.slot_of[b];
        if (quantity[b] != 0 && slot != no_slot) by_slot[slot] += quantity[b];
    }
    lines.reserve(std::min<std::size_t>(level.slots.size(), 6));
    U128 total = 0;
    for (std::size_t i = 0; i < level.slots.size(); ++i) {
        if (by_slot[i] == 0) continue;
        auto const& slot = level.slots[i];
        total += slot.weight * static_cast<U128>(by_slot[i]);
        lines.push_back(PriceLine{static_cast<std::uint8_t>(slot.unit), by_slot[i], slot.rate.pico_usd, slot.rate.per});
    }
    return total;
}

Fail amount_error() { return fail(Errc::invalid_request, "the amount is out of range"); }

Money level_ceiling(detail::Level const& level, Quantities const& bound, Multiplier multiplier) {
    U128 total = 0;
    for (std::size_t b = 0; b < bucket_count; ++b) total += level.ceiling_weight[b] * static_cast<U128>(bound[b]);
    auto const nanos = detail::scale(detail::U256::from(total), multiplier, level.common_per, detail::Rounding::up);
    if (!nanos || *nanos > ceiling_limit.nanos()) return ceiling_limit;
    return Money::from_nanos(*nanos);
}

} // namespace

Result<Rating> rate(Price const& price, Usage const& usage, Timestamp at, Multiplier multiplier) {
    for (std::size_t b = 0; b < bucket_count; ++b)
        if (usage.quantity[b] < 0 || usage.quantity[b] > max_quantity)
            return quantity_error(static_cast<Bucket>(b), usage.quantity[b]);
    auto const& level = variant_at(price, at).level_for(usage.input_total());
    Rating out;
    auto const total = sum_lines(level, billed(price, level, usage), out.lines);
    auto const nanos = detail::scale_128(total, multiplier, level.common_per, detail::Rounding::half_even);
    if (!nanos) return amount_error();
    out.amount = Money::from_nanos(*nanos);
    return out;
}

Result<Money> recompute(std::span<PriceLine const> lines, Multiplier multiplier) {
    constexpr std::uint64_t common_limit = 1'000'000'000'000'000;
    std::uint64_t common = 1;
    for (auto const& line : lines) {
        if (line.quantity < 0 || line.pico_usd < 0 || line.per < 1 ||
            static_cast<std::uint64_t>(line.per) > common_limit)
            return fail(Errc::invalid_request,
                        fmt::format("price line: {} units at {} pico-USD per {} cannot be", line.quantity,
                                    line.pico_usd, line.per));
        // Both factors are at most 1e15: the product needs 100 bits.
        auto const per = static_cast<std::uint64_t>(line.per);
        auto const merged = static_cast<U128>(common / std::gcd(common, per)) * per;
        if (merged > common_limit) return fail(Errc::invalid_request, "price lines: unit sizes do not fit together");
        common = static_cast<std::uint64_t>(merged);
    }
    detail::U256 total;
    for (auto const& line : lines) {
        auto term = detail::U256::from(static_cast<U128>(line.quantity) * static_cast<U128>(line.pico_usd));
        if (!term.multiply(common / static_cast<std::uint64_t>(line.per)) || !total.add(term)) return amount_error();
    }
    auto const nanos = detail::scale(total, multiplier, common, detail::Rounding::half_even);
    if (!nanos) return amount_error();
    return Money::from_nanos(*nanos);
}

Money ceiling(Price const& price, Usage const& bound, Timestamp at, Multiplier multiplier) {
    Usage clean;
    for (std::size_t b = 0; b < bucket_count; ++b)
        clean.quantity[b] = std::clamp<std::int64_t>(bound.quantity[b], 0, max_quantity);
    auto& seconds = clean[Bucket::input_seconds];
    if (seconds > 0) seconds = std::max(seconds, price.spec().min_audio_seconds);
    Money dearest;
    auto const input_total = clean.input_total();
    for (auto const& level : variant_at(price, at).levels) {
        if (level.above >= input_total && level.above >= 0) break;
        dearest = std::max(dearest, level_ceiling(level, clean.quantity, multiplier));
    }
    return dearest;
}

std::optional<std::int64_t> affordable_output(Price const& price, Usage bound, Timestamp at, Multiplier multiplier,
                                              Money money, std::int64_t most) {
    auto fits = [&](std::int64_t n) {
        bound[Bucket::output] = n;
        return ceiling(price, bound, at, multiplier) <= money;
    };
    if (!fits(0)) return std::nullopt;
    std::int64_t good = 0;
    std::int64_t bad = std::clamp<std::int64_t>(most, 0, max_quantity) + 1;
    while (bad - good > 1) {
        auto const middle = good + (bad - good) / 2;
        (fits(middle) ? good : bad) = middle;
    }
    return good;
}

Money marginal_output(Price const& price, Usage bound, std::int64_t tokens, Timestamp at, Multiplier multiplier) {
    auto const before = ceiling(price, bound, at, multiplier);
    auto& output = bound[Bucket::output];
    output = std::clamp<std::int64_t>(output, 0, max_quantity) + std::clamp<std::int64_t>(tokens, 0, max_quantity);
    return ceiling(price, bound, at, multiplier) - before;
}

Money typical_cost(Price const& price, Timestamp at, Multiplier multiplier) {
    Usage usage;
    usage[Bucket::input] = 1000;
    usage[Bucket::output] = 1000;
    usage[Bucket::request] = 1;
    auto const rating = rate(price, usage, at, multiplier);
    return rating ? rating->amount : ceiling_limit;
}

} // namespace tollgate::pricing
