#pragma once
// Time as the rooms see it. Wall time stamps records; steady time measures and limits. Both come from an injected
// Clock, so that tests and simulations own time.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tollgate {

/// Wall-clock instant: milliseconds since the Unix epoch, UTC.
struct Timestamp {
    std::int64_t ms = 0;
    friend constexpr auto operator<=>(Timestamp, Timestamp) = default;
};

class Clock {
public:
    virtual ~Clock() = default;
    virtual Timestamp now() const noexcept = 0;
    /// Monotonic nanoseconds from an arbitrary start.
    virtual std::int64_t steady_ns() const noexcept = 0;
};

/// The machine's clock (clock_gettime REALTIME and MONOTONIC).
class SystemClock final : public Clock {
public:
    Timestamp now() const noexcept override;
    std::int64_t steady_ns() const noexcept override;
};

/// A clock that moves only when told to: for tests and simulation.
class ManualClock final : public Clock {
public:
    explicit ManualClock(Timestamp start = Timestamp{1'790'000'000'000}) : now_(start) {}
    Timestamp now() const noexcept override { return now_; }
    std::int64_t steady_ns() const noexcept override { return steady_ns_; }
    void advance_ms(std::int64_t ms) {
        now_.ms += ms;
        steady_ns_ += ms * 1'000'000;
    }
    void jump_wall_ms(std::int64_t ms) { now_.ms += ms; }

private:
    Timestamp now_;
    std::int64_t steady_ns_ = 1'000'000'000;
};

/// RFC 3339 UTC with milliseconds: `2026-11-21T05:06:07.089Z`.
std::string format_rfc3339(Timestamp t);
/// Parses RFC 3339 with `Z` or an offset, fraction optional; also a bare date `YYYY-MM-DD` (midnight UTC).
Result<Timestamp> parse_rfc3339(std::string_view text);

} // namespace tollgate
