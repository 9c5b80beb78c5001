#pragma once
#include <atomic>
#include <cstdint>

namespace tollgate::limits {

/// A token bucket in one atomic number: the instant at which it would be full again. A limit of L per minute is a
/// minute deep, so one unit is 60 s / L of that time. The limit is passed with each call: a changed limit keeps the
/// used share of the minute.
class Bucket {
public:
    static constexpr std::int64_t minute_ns = 60'000'000'000;

    struct Taken {
        bool ok = false;
        std::int64_t remaining = 0;   ///< units left after it; never below 0
        std::int64_t full_in_ns = 0;  ///< until it is full again
        std::int64_t retry_in_ns = 0; ///< refused: until `amount` would be there; -1 = never, more than the whole depth
    };
    /// Takes `amount` units if they are there. `limit` > 0, `amount` ≥ 0.
    Taken take(std::int64_t limit, std::int64_t amount, std::int64_t now_ns) noexcept;
    /// Takes units whether they are there or not (debt), or gives back when negative (never fuller than full).
    void adjust(std::int64_t limit, std::int64_t amount, std::int64_t now_ns) noexcept;

private:
    std::atomic<std::int64_t> full_at_ns_{0};
};

} // namespace tollgate::limits
