#pragma once
#include <ctime>
#include <cstdint>
#include <limits>

namespace tollgate::net {

inline constexpr std::int64_t never_ns = std::numeric_limits<std::int64_t>::max();

/// CLOCK_MONOTONIC in nanoseconds: ~25 ns a call.
inline std::int64_t precise_ns() noexcept {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

/// The same clock at the last scheduler tick, up to 10 ms ago: ~5 ns a call, good enough for deadlines.
inline std::int64_t coarse_ns() noexcept {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

/// The instant `limit_ms` from now, not earlier; 0 = never.
inline std::int64_t deadline_in_ms(std::int64_t limit_ms) noexcept {
    return limit_ms <= 0 ? never_ns : coarse_ns() + (limit_ms + 10) * 1'000'000;
}

} // namespace tollgate::net
