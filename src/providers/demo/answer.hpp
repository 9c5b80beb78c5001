#pragma once
// What the demo says, before any dialect dresses it.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialects/ask.hpp"
#include "metering/tokenizer.hpp"

namespace boost::json {
class value;
}

namespace tollgate::providers::demo {

/// A request as the demo reads it.
struct Question {
    std::string last_user_text;
    std::vector<std::string> prompts;   ///< of completions and embeddings, token ids decoded
    std::vector<std::string> tools;     ///< names of the declared tools
    std::int64_t prompt_tokens = 0;
    std::vector<std::int64_t> prompt_counts; ///< of each of `prompts`
    std::int64_t delay_ms = 0;
    std::optional<int> status;          ///< fail with it
};
/// Parses a body that understand() has accepted (which allows deeper nesting than the parser's own default).
boost::json::value parse_body(std::string_view body);
Question read_question(metering::Tokenizer const& tokenizer, dialects::Ask const& ask);

/// One choice of an answer.
struct Answer {
    std::vector<std::string> pieces; ///< the text in pieces of whole UTF-8 characters, one or more tokens each
    std::int64_t tokens = 0;
    bool cut = false;                ///< by the output limit
    std::string tool;                ///< set: a tool call instead of text
    std::string arguments;           ///< its JSON
    std::string text() const;
};
/// `text` cut to at most `max_tokens` tokens.
Answer say(metering::Tokenizer const& tokenizer, std::string_view text, std::optional<std::int64_t> max_tokens);
/// The answer of a model to a question: an echo, the paragraph, or a tool call.
Answer answer(metering::Tokenizer const& tokenizer, dialects::Ask const& ask, Question const& question);

/// What demo/stream tells.
extern std::string_view const paragraph;

} // namespace tollgate::providers::demo
