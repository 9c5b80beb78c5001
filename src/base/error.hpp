#pragma once
// One error type for expected failures, and the one table that says what each kind means to a caller.
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace tollgate {

/// Every kind of failure a caller can meet. The public contract of each stands in `errc_table`.
enum class Errc : std::uint8_t {
    invalid_request,       ///< a field is missing, unknown or out of range; Error::param names it
    malformed_json,        ///< the body is not JSON; the message names the position
    unauthenticated,       ///< unknown, revoked or expired key
    insufficient_credits,  ///< the account's credit does not cover the hold
    cap_exceeded,          ///< a spending cap of the key does not cover the hold
    forbidden,             ///< scope, model, route or IP not allowed for this key
    model_price_unset,     ///< the model has no price, and no price is not free
    not_found,             ///< model, route, resource
    method_not_allowed,
    conflict,              ///< state conflict; an idempotent request still in flight
    unprocessable,         ///< same idempotency key, other body; bad format on import
    payload_too_large,
    head_too_large,        ///< request line or headers over the limit (431)
    request_timeout,       ///< the caller did not send its request in time (408)
    rate_limited,          ///< a limit of ours, or every target answered 429
    upstream_auth,         ///< the provider refused our credential
    upstream_failed,       ///< connection error, bad answer, 5xx
    upstream_timeout,
    unavailable,           ///< our own trouble: journal, store, draining. Never reported as the caller's fault
    internal               ///< a bug; details are in the log only
};

/// How a kind of failure is shown: stable `code` text and HTTP status. Dialects add their own envelope.
struct ErrcRow {
    Errc errc;
    std::string_view code;
    int status;
};
ErrcRow const& errc_row(Errc errc) noexcept;

/// An expected failure. `message` is safe to show to the caller and says what to change; `detail` is for logs only.
struct Error {
    Error(Errc code_, std::string message_, std::string param_ = {}, std::string detail_ = {})
        : code(code_), message(std::move(message_)), param(std::move(param_)), detail(std::move(detail_)) {}
    Errc code;
    std::string message;
    std::string param;         ///< the offending field, or empty
    std::string detail;        ///< for logs only
    int retry_after_s = 0;     ///< seconds for `retry-after`; 0 = none
};

template <class T>
using Result = tl::expected<T, Error>;
using Fail = tl::unexpected<Error>;

/// `return fail(Errc::not_found, "…")` from any function that returns a Result.
inline Fail fail(Errc code, std::string message, std::string param = {}, std::string detail = {}) {
    return Fail(Error(code, std::move(message), std::move(param), std::move(detail)));
}

} // namespace tollgate
