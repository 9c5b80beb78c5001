#include "metering/stream_meter.hpp"

#include <algorithm>

namespace tollgate::metering {
namespace {

constexpr std::size_t first_capacity = 4 * 1024;
constexpr std::size_t usual_capacity = StreamMeter::unparsed_max + StreamMeter::tail_max + 4 * 1024;
constexpr std::size_t probe_at = 2 * 1024;
// Fewer than usual, so that an interval rather ends early.
constexpr std::size_t text_bytes_per_token = 3;

/// Bytes up to and including the first empty line (LF or CRLF), or 0 when there is none yet.
std::size_t first_event_size(std::string_view bytes) noexcept {
    std::size_t line = 0;
    while (line < bytes.size()) {
        auto const lf = bytes.find('\n', line);
        if (lf == std::string_view::npos)
            return 0;
        if (lf == line || (lf == line + 1 && bytes[line] == '\r'))
            return lf + 1;
        line = lf + 1;
    }
    return 0;
}

} // namespace

void TextSink::text(std::uint32_t channel, std::string_view utf8) {
    if (measuring_) {
        measured_ += utf8.size();
        return;
    }
    for (auto& c : channels_)
        if (c.id == channel)
            return c.counter.append(utf8);
    if (channels_.size() == channels_max)
        return channels_[channel % channels_max].counter.append(utf8);
    channels_.push_back({channel, IncrementalCounter(tokenizer_, encoding_)});
    channels_.back().counter.append(utf8);
}

std::int64_t TextSink::count() const {
    auto tokens = extra_;
    for (auto const& c : channels_)
        tokens += c.counter.count();
    return tokens;
}

std::size_t TextSink::memory_bytes() const noexcept {
    auto bytes = channels_.capacity() * sizeof(Channel);
    for (auto const& c : channels_)
        bytes += c.counter.memory_bytes();
    return bytes;
}

StreamMeter::StreamMeter(Tokenizer const& tokenizer, ModelEncoding how, DeltaExtractor extract,
                         std::int64_t now_ns, StreamMeterConfig config)
    : how_(how), extract_(extract), config_(config), sink_(tokenizer, how.encoding), look_at_(probe_at),
      progress_at_ns_(now_ns) {}

void StreamMeter::grow_and_append(std::string_view bytes) {
    auto const need = size_ + bytes.size();
    auto const doubled = std::min(capacity_ * 2, std::max(capacity_, usual_capacity));
    set_capacity(std::max({first_capacity, doubled, need > doubled ? need + need / 4 : need}));
    std::memcpy(buffer_.get() + size_, bytes.data(), bytes.size());
    size_ = need;
}

void StreamMeter::set_capacity(std::size_t capacity) {
    auto next = std::make_unique_for_overwrite<char[]>(capacity);
    if (size_ > 0)
        std::memcpy(next.get(), buffer_.get(), size_);
    buffer_ = std::move(next);
    capacity_ = capacity;
}

/// Called when size_ reached look_at_: parses when the buffer is full, else decides whether progress is due.
void StreamMeter::look() {
    if (size_ < look_at_)
        return; // came by way of grow_and_append
    auto const unparsed = size_ - parsed_;
    if (unparsed >= unparsed_max) {
        parse();
        return;
    }
    if (!probed_) {
        probed_ = true;
        look_at_ = parsed_ + std::min(bytes_for(config_.progress_tokens), unparsed_max);
        if (size_ < look_at_)
            return;
    }
    due_ = true;
    look_at_ = parsed_ + unparsed_max;
}

/// How much of the stream carries `tokens`, judged by one event from the middle of what lies unparsed:
/// reading all of it would cost what the meter is there to save.
std::size_t StreamMeter::bytes_for(std::int64_t tokens) {
    auto sample = std::string_view(buffer_.get() + parsed_, size_ - parsed_);
    sample.remove_prefix(sample.size() / 2);
    auto const begin = first_event_size(sample); // what is left of the event that the middle fell into
    if (begin == 0)
        return 0;
    sample.remove_prefix(begin);
    auto const size = first_event_size(sample);
    if (size == 0)
        return 0;
    sink_.measuring_ = true;
    sink_.measured_ = 0;
    parse_events(sample.substr(0, size));
    sink_.measuring_ = false;
    auto const per_event = std::max(sink_.measured_ / text_bytes_per_token, std::size_t{1});
    return static_cast<std::size_t>(tokens) * size / per_event;
}

void StreamMeter::plan_next_look() {
    auto const unparsed = size_ - parsed_;
    if (delivered_ == 0) { // nothing learned yet
        probed_ = false;
        look_at_ = parsed_ + std::max(probe_at, unparsed * 2);
        return;
    }
    auto const left = config_.progress_tokens - (delivered_ - delivered_at_progress_);
    if (left <= 0)
        due_ = true;
    // What the stream has carried so far per byte, with a quarter for safety.
    auto const fed = static_cast<std::int64_t>(bytes_fed());
    auto to_go = static_cast<std::int64_t>(unparsed_max);
    if (!due_)
        to_go = std::clamp(left * fed * 4 / (delivered_ * 5), std::int64_t{1024}, to_go);
    // An event that is still incomplete is looked at again when it has doubled, not with every piece of it.
    auto const again = unparsed >= unparsed_max / 2 ? unparsed * 2 : 0;
    look_at_ = parsed_ + std::max(static_cast<std::size_t>(to_go), again);
}

void StreamMeter::parse() {
    std::string_view const unparsed(buffer_.get() + parsed_, size_ - parsed_);
    auto const skipped = in_skipped_event_ ? end_of_skipped_event(unparsed) : 0;
    parsed_ += skipped;
    if (!in_skipped_event_)
        parsed_ += parse_events(unparsed.substr(skipped));
    if (size_ - parsed_ > event_max) {
        in_skipped_event_ = skipped_any_ = true;
        sink_.tokens(oversized_event_tokens);
        parsed_ = size_ - 2; // an empty line may begin in the last two bytes
    }
    delivered_ = std::max(delivered_, scaled(how_, sink_.count()));
    compact();
    plan_next_look();
}

/// Reads whole events; returns the bytes they took.
std::size_t StreamMeter::parse_events(std::string_view bytes) {
    std::size_t done = 0;
    std::size_t at = 0;
    std::string_view data;
    std::string joined; // only for events of several data lines
    bool has_data = false;
    for (;;) {
        auto const lf = bytes.find('\n', at);
        if (lf == std::string_view::npos)
            return done;
        auto line = bytes.substr(at, lf - at);
        at = lf + 1;
        if (!line.empty() && line.back() == '\r')
            line.remove_suffix(1);
        if (line.empty()) {
            if (has_data)
                dispatch(data);
            has_data = false;
            done = at;
        } else if (line.starts_with("data:")) {
            line.remove_prefix(line.size() > 5 && line[5] == ' ' ? 6 : 5);
            if (has_data) {
                if (joined.data() != data.data())
                    joined.assign(data);
                joined += '\n';
                joined += line;
                data = joined;
            } else {
                data = line;
            }
            has_data = true;
        }
    }
}

void StreamMeter::dispatch(std::string_view event_data) {
    if (extract_ && event_data != "[DONE]")
        extract_(event_data, sink_);
}

/// Bytes that still belong to an event that is being skipped.
std::size_t StreamMeter::end_of_skipped_event(std::string_view bytes) {
    for (std::size_t at = 0; (at = bytes.find('\n', at)) != std::string_view::npos; ++at) {
        auto const rest = bytes.substr(at + 1);
        std::size_t const blank = rest.starts_with('\n') ? 1 : rest.starts_with("\r\n") ? 2 : 0;
        if (blank == 0)
            continue;
        in_skipped_event_ = false;
        return at + 1 + blank;
    }
    return bytes.size() > 2 ? bytes.size() - 2 : 0;
}

/// Drops what is neither unparsed nor part of the tail.
void StreamMeter::compact() {
    auto const keep = std::min(size_, std::max(tail_max, size_ - parsed_));
    auto const drop = size_ - keep;
    if (drop > 0) {
        if (dropped_ == 0)
            head_ = head();
        std::memmove(buffer_.get(), buffer_.get() + drop, keep);
        dropped_ += drop;
        size_ = keep;
        parsed_ -= drop;
    }
    if (capacity_ > 2 * usual_capacity && size_ <= usual_capacity / 2)
        set_capacity(usual_capacity);
}

std::int64_t StreamMeter::progress(std::int64_t now_ns) {
    parse();
    progress_at_ns_ = now_ns;
    delivered_at_progress_ = delivered_;
    due_ = false;
    plan_next_look();
    return delivered_;
}

std::int64_t StreamMeter::finish() {
    parse();
    if (size_ > parsed_ && !in_skipped_event_) {
        auto last = std::string(buffer_.get() + parsed_, size_ - parsed_);
        last += "\n\n";
        parse_events(last);
        parsed_ = size_;
    }
    delivered_ = scaled(how_, sink_.count());
    due_ = false;
    return delivered_;
}

std::string_view StreamMeter::head() const noexcept {
    if (dropped_ > 0)
        return head_;
    auto const begin = std::string_view(buffer_.get(), std::min(size_, head_max));
    return begin.substr(0, first_event_size(begin));
}

std::size_t StreamMeter::memory_bytes() const noexcept {
    return capacity_ + head_.capacity() + sink_.memory_bytes();
}

} // namespace tollgate::metering
