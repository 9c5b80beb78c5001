#pragma once
// The text inside requests, replies and stream events, for counting tokens where the provider reports none.
#include <cstdint>
#include <string_view>

#include "types/surface.hpp"

namespace tollgate::dialects {

/// Receives decoded UTF-8 text. Equal `channel`s are one continuous text (a choice's content, its reasoning, one of
/// its tool calls' arguments). The view is valid during the call only. A plain function so that rooms that do not
/// know each other can be joined.
using TextFn = void (*)(void* context, std::string_view text, std::uint32_t channel);

/// Text a stream event delivers: content, reasoning, refusals, tool names and argument fragments. Unknown events and
/// damaged JSON deliver what could be read. `event_data` is the data of one event.
void extract_deltas(Surface surface, std::string_view event_data, TextFn fn, void* context);

/// The same of a complete, non-streaming reply.
void extract_reply_text(Surface surface, std::string_view body, TextFn fn, void* context);

enum class PromptPart : std::uint8_t {
    message,   ///< a message begins; text = its role
    name,      ///< the `name` of a message
    text,      ///< prompt text of the current message (or `prompt`, `input`, `system`)
    tools,     ///< the raw JSON of the tool or function definitions
    token_ids, ///< a prompt given as token ids; text is empty, `count` is their number
};
using PromptFn = void (*)(void* context, PromptPart part, std::string_view text, std::int64_t count);

/// The parts of a request's prompt in their order. Media payloads are left out. The body has been through
/// `understand`.
void extract_prompt(Surface surface, std::string_view body, PromptFn fn, void* context);

} // namespace tollgate::dialects
