#pragma once
// What a provider says was used, read out of its replies and normalised into disjoint buckets.
#include <cstdint>
#include <optional>
#include <string_view>

#include "dialects/ask.hpp"
#include "types/money.hpp"
#include "types/surface.hpp"
#include "types/usage.hpp"

namespace tollgate::dialects {

/// Counts as the provider states them. nullopt = not stated (also null), 0 = an explicit zero. Negative or absurd
/// counts (above 1e12) are clamped and set `anomaly`.
struct UsageReport {
    using Count = std::optional<std::int64_t>;
    Dialect dialect = Dialect::openai;
    Count input;          ///< OpenAI: prompt_tokens (all of the prompt); Anthropic: input_tokens (uncached only)
    Count output;         ///< completion_tokens / output_tokens
    Count total;          ///< OpenAI total_tokens
    Count cache_read;
    Count cache_write;    ///< all cache writes, or those without a stated lifetime
    Count cache_write_5m;
    Count cache_write_1h;
    Count audio_in, image_in;
    Count audio_out, image_out;
    Count reasoning;
    Count web_search;
    /// `usage.cost` as OpenRouter reports it, rounded half-even to nano-USD from its exact decimal text.
    std::optional<Money> cost;
    bool anomaly = false;
    Range span;           ///< the usage object in the bytes it was read from

    /// Streams report in parts (Anthropic message_start, then cumulative message_delta): later stated counts replace
    /// earlier ones; for OpenAI the later report replaces the earlier one whole.
    void merge(UsageReport const& later);
    /// The disjoint buckets. OpenAI: input = prompt − cache reads − cache writes − audio − image, each part bounded
    /// by what is left, so that the buckets always sum up to the prompt. Anthropic: as stated; cache writes without
    /// a lifetime go to 5m. `Bucket::request` is left 0: the gateway counts requests.
    Usage usage() const;
};

/// The top-level `usage` of a complete reply body, or nullopt when there is none (or null, or it states no counts).
/// The last of several wins. Text that merely looks like usage inside strings or deeper objects is not taken.
/// Reads structure only (a provider's reply is not validated), at memory speed. Thread-safe, no allocation.
std::optional<UsageReport> find_usage_in_body(Surface surface, std::string_view body);

/// The usage in the JSON data of one stream event: OpenAI top-level `usage`; Anthropic `message.usage` of
/// message_start and `usage` of message_delta.
std::optional<UsageReport> usage_from_event(Surface surface, std::string_view event_data);

/// A JSON number's exact text ("1.5e-05") in nano-USD, rounded half-even; nullopt when it is not a number or does
/// not fit.
std::optional<Money> money_from_json_number(std::string_view text);

} // namespace tollgate::dialects
