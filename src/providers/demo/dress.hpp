#pragma once
// The demo's answers in each dialect's wire format.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dialects/ask.hpp"
#include "providers/demo/answer.hpp"
#include "providers/demo/demo.hpp"

namespace tollgate::providers::demo {

/// What every reply to one request shares.
struct Frame {
    dialects::Ask const& ask;
    Question const& question;
    std::string_view id;
    std::int64_t created;
};

void dress_chat(Frame const& frame, std::vector<Answer> const& choices, Reply& reply);
void dress_completion(Frame const& frame, std::vector<Answer> const& choices, Reply& reply);
void dress_message(Frame const& frame, Answer const& answer, Reply& reply);
/// `base64` = little-endian float32, as the OpenAI SDK asks by default.
void dress_embeddings(Frame const& frame, std::size_t dimensions, bool base64, Reply& reply);

} // namespace tollgate::providers::demo
