#pragma once
// The usage that a quote is asked for: given, or counted from messages. Private to control/.
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "control/json_input.hpp"
#include "pricing/rate.hpp"
#include "types/usage.hpp"

namespace tollgate::metering {
class Tokenizer;
}

namespace tollgate::control {

struct QuoteUsage {
    Usage buckets;                            ///< always filled: decides tiers of the price shown
    std::vector<pricing::UnitQuantity> units; ///< set when the price library's own keys were given: rate these
    UsageSource source = UsageSource::provider;
};

/// Reads `usage`, or counts `messages` with `max_tokens` as the output. Errors: invalid_request.
Result<QuoteUsage> read_quote_usage(metering::Tokenizer const& tokenizer, std::string_view model, Fields& in);

} // namespace tollgate::control
