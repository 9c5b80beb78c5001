#include "routing/breaker.hpp"

#include <algorithm>

namespace tollgate::routing {
namespace {

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t cool_max_ns = 60'000 * ms;
constexpr std::int64_t cool_default_ns = 1'000 * ms;
constexpr std::uint64_t count_max = 0xfffff; // 20 bits for attempts and as many for failures, 24 for the slice's number

struct Slice {
    std::uint64_t number, attempts, failures;
};
constexpr std::uint64_t pack(Slice s) noexcept { return s.number << 40 | s.attempts << 20 | s.failures; }
constexpr Slice unpack(std::uint64_t word) noexcept { return {word >> 40, word >> 20 & count_max, word & count_max}; }

/// The slice of time `now` falls into. Numbers repeat after 2^24 slices: 5 s each, two and a half years.
std::uint64_t slice_number(BreakerConfig const& config, std::int64_t now_ns, std::size_t slices) noexcept {
    auto const length = std::max<std::int64_t>(1, config.breaker_window_ms * ms / static_cast<std::int64_t>(slices));
    return static_cast<std::uint64_t>(now_ns / length) & 0xffffff;
}

} // namespace

TargetState::Gate TargetState::gate(std::int64_t now_ns) const noexcept {
    if (now_ns < cool_until_.load(std::memory_order_relaxed)) return Gate::blocked;
    if (trips_.load(std::memory_order_acquire) == 0) return Gate::open_road;
    return now_ns < open_until_.load(std::memory_order_relaxed) ? Gate::blocked : Gate::probe;
}

bool TargetState::claim_probe(std::int64_t now_ns) noexcept {
    auto until = open_until_.load(std::memory_order_relaxed);
    if (now_ns < until) return false;
    // Whoever moves the end of the pause has the probe; if it never reports, the pause just ends again.
    if (!open_until_.compare_exchange_strong(until, now_ns + pause_.load(std::memory_order_relaxed), std::memory_order_relaxed))
        return false;
    probing_.store(true, std::memory_order_relaxed);
    return true;
}

void TargetState::count(BreakerConfig const& config, bool failure, std::int64_t now_ns) noexcept {
    auto const number = slice_number(config, now_ns, slices);
    auto& word = counts_[number % slices];
    auto old = word.load(std::memory_order_relaxed);
    for (;;) {
        auto slice = unpack(old);
        if (slice.number != number) slice = {number, 0, 0};
        if (slice.attempts < count_max) ++slice.attempts;
        if (failure && slice.failures < count_max) ++slice.failures;
        if (word.compare_exchange_weak(old, pack(slice), std::memory_order_relaxed)) return;
    }
}

TargetState::Window TargetState::window(BreakerConfig const& config, std::int64_t now_ns) const noexcept {
    Window out;
    out.open = trips_.load(std::memory_order_relaxed) > 0;
    auto const number = slice_number(config, now_ns, slices);
    for (auto const& word : counts_) {
        auto const slice = unpack(word.load(std::memory_order_relaxed));
        if (((number - slice.number) & 0xffffff) >= slices) continue;
        out.attempts += static_cast<std::int64_t>(slice.attempts);
        out.failures += static_cast<std::int64_t>(slice.failures);
    }
    return out;
}

void TargetState::succeeded(BreakerConfig const& config, std::int64_t latency, std::int64_t now_ns) noexcept {
    count(config, false, now_ns);
    if (consecutive_.load(std::memory_order_relaxed) != 0) consecutive_.store(0, std::memory_order_relaxed);
    if (trips_.load(std::memory_order_relaxed) != 0) { // any success shows that it is back
        trips_.store(0, std::memory_order_relaxed);
        probing_.store(false, std::memory_order_relaxed);
        for (auto& word : counts_) word.store(0, std::memory_order_relaxed);
    }
    latency = std::max<std::int64_t>(latency, 1);
    auto old = latency_ns_.load(std::memory_order_relaxed);
    // A lost race loses one sample, which is as good as none.
    latency_ns_.compare_exchange_strong(old, old == 0 ? latency : old + (latency - old) / 10, std::memory_order_relaxed);
}

void TargetState::open(BreakerConfig const& config, int trips, std::int64_t now_ns) noexcept {
    auto const longest = config.breaker_open_max_ms;
    auto pause = std::min(config.breaker_open_ms, longest);
    for (int i = 1; i < trips && pause < longest; ++i) pause = std::min(pause * 2, longest);
    pause_.store(pause * ms, std::memory_order_relaxed);
    open_until_.store(now_ns + pause * ms, std::memory_order_relaxed);
    trips_.store(std::min(trips, 1000), std::memory_order_release); // after the pause it announces
}

void TargetState::failed(BreakerConfig const& config, std::int64_t now_ns) noexcept {
    count(config, true, now_ns);
    auto const in_a_row = consecutive_.fetch_add(1, std::memory_order_relaxed) + 1;
    auto const trips = trips_.load(std::memory_order_relaxed);
    if (trips > 0) {
        // Calls that were under way when it opened fail late; only the probe's answer says something new.
        if (probing_.exchange(false, std::memory_order_relaxed)) open(config, trips + 1, now_ns);
        return;
    }
    auto const seen = window(config, now_ns);
    bool const too_many = seen.attempts >= config.breaker_min_requests &&
                          seen.failures * 100 >= config.breaker_error_percent * seen.attempts;
    if (in_a_row >= config.breaker_failures || too_many) open(config, 1, now_ns);
}

void TargetState::rate_limited(std::int64_t retry_after_ns, std::int64_t now_ns) noexcept {
    auto const pause = retry_after_ns <= 0 ? cool_default_ns : std::min(retry_after_ns, cool_max_ns);
    auto old = cool_until_.load(std::memory_order_relaxed);
    while (now_ns + pause > old && !cool_until_.compare_exchange_weak(old, now_ns + pause, std::memory_order_relaxed)) {}
    // A 429 is an answer: the provider is up.
    if (consecutive_.load(std::memory_order_relaxed) != 0) consecutive_.store(0, std::memory_order_relaxed);
    if (probing_.exchange(false, std::memory_order_relaxed)) trips_.store(0, std::memory_order_relaxed);
}

std::int64_t TargetState::blocked_until_ns() const noexcept {
    auto const breaker = trips_.load(std::memory_order_relaxed) > 0 ? open_until_.load(std::memory_order_relaxed) : 0;
    return std::max(breaker, cool_until_.load(std::memory_order_relaxed));
}

} // namespace tollgate::routing
