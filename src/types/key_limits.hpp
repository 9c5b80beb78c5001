#pragma once
// What an api key may use: rates and spending caps.
#include <cstdint>
#include <optional>

#include "types/money.hpp"

namespace tollgate {

/// Rates of a key, account or model; 0 = no limit.
struct RateLimits {
    std::int64_t rpm = 0;         ///< requests per minute; a burst may use a whole minute's worth
    std::int64_t tpm = 0;         ///< tokens per minute, input and output together
    std::int64_t concurrency = 0; ///< requests in flight
    bool any() const noexcept { return rpm > 0 || tpm > 0 || concurrency > 0; }
    friend bool operator==(RateLimits const&, RateLimits const&) = default;
};

/// Spending caps of a key, on charges, per UTC window; none = no cap. A cap of zero lets only free calls pass.
struct SpendingCaps {
    std::optional<Money> day;
    std::optional<Money> week;  ///< Monday to Sunday
    std::optional<Money> month; ///< calendar month
    std::optional<Money> total; ///< since the key was made
    bool any() const noexcept { return day || week || month || total; }
    friend bool operator==(SpendingCaps const&, SpendingCaps const&) = default;
};

} // namespace tollgate
