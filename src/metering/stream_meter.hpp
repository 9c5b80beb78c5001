#pragma once
// Taps a relayed SSE stream: nearly free while bytes pass, exact when somebody asks.
//
// The normal stream ends with the provider's own usage. For it the meter only copies bytes into a bounded
// buffer and offers the last of them (`tail`) for the usage parser; nothing is parsed, nothing tokenised.
// Counting happens when progress is due (so that the hold can be extended step by step), and at the end of a
// stream without usage.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metering/incremental.hpp"
#include "metering/tokenizer.hpp"

namespace tollgate::metering {

/// Receives the text that one event delivered to the caller.
class TextSink {
public:
    /// `channel` tells continuous texts apart (choice 0's content, its reasoning, its second tool call …):
    /// equal channels are one text, tokenised across events. Any number will do; the meter folds them into
    /// `channels_max`. `utf8` is decoded text (JSON escapes undone), valid during the call only.
    void text(std::uint32_t channel, std::string_view utf8);
    /// Tokens that have no text: the framing of a tool call, for example.
    void tokens(std::int64_t count) noexcept {
        if (!measuring_)
            extra_ += count;
    }

private:
    friend class StreamMeter;
    struct Channel {
        std::uint32_t id;
        IncrementalCounter counter;
    };
    TextSink(Tokenizer const& tokenizer, Encoding encoding) : tokenizer_(tokenizer), encoding_(encoding) {}
    std::int64_t count() const;
    std::size_t memory_bytes() const noexcept;

    static constexpr std::size_t channels_max = 64;
    Tokenizer tokenizer_;
    Encoding encoding_;
    std::int64_t extra_ = 0;
    std::vector<Channel> channels_;
    bool measuring_ = false; // text is only measured, into measured_
    std::size_t measured_ = 0;
};

/// Gives the delivered text of one SSE event's data (joined `data:` lines, without `[DONE]`) to the sink. A
/// plain function of the dialect, glued by the gateway; must not throw on bad JSON (an unreadable event
/// delivers nothing).
using DeltaExtractor = void (*)(std::string_view event_data, TextSink& sink);

struct StreamMeterConfig {
    /// The bounds of one progress interval: what may be delivered before the hold is looked at again.
    std::int64_t progress_tokens = 256;
    std::int64_t progress_ns = 500'000'000;
};

/// One per stream, used by the thread that owns the stream. Memory: about 300 bytes, then a buffer that
/// starts at 4 KiB with the first byte and doubles to at most `unparsed_max` + `tail_max`, and beyond only
/// while a single relayed piece or a single event is larger. An event over `event_max` is not kept: it is
/// media in practice, stands for `oversized_event_tokens`, and makes the count `estimated`.
class StreamMeter {
public:
    static constexpr std::size_t unparsed_max = 16 * 1024;
    static constexpr std::size_t tail_max = 4 * 1024;
    static constexpr std::size_t head_max = 4 * 1024;
    static constexpr std::size_t event_max = 1024 * 1024;
    static constexpr std::int64_t oversized_event_tokens = 4096;

    StreamMeter(Tokenizer const& tokenizer, ModelEncoding how, DeltaExtractor extract, std::int64_t now_ns,
                StreamMeterConfig config = {});
    StreamMeter(StreamMeter&&) noexcept = default;
    StreamMeter& operator=(StreamMeter&&) noexcept = default;

    /// Takes bytes as they are relayed: the decoded body (no chunk framing), split anywhere.
    void feed(std::string_view bytes) {
        if (bytes.empty())
            return;
        if (bytes.size() <= capacity_ - size_) {
            std::memcpy(buffer_.get() + size_, bytes.data(), bytes.size());
            size_ += bytes.size();
            if (size_ < look_at_)
                return;
        } else {
            grow_and_append(bytes);
        }
        look();
    }

    /// Whether a progress interval may be over: `progress_ns` have passed and something came since, or what
    /// lies unparsed may hold the rest of `progress_tokens`. The second is judged by what the stream carried
    /// per byte so far, at first by one sampled event, to keep parsing off the path of small streams: where a
    /// stream suddenly becomes denser, an interval may overshoot, by at most what `unparsed_max` bytes hold.
    bool progress_due(std::int64_t now_ns) const noexcept {
        return due_ || (size_ > parsed_ && now_ns - progress_at_ns_ >= config_.progress_ns);
    }
    /// Parses what came, counts it, starts the next interval. Returns the tokens delivered so far.
    std::int64_t progress(std::int64_t now_ns);
    /// The same at the end of the stream: also reads a last event that was not closed by an empty line.
    std::int64_t finish();

    /// Tokens delivered as of the last progress() or finish(), with the model's factor.
    std::int64_t delivered_tokens() const noexcept { return delivered_; }
    /// The count is an estimate: the model's encoding is not known exactly, or an oversized event was
    /// skipped.
    bool estimated() const noexcept { return !how_.exact || skipped_any_; }

    /// The last bytes of the stream, at least min(`tail_max`, all): final usage is here. Not aligned to
    /// events. Valid until the next call of a non-const member.
    std::string_view tail() const noexcept { return {buffer_.get(), size_}; }
    /// The stream's beginning, through its first event (Anthropic's `message_start` with the input usage);
    /// empty when that event is not complete yet or longer than `head_max`. Valid as long as tail().
    std::string_view head() const noexcept;
    std::uint64_t bytes_fed() const noexcept { return dropped_ + size_; }
    /// Heap bytes held now.
    std::size_t memory_bytes() const noexcept;

private:
    void grow_and_append(std::string_view bytes);
    void look();
    void parse();
    std::size_t parse_events(std::string_view bytes);
    void dispatch(std::string_view event_data);
    std::size_t end_of_skipped_event(std::string_view bytes);
    void set_capacity(std::size_t capacity);
    void compact();
    void plan_next_look();
    std::size_t bytes_for(std::int64_t tokens);

    ModelEncoding how_;
    DeltaExtractor extract_;
    StreamMeterConfig config_;
    TextSink sink_;

    std::unique_ptr<char[]>
        buffer_; // [0, parsed_) seen and kept for tail(), [parsed_, size_) not yet looked at
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
    std::size_t parsed_ = 0;
    std::size_t look_at_ = 0;   // size_ at which look() has something to decide
    std::uint64_t dropped_ = 0; // bytes of the stream before buffer_[0]
    bool due_ = false;
    bool probed_ = false; // an event was sampled: look_at_ is where the interval should end
    bool in_skipped_event_ = false;
    bool skipped_any_ = false;
    std::int64_t progress_at_ns_;
    std::int64_t delivered_ = 0;
    std::int64_t delivered_at_progress_ = 0;
    std::string head_; // once the buffer no longer begins with the stream's beginning
};

} // namespace tollgate::metering
