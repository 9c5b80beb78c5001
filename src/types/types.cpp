#include "types/record.hpp"
#include "types/surface.hpp"
#include "types/usage.hpp"

namespace tollgate {

std::optional<Bucket> bucket_from_name(std::string_view name) noexcept {
    for (std::size_t i = 0; i < bucket_count; ++i)
        if (bucket_names[i] == name) return static_cast<Bucket>(i);
    return std::nullopt;
}

std::string_view usage_source_name(UsageSource source) noexcept {
    switch (source) {
    case UsageSource::none: return "none";
    case UsageSource::provider: return "provider";
    case UsageSource::counted: return "counted";
    case UsageSource::estimated: return "estimated";
    }
    return "none";
}

std::string_view surface_name(Surface s) noexcept {
    switch (s) {
    case Surface::openai_chat: return "openai_chat";
    case Surface::openai_completions: return "openai_completions";
    case Surface::openai_embeddings: return "openai_embeddings";
    case Surface::openai_models: return "openai_models";
    case Surface::anthropic_messages: return "anthropic_messages";
    case Surface::anthropic_count_tokens: return "anthropic_count_tokens";
    case Surface::anthropic_models: return "anthropic_models";
    case Surface::count_: break;
    }
    return "unknown";
}

Dialect dialect_of(Surface s) noexcept {
    switch (s) {
    case Surface::anthropic_messages:
    case Surface::anthropic_count_tokens:
    case Surface::anthropic_models: return Dialect::anthropic;
    default: return Dialect::openai;
    }
}

std::string_view outcome_name(Outcome o) noexcept {
    switch (o) {
    case Outcome::success: return "success";
    case Outcome::client_closed: return "client_closed";
    case Outcome::upstream_error: return "upstream_error";
    case Outcome::upstream_partial: return "upstream_partial";
    case Outcome::credit_exhausted: return "credit_exhausted";
    case Outcome::recovered: return "recovered";
    case Outcome::refused: return "refused";
    case Outcome::cached: return "cached";
    }
    return "unknown";
}

} // namespace tollgate
