#pragma once
// How a target is doing: circuit breaker and latency, updated by every attempt on every I/O thread without locks.
#include <array>
#include <atomic>
#include <cstdint>

#include "config/config.hpp"

namespace tollgate::routing {

/// When a breaker opens and for how long; see config::RoutingConfig.
using BreakerConfig = config::RoutingConfig;

/// State of one (provider, provider's model). Any thread; times are Clock::steady_ns. Lives in TargetStates, so it
/// survives rebuilt catalogs.
class TargetState {
public:
    /// Whether calls may be sent. `probe`: the breaker's pause is over and one call may try; see claim_probe.
    enum class Gate : std::uint8_t { open_road, probe, blocked };
    Gate gate(std::int64_t now_ns) const noexcept;
    /// Takes the right to the one probe of a half-open breaker; false: somebody else has it. A probe that never
    /// reports frees it again after the pause's length.
    bool claim_probe(std::int64_t now_ns) noexcept;

    /// An attempt was answered (a 4xx of the caller's making included). `latency_ns`: request sent → response head.
    void succeeded(BreakerConfig const& config, std::int64_t latency_ns, std::int64_t now_ns) noexcept;
    /// Connection error, timeout, 5xx or broken answer.
    void failed(BreakerConfig const& config, std::int64_t now_ns) noexcept;
    /// 429: leave it alone for `retry_after_ns` (at most a minute; 0 = a second), without counting a failure.
    void rate_limited(std::int64_t retry_after_ns, std::int64_t now_ns) noexcept;

    /// When a blocked target may be tried again.
    std::int64_t blocked_until_ns() const noexcept;
    /// Smoothed over about the last ten answers; 0 = none yet.
    std::int64_t latency_ns() const noexcept { return latency_ns_.load(std::memory_order_relaxed); }

    /// For health: what the last window saw.
    struct Window {
        std::int64_t attempts = 0;
        std::int64_t failures = 0;
        bool open = false; ///< the breaker, half-open included
    };
    Window window(BreakerConfig const& config, std::int64_t now_ns) const noexcept;

private:
    void count(BreakerConfig const& config, bool failure, std::int64_t now_ns) noexcept;
    void open(BreakerConfig const& config, int trips, std::int64_t now_ns) noexcept;

    static constexpr std::size_t slices = 6; ///< of the window; each: number, attempts and failures in one word
    std::array<std::atomic<std::uint64_t>, slices> counts_{};
    std::atomic<int> consecutive_{0};
    std::atomic<int> trips_{0};                ///< 0 = closed; else how often it opened without a success between
    std::atomic<std::int64_t> open_until_{0};  ///< while trips_ > 0
    std::atomic<std::int64_t> pause_{0};       ///< length of the current pause, ns
    std::atomic<bool> probing_{false};
    std::atomic<std::int64_t> cool_until_{0};  ///< after a 429
    std::atomic<std::int64_t> latency_ns_{0};
};

} // namespace tollgate::routing
