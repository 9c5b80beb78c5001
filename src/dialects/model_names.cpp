// What a model's name tells about its output.
#include <array>

#include "dialects/ask.hpp"

namespace tollgate::dialects {
namespace {

/// "openai/o3-mini:nitro" → "o3-mini:nitro"; "ft:gpt-4o:org" → "gpt-4o:org".
std::string_view bare_name(std::string_view model) {
    if (std::size_t const slash = model.rfind('/'); slash != std::string_view::npos) model.remove_prefix(slash + 1);
    if (model.starts_with("ft:")) model.remove_prefix(3);
    return model;
}

/// "o" and a digit: o1, o3-mini, o4-mini-2025-04-16.
bool is_o_series(std::string_view name) {
    return name.size() >= 2 && name[0] == 'o' && name[1] >= '1' && name[1] <= '9';
}
/// gpt-5 and every later generation.
bool is_gpt5_or_later(std::string_view name) {
    if (!name.starts_with("gpt-") || name.size() < 5) return false;
    bool const two_digits = name.size() > 5 && name[5] >= '0' && name[5] <= '9';
    return name[4] >= '5' && name[4] <= '9' ? true : name[4] >= '1' && name[4] <= '3' && two_digits;
}

} // namespace

bool bills_unseen_output(std::string_view model) noexcept {
    std::string_view const name = bare_name(model);
    if (is_o_series(name)) return true;
    if (is_gpt5_or_later(name)) return name.find("-chat") == std::string_view::npos;
    constexpr std::array always{
        "gemini-2.5", "gemini-3", "grok-3-mini", "grok-4", "codex-mini", "computer-use-preview", "sonar-reasoning",
        "sonar-deep-research", "magistral", "gpt-oss"};
    for (std::string_view const prefix : always)
        if (name.starts_with(prefix)) return true;
    return false;
}

std::string_view output_limit_field(Surface surface, std::string_view provider_model) noexcept {
    if (surface != Surface::openai_chat) return "max_tokens";
    std::string_view const name = bare_name(provider_model);
    return is_o_series(name) || is_gpt5_or_later(name) ? "max_completion_tokens" : "max_tokens";
}

std::optional<Bucket> covering_bucket(Surface surface, std::string_view priced_field) noexcept {
    // Only Anthropic reports how many searches were made, so only there a search price can be applied.
    if (dialect_of(surface) == Dialect::anthropic && priced_field == "tools.web_search") return Bucket::web_search;
    return std::nullopt;
}

} // namespace tollgate::dialects
