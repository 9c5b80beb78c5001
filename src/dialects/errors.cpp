#include "dialects/errors.hpp"

#include <algorithm>

#include "dialects/edit.hpp"
#include "dialects/json/scan.hpp"
#include "dialects/stream/event.hpp"

namespace tollgate::dialects {
namespace {

std::string_view openai_type(Errc code) noexcept {
    switch (code) {
    case Errc::unauthenticated: return "authentication_error";
    case Errc::insufficient_credits:
    case Errc::cap_exceeded: return "insufficient_quota";
    case Errc::forbidden:
    case Errc::model_price_unset: return "permission_error";
    case Errc::rate_limited: return "rate_limit_error";
    case Errc::upstream_auth:
    case Errc::upstream_failed:
    case Errc::upstream_timeout:
    case Errc::unavailable:
    case Errc::internal: return "server_error";
    default: return "invalid_request_error";
    }
}

std::string_view anthropic_type(Errc code) noexcept {
    switch (code) {
    case Errc::unauthenticated: return "authentication_error";
    case Errc::insufficient_credits:
    case Errc::cap_exceeded: return "billing_error";
    case Errc::forbidden:
    case Errc::model_price_unset: return "permission_error";
    case Errc::not_found: return "not_found_error";
    case Errc::conflict: return "conflict_error";
    case Errc::payload_too_large: return "request_too_large";
    case Errc::rate_limited: return "rate_limit_error";
    case Errc::request_timeout:
    case Errc::upstream_timeout: return "timeout_error";
    case Errc::unavailable: return "overloaded_error";
    case Errc::upstream_auth:
    case Errc::upstream_failed:
    case Errc::internal: return "api_error";
    default: return "invalid_request_error";
    }
}

std::string_view gemini_status(int http) noexcept {
    switch (http) {
    case 400: case 405: case 413: case 422: case 431: return "INVALID_ARGUMENT";
    case 401: return "UNAUTHENTICATED";
    case 402: case 429: return "RESOURCE_EXHAUSTED";
    case 403: return "PERMISSION_DENIED";
    case 404: return "NOT_FOUND";
    case 408: case 504: return "DEADLINE_EXCEEDED";
    case 409: return "ABORTED";
    case 502: case 503: return "UNAVAILABLE";
    default: return "INTERNAL";
    }
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
    out.append("\"").append(name).append("\":");
    append_json_string(out, value);
}

std::string openai_body(Error const& error) {
    std::string out = "{\"error\":{";
    append_member(out, "message", error.message);
    out.push_back(',');
    append_member(out, "type", openai_type(error.code));
    out.append(",\"param\":");
    if (error.param.empty()) out.append("null");
    else append_json_string(out, error.param);
    out.push_back(',');
    append_member(out, "code", errc_row(error.code).code);
    out.append("}}");
    return out;
}

std::string anthropic_body(Error const& error, std::string_view request_id) {
    std::string out = "{\"type\":\"error\",\"error\":{";
    append_member(out, "type", anthropic_type(error.code));
    out.push_back(',');
    append_member(out, "message", error.message);
    // The finer code, where Anthropic's own API puts one; SDKs show it as errorCode.
    out.append(",\"details\":{");
    append_member(out, "error_code", errc_row(error.code).code);
    out.append("}},");
    append_member(out, "request_id", request_id);
    out.push_back('}');
    return out;
}

std::string gemini_body(Error const& error) {
    int const status = errc_row(error.code).status;
    std::string out = "{\"error\":{\"code\":" + std::to_string(status) + ",";
    append_member(out, "message", error.message);
    out.push_back(',');
    append_member(out, "status", gemini_status(status));
    out.append("}}");
    return out;
}

std::string problem_body(Error const& error, std::string_view request_id) {
    ErrcRow const& row = errc_row(error.code);
    std::string out = "{";
    append_member(out, "type", "about:blank");
    out.push_back(',');
    append_member(out, "title", row.code);
    out.append(",\"status\":").append(std::to_string(row.status)).push_back(',');
    append_member(out, "detail", error.message);
    out.push_back(',');
    append_member(out, "code", row.code);
    if (!error.param.empty()) {
        out.push_back(',');
        append_member(out, "param", error.param);
    }
    out.push_back(',');
    append_member(out, "request_id", request_id);
    out.push_back('}');
    return out;
}

} // namespace

ErrorReply render_error(Dialect dialect, Error const& error, std::string_view request_id) {
    ErrorReply reply{errc_row(error.code).status, "application/json", {}};
    switch (dialect) {
    case Dialect::openai: reply.body = openai_body(error); break;
    case Dialect::anthropic: reply.body = anthropic_body(error, request_id); break;
    case Dialect::gemini: reply.body = gemini_body(error); break;
    case Dialect::generic:
        reply.content_type = "application/problem+json";
        reply.body = problem_body(error, request_id);
        break;
    }
    return reply;
}

std::string error_event(Dialect dialect, Error const& error, std::string_view request_id) {
    std::string out;
    switch (dialect) {
    case Dialect::anthropic: out = "event: error\ndata: " + anthropic_body(error, request_id); break;
    case Dialect::gemini: out = "data: " + gemini_body(error); break;
    case Dialect::openai: out = "data: " + openai_body(error); break;
    case Dialect::generic: out = "event: error\ndata: " + problem_body(error, request_id); break;
    }
    return out.append("\n\n");
}

namespace {

/// What a stream's last complete event tells about itself. Raw JSON string contents, put back as they are.
struct Last {
    std::string id, model;
    std::optional<std::int64_t> open_block; ///< Anthropic: a content block that was not stopped
};

void read_openai_event(std::string_view data, Last& last) {
    json::LooseScanner scan(data);
    if (scan.peek() != '{') return;
    scan.object([&](std::string_view name) {
        if (name == "id" && scan.peek() == '"') last.id = scan.string().raw;
        else if (name == "model" && scan.peek() == '"') last.model = scan.string().raw;
        else scan.skip();
    });
}

void read_anthropic_event(std::string_view data, Last& last) {
    std::string_view type;
    std::optional<std::int64_t> index;
    json::LooseScanner scan(data);
    if (scan.peek() != '{') return;
    scan.object([&](std::string_view name) {
        if (name == "type" && scan.peek() == '"') type = scan.string().raw;
        else if (name == "index") index = json::plain_integer(scan.number());
        else scan.skip();
    });
    if (type == "content_block_start" || type == "content_block_delta") last.open_block = index;
    if (type == "content_block_stop") last.open_block.reset();
}

Last read_last_event(Surface surface, std::string_view tail) {
    Last last;
    SseScanner scanner;
    scanner.feed(tail);
    SseEvent event;
    while (scanner.next(event)) // the first may be cut: unreadable text tells nothing
        dialect_of(surface) == Dialect::anthropic ? read_anthropic_event(event.data, last)
                                                  : read_openai_event(event.data, last);
    return last;
}

std::string cut_openai(Cut const& cut, Last const& last) {
    bool const chat = cut.surface == Surface::openai_chat;
    std::string head = "data: {\"id\":";
    if (last.id.empty()) append_json_string(head, (chat ? "chatcmpl-" : "cmpl-") + std::string(cut.request_id));
    else head.append("\"").append(last.id).append("\"");
    head.append(chat ? ",\"object\":\"chat.completion.chunk\"" : ",\"object\":\"text_completion\"");
    head.append(",\"created\":").append(std::to_string(cut.created)).append(",\"model\":");
    if (last.model.empty()) append_json_string(head, cut.model);
    else head.append("\"").append(last.model).append("\"");

    std::string out = head;
    out.append(chat ? ",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"length\"}]"
                    : ",\"choices\":[{\"index\":0,\"text\":\"\",\"logprobs\":null,\"finish_reason\":\"length\"}]");
    out.append(",\"tollgate\":{\"code\":\"").append(credit_exhausted_code).append("\",\"message\":");
    append_json_string(out, credit_exhausted_message);
    out.append("}}\n\n");
    if (cut.usage) {
        auto const& u = *cut.usage;
        out.append(head).append(",\"choices\":[],\"usage\":{\"prompt_tokens\":");
        out.append(std::to_string(u.input_total())).append(",\"completion_tokens\":");
        out.append(std::to_string(u.output_total())).append(",\"total_tokens\":");
        out.append(std::to_string(u.input_total() + u.output_total())).append("}}\n\n");
    }
    return out.append("data: [DONE]\n\n");
}

std::string cut_anthropic(Cut const& cut, Last const& last) {
    std::string out;
    if (last.open_block)
        out.append("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":")
            .append(std::to_string(*last.open_block))
            .append("}\n\n");
    out.append("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\","
               "\"stop_sequence\":null},\"usage\":{\"output_tokens\":");
    out.append(std::to_string(cut.usage ? cut.usage->output_total() : 0)).append("},\"tollgate\":{\"code\":\"");
    out.append(credit_exhausted_code).append("\",\"message\":");
    append_json_string(out, credit_exhausted_message);
    return out.append("}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}

} // namespace

std::string cut_events(Cut const& cut) {
    Last const last = read_last_event(cut.surface, cut.stream_tail);
    // A tail that ends inside an event: its end is written first, so that what follows is an event of its own.
    bool const open_event = !cut.stream_tail.empty() && last_event_end(cut.stream_tail) != cut.stream_tail.size();
    std::string const events =
        dialect_of(cut.surface) == Dialect::anthropic ? cut_anthropic(cut, last) : cut_openai(cut, last);
    return open_event ? "\n\n" + events : events;
}

} // namespace tollgate::dialects
