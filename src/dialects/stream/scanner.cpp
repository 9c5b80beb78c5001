#include "dialects/json/simd.hpp"
#include "dialects/stream/event.hpp"

namespace tollgate::dialects {
namespace {
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
}

void SseScanner::feed(std::string_view piece) {
    piece_ = piece;
    at_ = 0;
}

void SseScanner::finish() { finished_ = true; }

bool SseScanner::next(SseEvent& event) {
    if (carry_done_) {
        carry_.clear();
        carry_done_ = false;
    }
    std::size_t start = at_, pos = at_;
    while (pos < piece_.size()) {
        if (swallow_lf_) {
            swallow_lf_ = false;
            if (piece_[pos] == '\n') {
                if (start == pos && carry_.empty() && !skipping_ && line_empty_) ++start; // the end of the event before
                if (++pos == piece_.size()) break;
            }
        }
        char const* const base = piece_.data();
        char const* const e = json::find_line_end(base + pos, base + piece_.size());
        auto const line_end = static_cast<std::size_t>(e - base);
        bool const blank = line_empty_ && line_end == pos;
        if (line_end == piece_.size()) {
            line_empty_ = blank;
            break;
        }
        line_empty_ = true;
        pos = line_end + 1;
        if (*e == '\r') {
            if (pos == piece_.size()) swallow_lf_ = true;
            else if (piece_[pos] == '\n') ++pos;
        }
        if (!blank) continue;
        at_ = pos;
        if (take_piece_event(start, pos, event)) return true;
        start = pos;
    }
    keep_rest(start);
    return finished_ && take_last_event(event);
}

/// The event that ends with piece_[start, end).
bool SseScanner::take_piece_event(std::size_t start, std::size_t end, SseEvent& event) {
    std::string_view text = piece_.substr(start, end - start);
    event.begin = carry_.empty() ? stream_offset_ + start : carry_begin_;
    event.end = stream_offset_ + end;
    if (skipping_ || carry_.size() + text.size() > event_max_) {
        skipping_ = false;
        ++oversized_;
        carry_.clear();
        return false;
    }
    bool const carried = !carry_.empty();
    if (carried) text = carry_.append(text);
    if (event.begin == 0 && text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    bool const has_data = read_event(text, joined_, event);
    if (carried && has_data) carry_done_ = true;
    else carry_.clear();
    return has_data;
}

bool SseScanner::take_last_event(SseEvent& event) {
    finished_ = false;
    oversized_ += skipping_ ? 1 : 0;
    skipping_ = false;
    if (carry_.empty()) return false;
    std::string_view text = carry_;
    event.begin = carry_begin_;
    event.end = stream_offset_;
    if (event.begin == 0 && text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    carry_done_ = true;
    return read_event(text, joined_, event);
}

void SseScanner::keep_rest(std::size_t start) {
    std::string_view const rest = piece_.substr(start);
    if (!rest.empty() && !skipping_) {
        if (carry_.size() + rest.size() > event_max_) {
            skipping_ = true;
            carry_.clear();
        } else {
            if (carry_.empty()) carry_begin_ = stream_offset_ + start;
            carry_.append(rest);
        }
    }
    stream_offset_ += piece_.size();
    piece_ = {};
    at_ = 0;
}

} // namespace tollgate::dialects
