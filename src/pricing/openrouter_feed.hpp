#pragma once
// Prices out of an OpenRouter-shaped model list (GET /api/v1/models): bytes in, prices out.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pricing/price.hpp"

namespace tollgate::pricing {

struct FeedModel {
    std::string id;                       ///< "anthropic/claude-sonnet-4.5"
    std::string canonical_slug;           ///< dated name, or empty
    std::string name;
    std::int64_t context_length = 0;      ///< tokens; 0 = not said
    std::int64_t max_completion_tokens = 0; ///< 0 = not said
    PricePtr price;                       ///< null = unset (variable or unusable); `problem` says why
    std::string problem;
};

struct Feed {
    std::vector<FeedModel> models;
    std::vector<std::string> skipped; ///< entries that are no models, each with its reason
};

/// Reads strings per token (`prompt`, `completion`, `input_cache_read`, `input_cache_write` = 5 minutes and fallback,
/// `input_cache_write_1h`, `audio`, …), `discount`, and `overrides` by prompt size and UTC time. A negative price
/// means "varies" and leaves the model unset. An `internal_reasoning` of zero says that reasoning is billed as
/// completion, which it already is, and is ignored.
/// Errors (malformed_json, invalid_request): the document as a whole is unreadable. One bad model never spoils the rest.
Result<Feed> parse_openrouter_feed(std::string_view json);

} // namespace tollgate::pricing
