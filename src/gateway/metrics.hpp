#pragma once
// What the data plane counts. One block per I/O thread, so that counting never shares a cache line; summed at a scrape.
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "types/record.hpp"
#include "types/surface.hpp"

namespace tollgate::gateway {

inline constexpr std::size_t outcome_count = static_cast<std::size_t>(Outcome::cached) + 1;
inline constexpr std::size_t surface_count = static_cast<std::size_t>(Surface::count_);
/// Upper bounds of the latency histograms, in microseconds; the last bucket is open.
inline constexpr std::array<std::int64_t, 12> latency_bounds_us{1'000,   5'000,   10'000,    50'000,    100'000,   250'000,
                                                               500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 60'000'000};

/// Relaxed counters with a single writer (their thread) and any number of readers.
struct Counter {
    std::atomic<std::uint64_t> value{0};
    void add(std::uint64_t n = 1) noexcept {
        value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    std::uint64_t get() const noexcept { return value.load(std::memory_order_relaxed); }
};

struct alignas(128) ThreadMetrics {
    std::array<std::array<Counter, outcome_count>, surface_count> requests;
    std::array<Counter, 6> statuses; ///< by hundreds: [1] = 1xx … [5] = 5xx
    std::array<Counter, latency_bounds_us.size() + 1> latency;
    Counter latency_sum_us;
    Counter overhead_sum_us;
    Counter input_tokens, output_tokens;
    Counter charge_nanos, cost_nanos;
    Counter attempts, retries, upstream_failures, upstream_auth_failures;
    Counter unauthenticated;       ///< refused without a known key: not recorded
    Counter cut_streams, counted_usage, anomalies;
    std::atomic<std::int64_t> in_flight{0};
};

class Metrics {
public:
    explicit Metrics(std::size_t threads) : threads_(threads) {
        for (auto& block : threads_) block = std::make_unique<ThreadMetrics>();
    }
    ThreadMetrics& thread(std::size_t index) { return *threads_[index]; }
    /// Sum over threads of one counter.
    template <class F>
    std::uint64_t sum(F const& pick) const {
        std::uint64_t total = 0;
        for (auto const& block : threads_) total += pick(*block).get();
        return total;
    }
    std::int64_t in_flight() const {
        std::int64_t total = 0;
        for (auto const& block : threads_) total += block->in_flight.load(std::memory_order_relaxed);
        return total;
    }

private:
    std::vector<std::unique_ptr<ThreadMetrics>> threads_;
};

} // namespace tollgate::gateway
