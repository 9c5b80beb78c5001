#pragma once
// The record of a request: the one row that explains a call and its charge.
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "types/ids.hpp"
#include "types/money.hpp"
#include "types/surface.hpp"
#include "types/usage.hpp"

namespace tollgate {

/// How a request ended. Stored by number: append only. Names are those of the JSON `outcome`.
enum class Outcome : std::uint8_t {
    success = 0,
    client_closed,    ///< caller left mid-stream; charged what was drained or delivered
    upstream_error,   ///< failed before the first byte; nothing charged
    upstream_partial, ///< failed mid-stream; charged what was delivered
    credit_exhausted, ///< cut for lack of credit; charged up to the cut
    recovered,        ///< the gateway died; settled from the journal
    refused,          ///< never went upstream
    cached,           ///< answered from the response cache
};
std::string_view outcome_name(Outcome o) noexcept;

/// One term of a charge: `quantity` units of price-book unit `unit` at `pico_usd` per `per` units.
/// Unit numbers are pricing::UnitId, stored: append only.
struct PriceLine {
    std::uint8_t unit = 0;
    std::int64_t quantity = 0;
    std::int64_t pico_usd = 0;
    std::int64_t per = 1'000'000;
    friend bool operator==(PriceLine const&, PriceLine const&) = default;
};

/// The record. A plain value; the journal encodes it, the applier stores it, `verify` recomputes it.
struct RequestRecord {
    Uuid request_id;
    Timestamp time;              ///< when the head arrived
    AccountId account_id;
    TeamId team_id;
    UserId user_id;
    KeyId key_id;
    std::string key_name;
    Surface surface = Surface::openai_chat;
    std::string method;
    std::string path;
    std::string route;           ///< generic routes only
    std::string model;           ///< the public name asked for
    std::string provider;        ///< provider name that served (or was tried last)
    std::string provider_model;
    int status = 0;              ///< HTTP status sent to the caller
    Outcome outcome = Outcome::refused;
    std::string error_type;      ///< errc_table code, or empty
    bool streamed = false;
    bool cached = false;
    int attempts = 0;            ///< upstream attempts made
    std::int64_t latency_ms = 0;    ///< head received → last byte sent
    std::int64_t first_byte_ms = 0; ///< head received → first body byte sent; 0 = none sent
    std::int64_t upstream_ms = 0;   ///< time waiting for the upstream
    std::int64_t overhead_us = 0;   ///< our own share: head received → upstream request sent, plus answer handling
    Usage usage;
    UsageSource usage_source = UsageSource::none;
    PriceVersionId price_version;      ///< list price version used for the charge
    PriceVersionId cost_price_version; ///< book price version used for the cost
    std::vector<PriceLine> lines;      ///< charge = round_half_even(Σ quantity·pico/per × multiplier)
    std::vector<PriceLine> cost_lines; ///< same for the cost with multiplier 1; empty = same as `lines`
    Multiplier multiplier;
    Money cost;                        ///< ours, to the provider
    Money charge;                      ///< theirs, to the account
    bool has_provider_reported_cost = false;
    Money provider_reported_cost;
    Money held;                        ///< largest amount held for it
    std::string client_ip;
    std::string country;
    std::string user_agent;
    std::int64_t request_bytes = 0;
    std::int64_t response_bytes = 0;
    std::vector<std::string> tags;
    std::string user;                  ///< the caller's own `user` field
    std::string session;
};

} // namespace tollgate
