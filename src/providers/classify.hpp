#pragma once
// What an upstream's answer means for the request: pass it on, try another target, or blame our own set-up.
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "net/http.hpp"

namespace tollgate::providers {

enum class Verdict : std::uint8_t {
    success,    ///< 2xx
    relay,      ///< the caller's fault (400, 404, 413, 422): its status and body are passed on
    retry,      ///< 408, 409, 429, 5xx: another target or another try, before the first byte went out
    credential, ///< 401, 402, 403: our credential's fault; 502 upstream_auth and an alert
    broken,     ///< anything else (redirects, odd 4xx): 502 upstream_failed, no retry
};
Verdict classify_status(int status) noexcept;

/// What the caller is told when no target is left. For relay and success there is no error to tell: not to be called.
Error upstream_error(int status, std::string_view provider, std::optional<std::int64_t> retry_after_ms);

/// `retry-after-ms`, else `retry-after` in seconds (fractions too) or as an HTTP date, as milliseconds from `now`.
/// nullopt when absent or unreadable; never negative, at most one day.
std::optional<std::int64_t> retry_after_ms(net::HeaderList const& headers, Timestamp now) noexcept;
/// The same for one header value.
std::optional<std::int64_t> parse_retry_after(std::string_view value, Timestamp now) noexcept;

} // namespace tollgate::providers
