#include "base/error.hpp"

#include <array>

namespace tollgate {
namespace {
constexpr std::array errc_table{
    ErrcRow{Errc::invalid_request, "invalid_request", 400},
    ErrcRow{Errc::malformed_json, "malformed_json", 400},
    ErrcRow{Errc::unauthenticated, "invalid_api_key", 401},
    ErrcRow{Errc::insufficient_credits, "insufficient_credits", 402},
    ErrcRow{Errc::cap_exceeded, "spending_cap_exceeded", 402},
    ErrcRow{Errc::forbidden, "forbidden", 403},
    ErrcRow{Errc::model_price_unset, "model_price_unset", 403},
    ErrcRow{Errc::not_found, "not_found", 404},
    ErrcRow{Errc::method_not_allowed, "method_not_allowed", 405},
    ErrcRow{Errc::conflict, "conflict", 409},
    ErrcRow{Errc::unprocessable, "unprocessable", 422},
    ErrcRow{Errc::payload_too_large, "payload_too_large", 413},
    ErrcRow{Errc::head_too_large, "head_too_large", 431},
    ErrcRow{Errc::request_timeout, "request_timeout", 408},
    ErrcRow{Errc::rate_limited, "rate_limited", 429},
    ErrcRow{Errc::upstream_auth, "upstream_auth", 502},
    ErrcRow{Errc::upstream_failed, "upstream_failed", 502},
    ErrcRow{Errc::upstream_timeout, "upstream_timeout", 504},
    ErrcRow{Errc::unavailable, "unavailable", 503},
    ErrcRow{Errc::internal, "internal_error", 500},
};
} // namespace

ErrcRow const& errc_row(Errc errc) noexcept {
    static_assert(errc_table.size() == static_cast<std::size_t>(Errc::internal) + 1);
    return errc_table[static_cast<std::size_t>(errc)]; // rows stand in enum order; error_test.cpp checks it
}

} // namespace tollgate
