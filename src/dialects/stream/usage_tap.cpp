#include <algorithm>

#include "dialects/json/simd.hpp"
#include "dialects/stream/event.hpp"

namespace tollgate::dialects {
namespace {

/// Whether a `"key"` in `text` is followed by a value that begins with `first`: a cheap look without parsing, for
/// keys that most events carry with a null. May be fooled by deeper objects, never by text inside strings.
bool has_value(std::string_view text, std::string_view key, char first) {
    while (true) {
        std::size_t at = json::find(text, key);
        if (at == std::string_view::npos) return false;
        at += key.size();
        while (at < text.size() && (text[at] == ':' || text[at] == ' ')) ++at;
        if (at < text.size() && text[at] == first) return true;
        text.remove_prefix(at);
    }
}

/// Events at the very end of a piece that may tell how the stream ends: finish reason, usage, end marker.
constexpr int ending_events = 3;
constexpr std::size_t done_event_max = 64; ///< bytes; an OpenAI end marker is short

} // namespace

UsageTap::Step UsageTap::feed(std::string_view data) {
    Step step;
    step.middle = data;
    if (data.empty()) return step;
    if (!head_done_) look_at_head(data);
    char const previous = last_byte_;
    last_byte_ = data.back();

    // The end of an event that earlier pieces began.
    bool const was_held = !held_.empty();
    std::size_t events_begin = 0;
    if (was_held || passing_partial_) {
        events_begin = first_event_end(data, previous);
        if (events_begin == std::string_view::npos) {
            if (!was_held) return step; // still inside a long event
            if (held_.size() + data.size() <= hold_max) {
                held_.append(data);
                if (mode_ == Mode::observe) return step;
                step.untouched = false;
                step.middle = {};
                return step;
            }
            passing_partial_ = true; // too long to be usage
            assembled_.swap(held_);
            held_.clear();
            if (mode_ == Mode::observe) return step;
            step.untouched = false;
            step.before = assembled_;
            return step;
        }
        passing_partial_ = false;
        if (was_held) {
            assembled_.assign(held_).append(data.substr(0, events_begin));
            held_.clear();
        }
    }

    std::string_view const tail = data.substr(events_begin);
    std::size_t const events_end = events_begin + last_event_end(tail);
    Found found;
    look_at_events(data.substr(events_begin, events_end - events_begin), found);
    bool const in_data = !found.usage_event.empty();
    if (was_held) look_at_event(assembled_, true, !in_data, found);
    bool const held_now = hold(data.substr(events_end));
    if (mode_ == Mode::observe) return step;

    std::size_t const send_begin = was_held ? events_begin : 0;
    std::size_t const send_end = held_now ? events_end : data.size();
    step.untouched = !was_held && send_end == data.size() && found.usage_event.empty();
    if (in_data) {
        auto const at = static_cast<std::size_t>(found.usage_event.data() - data.data());
        std::size_t const behind = at + found.usage_event.size();
        if (was_held) step.before = assembled_;
        step.middle = data.substr(send_begin, at - send_begin);
        step.after = data.substr(behind, send_end - behind);
    } else if (!found.usage_event.empty()) { // the held event itself
        step.middle = {};
        step.after = data.substr(send_begin, send_end - send_begin);
    } else {
        if (was_held) step.before = assembled_;
        step.middle = data.substr(send_begin, send_end - send_begin);
    }
    step.usage_event = found.usage_event;
    step.usage_only = found.usage_only;
    return step;
}

std::string_view UsageTap::finish() {
    assembled_.swap(held_);
    held_.clear();
    if (assembled_.empty()) return {};
    Found found; // a last event without its blank line still counts
    look_at_event(assembled_, true, true, found);
    if (mode_ == Mode::observe) return {};
    return found.usage_only ? std::string_view() : std::string_view(assembled_);
}

bool UsageTap::hold(std::string_view rest) {
    if (rest.empty()) return false;
    if (rest.size() > hold_max) {
        passing_partial_ = true;
        return false;
    }
    held_.assign(rest);
    return true;
}

/// The last few of some complete events, newest first.
void UsageTap::look_at_events(std::string_view complete, Found& found) {
    for (int i = 0; i < events_looked_at && !complete.empty(); ++i) {
        std::string_view const before = complete.substr(0, complete.size() - 1);
        // The last byte ends this event's blank line; the boundary before it begins the event.
        std::size_t begin = last_event_end(before);
        if (begin + 1 >= complete.size() && begin > 0) { // a CRLF blank line: its CR looked like one of its own
            begin = last_event_end(complete.substr(0, complete.size() - 2));
        }
        look_at_event(complete.substr(begin), i < ending_events, found.usage_event.empty(), found);
        complete = complete.substr(0, begin);
    }
}

/// Searches first, parses only what may matter: ordinary content events are not parsed at all. `ending`: also look
/// for errors, finish reasons and the end marker.
void UsageTap::look_at_event(std::string_view text, bool ending, bool want_usage, Found& found) {
    bool parse = ending && (json::contains(text, "\"error\"") || text.starts_with("event: error"));
    if (dialect_of(surface_) == Dialect::anthropic) {
        parse |= json::contains(text, "message_delta") || (ending && json::contains(text, "message_stop"));
    } else {
        finish_ |= ending && has_value(text, "\"finish_reason\"", '"');
        parse |= (ending && text.size() <= done_event_max && json::contains(text, "[DONE]")) ||
                 (want_usage && has_value(text, "\"usage\"", '{'));
    }
    SseEvent event;
    if (!parse || !read_event(text, joined_, event)) return;
    EventInfo const info = inspect_event(surface_, event);
    done_ |= info.done;
    failed_ |= info.error;
    finish_ |= info.finish;
    // message_start is the head's business: merged here it would come after what it must come before.
    if (!want_usage || !info.usage || json::contains(event.data, "\"message_start\"")) return;
    if (usage_) usage_->merge(*info.usage);
    else usage_ = info.usage;
    found.usage_event = text;
    found.usage_only = info.usage_only;
}

/// Anthropic states input usage in its first event; it must be seen even when a whole reply comes in one burst.
void UsageTap::look_at_head(std::string_view data) {
    if (dialect_of(surface_) != Dialect::anthropic) {
        head_done_ = true;
        return;
    }
    std::string_view text = data;
    if (!head_.empty()) {
        head_.append(data.substr(0, hold_max - std::min(hold_max, head_.size())));
        text = head_;
    }
    std::size_t at = 0;
    char previous = '\n';
    while (true) {
        std::string_view const rest = text.substr(at);
        std::size_t const size = first_event_end(rest, previous);
        if (size == std::string_view::npos) break;
        SseEvent event;
        if (json::contains(rest.substr(0, size), "message_start") && read_event(rest.substr(0, size), joined_, event)) {
            usage_ = inspect_event(surface_, event).usage;
            head_done_ = true;
            head_ = std::string();
            return;
        }
        at += size;
        previous = '\n';
        if (at >= hold_max) break;
    }
    if (text.size() >= hold_max) {
        head_done_ = true;
        head_ = std::string();
    } else if (head_.empty()) {
        head_.assign(data);
    }
}

} // namespace tollgate::dialects
