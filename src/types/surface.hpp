#pragma once
#include <cstdint>
#include <string_view>

namespace tollgate {

/// Which vendor's language a call speaks: decides request fields, error shape and stream format.
enum class Dialect : std::uint8_t { openai = 0, anthropic, gemini, generic };

/// The data-plane endpoints. Stored in records by name: names are fixed.
enum class Surface : std::uint8_t {
    openai_chat = 0,    ///< POST /v1/chat/completions
    openai_completions, ///< POST /v1/completions
    openai_embeddings,  ///< POST /v1/embeddings
    openai_models,      ///< GET /v1/models[/{id}]
    anthropic_messages, ///< POST /v1/messages
    anthropic_count_tokens, ///< POST /v1/messages/count_tokens (free)
    anthropic_models,   ///< GET /v1/models with anthropic-version
    count_
};
std::string_view surface_name(Surface s) noexcept; ///< "openai_chat" …
Dialect dialect_of(Surface s) noexcept;

} // namespace tollgate
