#pragma once
// Prompt tokens of a chat: the texts plus what the chat format adds around them. For quotes and for holds.
#include <cstdint>
#include <span>
#include <string_view>

#include "metering/tokenizer.hpp"

namespace tollgate::metering {

/// One message, texts decoded. Several text parts of one message are several rows with `continues` set on all
/// but the first: they add their text without another message's overhead.
struct ChatText {
    std::string_view role;
    std::string_view content;
    std::string_view name; ///< the `name` field; empty = none
    bool continues = false;
};

struct ChatPrompt {
    std::span<ChatText const> messages;
    /// Names and arguments of tool or function calls inside earlier assistant messages.
    std::span<std::string_view const> call_texts;
    std::int64_t calls = 0; ///< number of those calls
    /// The raw JSON of `tools`/`functions`, and other text the model reads (`response_format` schemas).
    std::string_view tools_json;
    std::string_view other_json;
};

struct PromptCount {
    std::int64_t tokens = 0;
    /// Exact only for plain messages to a model whose encoding is known: how tools and schemas are shown to
    /// the model is not published, so their JSON text stands for it (it is longer than what OpenAI's format
    /// makes of it).
    bool estimated = false;
};

/// OpenAI's chat rule: role + content (+ name + 1) + 3 a message, and 3 to prime the reply.
PromptCount count_chat_prompt(Tokenizer const& tokenizer, ModelEncoding how, ChatPrompt const& prompt);

/// A hard upper bound for the input of a call without tokenising it, for holds: a token is at least one byte
/// of text in every known encoding. `text_bytes` may include JSON syntax and escapes (they only raise it).
/// Media are added by media_tokens_max.
constexpr std::int64_t prompt_tokens_max(std::int64_t text_bytes, std::int64_t messages,
                                         bool has_tools) noexcept {
    constexpr std::int64_t per_message = 8;     // framing of the widest known chat format
    constexpr std::int64_t per_request = 16;    // priming, begin-of-text
    constexpr std::int64_t tools_prompt = 1024; // the hidden tool-use system prompt (Anthropic: up to ~700)
    return text_bytes + messages * per_message + per_request + (has_tools ? tools_prompt : 0);
}

} // namespace tollgate::metering
