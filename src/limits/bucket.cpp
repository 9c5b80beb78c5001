#include "limits/bucket.hpp"

#include <algorithm>

namespace tollgate::limits {
namespace {

constexpr std::int64_t units_max = 1'000'000'000'000; // beyond it an amount or limit is as good as infinite

/// The time that `amount` units fill. Rounded down, so that exactly `limit` single units fit into a minute; the
/// error, under 1 ns per take, is the caller's gain.
std::int64_t span_of(std::int64_t limit, std::int64_t amount) noexcept {
    auto const units = std::clamp<std::int64_t>(amount, -units_max, units_max);
    auto const span = static_cast<__int128>(Bucket::minute_ns) * units / std::min(limit, units_max);
    constexpr __int128 span_max = __int128{1} << 61;
    return static_cast<std::int64_t>(std::clamp(span, -span_max, span_max));
}

std::int64_t units_in(std::int64_t limit, std::int64_t span_ns) noexcept {
    if (span_ns <= 0) return 0;
    // Spans are rounded down to the nanosecond, so the free share may be up to 1 ns too large per unit taken; the
    // smallest unit of any sane limit is longer than that.
    return static_cast<std::int64_t>(static_cast<__int128>(std::min(limit, units_max)) * span_ns / Bucket::minute_ns);
}

} // namespace

Bucket::Taken Bucket::take(std::int64_t limit, std::int64_t amount, std::int64_t now_ns) noexcept {
    auto const span = span_of(limit, amount);
    auto full_at = full_at_ns_.load(std::memory_order_relaxed);
    for (;;) {
        auto const from = std::max(full_at, now_ns);
        auto const next = from + span;
        if (next - now_ns > minute_ns) {
            Taken refused;
            refused.remaining = units_in(limit, minute_ns - (from - now_ns));
            refused.full_in_ns = from - now_ns;
            refused.retry_in_ns = span > minute_ns ? -1 : next - now_ns - minute_ns;
            return refused;
        }
        if (full_at_ns_.compare_exchange_weak(full_at, next, std::memory_order_relaxed))
            return Taken{true, units_in(limit, minute_ns - (next - now_ns)), next - now_ns, 0};
    }
}

void Bucket::adjust(std::int64_t limit, std::int64_t amount, std::int64_t now_ns) noexcept {
    auto const span = span_of(limit, amount);
    // A debt is bounded, so that one absurd count does not lock a key out for days.
    constexpr std::int64_t debt_max = 60 * minute_ns;
    auto full_at = full_at_ns_.load(std::memory_order_relaxed);
    for (;;) {
        if (span < 0 && full_at <= now_ns) return; // full already
        auto const next = std::min(std::max(full_at, now_ns) + span, std::max(full_at, now_ns + debt_max));
        if (full_at_ns_.compare_exchange_weak(full_at, next, std::memory_order_relaxed)) return;
    }
}

} // namespace tollgate::limits
