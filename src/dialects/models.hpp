#pragma once
// Replies to GET /v1/models[/{id}] in the shape of the caller's SDK.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tollgate::dialects {

struct ModelEntry {
    std::string_view id;
    std::int64_t created = 0;        ///< Unix seconds
    std::string_view owned_by;       ///< provider name
    std::string_view display_name;   ///< empty = the id
};

std::string openai_model(ModelEntry const& model);
std::string openai_model_list(std::span<ModelEntry const> models);

/// Anthropic's cursor paging. limit 1–1000, default 20.
struct AnthropicPage {
    std::size_t limit = 20;
    std::string after_id;
    std::string before_id;
};
/// From a raw query string ("limit=5&after_id=x"). Errors: invalid_request (limit).
Result<AnthropicPage> parse_anthropic_page(std::string_view query);
std::string anthropic_model(ModelEntry const& model);
/// The page of `models` (in the order given) that `page` names. An unknown cursor gives an empty page.
std::string anthropic_model_list(std::span<ModelEntry const> models, AnthropicPage const& page);

} // namespace tollgate::dialects
