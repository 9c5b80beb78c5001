#include <bit>
#include <cstring>

#include "dialects/edit.hpp"
#include "providers/demo/dress.hpp"

namespace tollgate::providers::demo {
namespace {

using dialects::append_json_string;

std::string quoted(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

std::int64_t tokens_of(std::vector<Answer> const& choices) {
    std::int64_t sum = 0;
    for (auto const& choice : choices) sum += choice.tokens;
    return sum;
}

std::string usage_json(Frame const& frame, std::int64_t output) {
    std::int64_t const prompt = frame.question.prompt_tokens;
    return "{\"prompt_tokens\":" + std::to_string(prompt) + ",\"completion_tokens\":" + std::to_string(output) +
           ",\"total_tokens\":" + std::to_string(prompt + output) +
           ",\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
           "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0}}";
}

std::string_view finish_of(Answer const& answer) {
    return !answer.tool.empty() ? "tool_calls" : answer.cut ? "length" : "stop";
}

/// `{"id":…,"object":…,"created":…,"model":…`, open for more.
std::string opening(Frame const& frame, std::string_view prefix, std::string_view object) {
    return "{\"id\":" + quoted(std::string(prefix) + std::string(frame.id)) + ",\"object\":\"" + std::string(object) +
           "\",\"created\":" + std::to_string(frame.created) + ",\"model\":" + quoted(frame.ask.model());
}

std::string tool_call(Answer const& answer, std::string_view id, bool indexed) {
    return std::string("{") + (indexed ? "\"index\":0," : "") + "\"id\":" + quoted("call_" + std::string(id)) +
           ",\"type\":\"function\",\"function\":{\"name\":" + quoted(answer.tool) +
           ",\"arguments\":" + quoted(answer.arguments) + "}}";
}

void chat_stream(Frame const& frame, std::vector<Answer> const& choices, Reply& reply) {
    bool const with_usage = frame.ask.include_usage;
    std::string const head = "data: " + opening(frame, "chatcmpl-", "chat.completion.chunk") +
                             ",\"system_fingerprint\":null,\"choices\":[";
    std::string const tail = std::string("]") + (with_usage ? ",\"usage\":null" : "") + "}\n\n";
    auto const chunk = [&](std::size_t index, std::string_view delta, std::string_view finish) {
        reply.events.push_back(head + "{\"index\":" + std::to_string(index) + ",\"delta\":" + std::string(delta) +
                               ",\"logprobs\":null,\"finish_reason\":" +
                               (finish.empty() ? std::string("null") : quoted(finish)) + "}" + tail);
    };
    for (std::size_t i = 0; i < choices.size(); ++i) {
        Answer const& answer = choices[i];
        if (answer.tool.empty()) chunk(i, "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}", {});
        else chunk(i, "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" + tool_call(answer, frame.id, true) + "]}", {});
        for (auto const& piece : answer.pieces) chunk(i, "{\"content\":" + quoted(piece) + "}", {});
        chunk(i, "{}", finish_of(answer));
    }
    if (with_usage) reply.events.push_back(head + "],\"usage\":" + usage_json(frame, tokens_of(choices)) + "}\n\n");
    reply.events.emplace_back("data: [DONE]\n\n");
}

std::string base64(std::string_view bytes) {
    constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t j = 0; j < 3; ++j)
            group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
        for (std::size_t j = 0; j < 4; ++j)
            out.push_back(i + j > bytes.size() ? '=' : alphabet[group >> (18 - 6 * j) & 63]);
    }
    return out;
}

/// Numbers in (−1, 1) with three decimals, in thousandths: the same text always gives the same ones (FNV-1a, then
/// xorshift).
std::vector<std::int32_t> embedding(std::string_view text, std::size_t dimensions) {
    std::uint64_t state = 14695981039346656037u;
    for (char const c : text) state = (state ^ static_cast<unsigned char>(c)) * 1099511628211u;
    state |= 1;
    std::vector<std::int32_t> values(dimensions);
    for (auto& value : values) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        value = static_cast<std::int32_t>(state % 1999) - 999;
    }
    return values;
}

std::string decimal(std::int32_t thousandths) {
    std::string digits = std::to_string(1000 + (thousandths < 0 ? -thousandths : thousandths));
    return std::string(thousandths < 0 ? "-" : "") + "0." + digits.substr(1);
}

} // namespace

void dress_chat(Frame const& frame, std::vector<Answer> const& choices, Reply& reply) {
    if (frame.ask.stream) return chat_stream(frame, choices, reply);
    std::string out = opening(frame, "chatcmpl-", "chat.completion") + ",\"choices\":[";
    for (std::size_t i = 0; i < choices.size(); ++i) {
        Answer const& answer = choices[i];
        out.append(i == 0 ? "" : ",").append("{\"index\":").append(std::to_string(i));
        out.append(",\"message\":{\"role\":\"assistant\",\"content\":");
        out.append(answer.tool.empty() ? quoted(answer.text()) : "null").append(",\"refusal\":null");
        if (!answer.tool.empty()) out.append(",\"tool_calls\":[").append(tool_call(answer, frame.id, false)).append("]");
        out.append("},\"logprobs\":null,\"finish_reason\":").append(quoted(finish_of(answer))).append("}");
    }
    out.append("],\"usage\":").append(usage_json(frame, tokens_of(choices))).append(",\"system_fingerprint\":null}");
    reply.body = std::move(out);
}

void dress_completion(Frame const& frame, std::vector<Answer> const& choices, Reply& reply) {
    auto const choice = [](std::size_t index, std::string_view text, std::string_view finish) {
        return "{\"text\":" + quoted(text) + ",\"index\":" + std::to_string(index) +
               ",\"logprobs\":null,\"finish_reason\":" + (finish.empty() ? std::string("null") : quoted(finish)) + "}";
    };
    std::string const head = opening(frame, "cmpl-", "text_completion") + ",\"choices\":[";
    std::string const usage = ",\"usage\":" + usage_json(frame, tokens_of(choices));
    if (frame.ask.stream) {
        std::string const tail = std::string("]") + (frame.ask.include_usage ? ",\"usage\":null" : "") + "}\n\n";
        for (std::size_t i = 0; i < choices.size(); ++i) {
            for (auto const& piece : choices[i].pieces) reply.events.push_back("data: " + head + choice(i, piece, {}) + tail);
            reply.events.push_back("data: " + head + choice(i, "", finish_of(choices[i])) + tail);
        }
        if (frame.ask.include_usage) reply.events.push_back("data: " + head + "]" + usage + "}\n\n");
        reply.events.emplace_back("data: [DONE]\n\n");
        return;
    }
    reply.body = head;
    for (std::size_t i = 0; i < choices.size(); ++i)
        reply.body.append(i == 0 ? "" : ",").append(choice(i, choices[i].text(), finish_of(choices[i])));
    reply.body.append("]").append(usage).append("}");
}

void dress_embeddings(Frame const& frame, std::size_t dimensions, bool as_base64, Reply& reply) {
    std::string out = "{\"object\":\"list\",\"data\":[";
    auto const& inputs = frame.question.prompts;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        out.append(i == 0 ? "" : ",").append("{\"object\":\"embedding\",\"index\":").append(std::to_string(i));
        out.append(",\"embedding\":");
        auto const values = embedding(inputs[i], dimensions);
        std::string bytes, list;
        for (auto const value : values) {
            auto const bits = std::bit_cast<std::uint32_t>(static_cast<float>(value) / 1000.0f);
            for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(bits >> shift & 255));
            list.append(list.empty() ? "" : ",").append(decimal(value));
        }
        out.append(as_base64 ? quoted(base64(bytes)) : "[" + list + "]").append("}");
    }
    std::string const tokens = std::to_string(frame.question.prompt_tokens);
    out.append("],\"model\":").append(quoted(frame.ask.model()));
    out.append(",\"usage\":{\"prompt_tokens\":").append(tokens).append(",\"total_tokens\":").append(tokens).append("}}");
    reply.body = std::move(out);
}

} // namespace tollgate::providers::demo
