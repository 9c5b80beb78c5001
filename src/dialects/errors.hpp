#pragma once
// Errors as each vendor's SDK expects them, for whole replies and inside streams; and the end of a stream that was
// cut for lack of credit.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "types/surface.hpp"
#include "types/usage.hpp"

namespace tollgate::dialects {

/// A refusal ready to be sent. The caller adds x-request-id and, when error.retry_after_s is set, retry-after.
struct ErrorReply {
    int status = 500;
    std::string_view content_type; ///< application/json or application/problem+json
    std::string body;
};
ErrorReply render_error(Dialect dialect, Error const& error, std::string_view request_id);

/// An error event for a stream whose head is already out: OpenAI `data: {"error":…}`, Anthropic `event: error`.
std::string error_event(Dialect dialect, Error const& error, std::string_view request_id);

/// What a stream says that is cut because the credit is used up: a regular end with finish reason `length`
/// (Anthropic `max_tokens`), carrying the code `credit_exhausted` as an extra field, so that SDKs keep what was
/// delivered. `stream_tail` = the last bytes relayed (any length, may be empty): the id, model and open content block
/// are taken from its last complete event. `usage` = what was counted, shown when given.
struct Cut {
    Surface surface = Surface::openai_chat;
    std::string_view stream_tail;
    std::string_view model;      ///< used when the tail names none
    std::string_view request_id;
    std::int64_t created = 0;    ///< Unix seconds
    std::optional<Usage> usage;
};
std::string cut_events(Cut const& cut);

inline constexpr std::string_view credit_exhausted_code = "credit_exhausted";
inline constexpr std::string_view credit_exhausted_message =
    "The account's credit is used up; the answer was cut here. Add credit and ask again.";

} // namespace tollgate::dialects
