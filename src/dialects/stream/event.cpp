#include "dialects/stream/event.hpp"

#include "dialects/json/scan.hpp"

namespace tollgate::dialects {

bool read_event(std::string_view text, std::string& joined, SseEvent& event) {
    event.event = {};
    event.data = {};
    int data_lines = 0;
    char const* p = text.data();
    char const* const end = p + text.size();
    while (p < end) {
        char const* const line_end = json::find_line_end(p, end);
        std::string_view const line(p, static_cast<std::size_t>(line_end - p));
        p = line_end == end ? end : line_end + (line_end + 1 < end && line_end[0] == '\r' && line_end[1] == '\n' ? 2 : 1);
        std::size_t const colon = line.find(':');
        std::string_view const name = line.substr(0, colon);
        if (name != "data" && name != "event") continue; // comments, id, retry
        std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
        if (value.starts_with(' ')) value.remove_prefix(1);
        if (name == "event") {
            event.event = value;
        } else if (++data_lines == 1) {
            event.data = value;
        } else {
            if (data_lines == 2) joined.assign(event.data);
            joined.append(1, '\n').append(value);
        }
    }
    if (data_lines > 1) event.data = joined;
    return data_lines > 0;
}

std::size_t first_event_end(std::string_view text, char previous) noexcept {
    char const* const begin = text.data();
    char const* const end = begin + text.size();
    char const* p = begin;
    if (previous == '\r' && p < end && *p == '\n') ++p;
    bool at_line_start = is_line_end(previous);
    while (true) {
        char const* const e = json::find_line_end(p, end);
        if (e == end) return std::string_view::npos;
        bool const blank = at_line_start && e == p;
        p = e + (e + 1 < end && e[0] == '\r' && e[1] == '\n' ? 2 : 1);
        if (blank) return static_cast<std::size_t>(p - begin);
        at_line_start = true;
    }
}

std::size_t last_event_end(std::string_view text) noexcept {
    char const* const begin = text.data();
    char const* p = begin + text.size();
    while (char const* const e = json::find_line_end_backward(begin, p)) {
        char const* content_end = e;
        if (*e == '\n' && content_end > begin && content_end[-1] == '\r') --content_end;
        if (content_end == begin || is_line_end(content_end[-1])) return static_cast<std::size_t>(e + 1 - begin);
        p = content_end;
    }
    return 0;
}

namespace {

void inspect_openai(std::string_view data, EventInfo& info) {
    bool choices_empty = true;
    json::LooseScanner scan(data);
    if (scan.peek() != '{') return;
    scan.object([&](std::string_view name) {
        char const first = scan.peek();
        if (name == "error" && first != 'n') {
            info.error = true;
            scan.skip();
        } else if (name == "choices" && first == '[') {
            scan.array([&] {
                choices_empty = false;
                if (scan.peek() != '{') return scan.skip();
                scan.object([&](std::string_view member) {
                    info.finish |= member == "finish_reason" && scan.peek() == '"';
                    scan.skip();
                });
            });
        } else {
            scan.skip();
        }
    });
    if (json::contains(data, "\"usage\"")) info.usage = usage_from_event(Surface::openai_chat, data);
    info.usage_only = info.usage && choices_empty;
}

void inspect_anthropic(std::string_view data, EventInfo& info) {
    std::string_view type;
    json::LooseScanner scan(data);
    if (scan.peek() != '{') return;
    scan.object([&](std::string_view name) {
        if (name == "type" && scan.peek() == '"') {
            type = scan.string().raw;
        } else if (name == "delta" && scan.peek() == '{') {
            scan.object([&](std::string_view member) {
                info.finish |= member == "stop_reason" && scan.peek() == '"';
                scan.skip();
            });
        } else {
            scan.skip();
        }
    });
    info.done = type == "message_stop";
    info.error = type == "error";
    if (type == "message_start" || type == "message_delta")
        info.usage = usage_from_event(Surface::anthropic_messages, data);
}

} // namespace

EventInfo inspect_event(Surface surface, SseEvent const& event) {
    EventInfo info;
    if (dialect_of(surface) == Dialect::anthropic) {
        inspect_anthropic(event.data, info);
        info.error |= event.event == "error";
    } else if (event.done()) {
        info.done = true;
    } else {
        inspect_openai(event.data, info);
        info.error |= event.event == "error";
    }
    return info;
}

} // namespace tollgate::dialects
