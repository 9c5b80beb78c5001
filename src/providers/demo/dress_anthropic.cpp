#include "dialects/edit.hpp"
#include "providers/demo/dress.hpp"

namespace tollgate::providers::demo {
namespace {

std::string quoted(std::string_view text) {
    std::string out;
    dialects::append_json_string(out, text);
    return out;
}

std::string_view stop_of(Answer const& answer) {
    return !answer.tool.empty() ? "tool_use" : answer.cut ? "max_tokens" : "end_turn";
}

std::string usage_json(Frame const& frame, std::int64_t output) {
    return "{\"input_tokens\":" + std::to_string(frame.question.prompt_tokens) +
           ",\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":" +
           std::to_string(output) + "}";
}

/// The message up to its content.
std::string opening(Frame const& frame) {
    return "{\"id\":" + quoted("msg_" + std::string(frame.id)) +
           ",\"type\":\"message\",\"role\":\"assistant\",\"model\":" + quoted(frame.ask.model()) + ",\"content\":[";
}

std::string tool_block(Frame const& frame, Answer const& answer, std::string_view input) {
    return "{\"type\":\"tool_use\",\"id\":" + quoted("toolu_" + std::string(frame.id)) +
           ",\"name\":" + quoted(answer.tool) + ",\"input\":" + std::string(input) + "}";
}

void message_stream(Frame const& frame, Answer const& answer, Reply& reply) {
    auto const event = [&reply](std::string_view type, std::string_view rest) {
        reply.events.push_back("event: " + std::string(type) + "\ndata: {\"type\":\"" + std::string(type) + "\"" +
                               std::string(rest) + "}\n\n");
    };
    event("message_start", ",\"message\":" + opening(frame) + "],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":" +
                               usage_json(frame, 1) + "}");
    bool const tool = !answer.tool.empty();
    event("content_block_start", ",\"index\":0,\"content_block\":" +
                                     (tool ? tool_block(frame, answer, "{}") : "{\"type\":\"text\",\"text\":\"\"}"));
    event("ping", "");
    if (tool)
        event("content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":" +
                                         quoted(answer.arguments) + "}");
    for (auto const& piece : answer.pieces)
        event("content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":" + quoted(piece) + "}");
    event("content_block_stop", ",\"index\":0");
    event("message_delta", ",\"delta\":{\"stop_reason\":" + quoted(stop_of(answer)) +
                               ",\"stop_sequence\":null},\"usage\":{\"output_tokens\":" + std::to_string(answer.tokens) +
                               "}");
    event("message_stop", "");
}

} // namespace

void dress_message(Frame const& frame, Answer const& answer, Reply& reply) {
    if (frame.ask.stream) return message_stream(frame, answer, reply);
    reply.body = opening(frame);
    if (answer.tool.empty()) reply.body.append("{\"type\":\"text\",\"text\":").append(quoted(answer.text())).append("}");
    else reply.body.append(tool_block(frame, answer, answer.arguments));
    reply.body.append("],\"stop_reason\":").append(quoted(stop_of(answer)));
    reply.body.append(",\"stop_sequence\":null,\"usage\":").append(usage_json(frame, answer.tokens)).append("}");
}

} // namespace tollgate::providers::demo
