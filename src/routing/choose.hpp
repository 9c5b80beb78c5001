#pragma once
// Step four of a request: which targets to try, in which order.
#include <array>
#include <cstdint>
#include <functional>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "config/config.hpp"
#include "routing/catalog.hpp"

namespace tollgate::routing {

/// A number in [0, bound), bound ≥ 1.
using Dice = std::function<std::uint64_t(std::uint64_t bound)>;
/// base/random.hpp's random_below.
Dice const& system_dice();

/// Targets in the order to try them; points into the Model.
class Candidates {
public:
    static constexpr std::size_t count_max = 8; ///< more targets than that are never tried for one request
    Target const* const* begin() const noexcept { return targets_.data(); }
    Target const* const* end() const noexcept { return targets_.data() + count_; }
    std::size_t size() const noexcept { return count_; }
    Target const& operator[](std::size_t i) const noexcept { return *targets_[i]; }

private:
    friend Result<Candidates> choose(Model const&, Surface, Timestamp, std::int64_t, Dice const&);
    std::array<Target const*, count_max> targets_{};
    std::size_t count_ = 0;
};

/// By priority; within one priority by the model's strategy: weighted choice (priority, weighted), lowest typical cost
/// (cheapest), lowest latency, with one call in 32 sent to another one so that its figure stays fresh (fastest).
/// `weighted` takes all targets as one priority. Targets whose breaker is open come last, the one that opened first
/// in front, so that something is tried even when all are open; a half-open one keeps its place for a single probe.
/// Targets without a price are left out. Does not allocate.
/// Errors: model_price_unset (no target has a price); invalid_request (none speaks the surface's dialect);
/// unavailable (every provider of the model is disabled).
Result<Candidates> choose(Model const& model, Surface surface, Timestamp now, std::int64_t now_ns,
                          Dice const& dice = system_dice());

/// How long to wait before attempt `attempt` (2 = the first repetition): full jitter over an exponentially growing
/// span, at least the upstream's `retry_after_ms`.
std::int64_t retry_delay_ms(config::RoutingConfig const& config, int attempt, std::int64_t retry_after_ms,
                            Dice const& dice = system_dice());

} // namespace tollgate::routing
