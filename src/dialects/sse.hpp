#pragma once
// Server-sent events: a full incremental scanner, and a cheap tap that finds usage near the end of what it is shown.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dialects/usage.hpp"
#include "types/surface.hpp"

namespace tollgate::dialects {

/// One dispatched event. Views into the piece given to feed() or into the scanner: valid until the next call.
struct SseEvent {
    std::string_view event;  ///< the `event:` name, or empty
    std::string_view data;   ///< data lines joined by '\n'
    std::uint64_t begin = 0; ///< stream offset of the event's first byte
    std::uint64_t end = 0;   ///< stream offset behind its blank line
    bool done() const { return data.starts_with("[DONE]"); }
};

/// Splits a byte stream into events, whatever the splits: LF, CRLF, CR; `data:` with or without the space; several
/// data lines; comments; an initial BOM. An event that lies whole in one piece with one data line is not copied.
/// Events longer than `event_max` bytes are skipped and counted.
class SseScanner {
public:
    static constexpr std::size_t event_max_default = 1 << 20;
    explicit SseScanner(std::size_t event_max = event_max_default) : event_max_(event_max) {}

    /// Gives the next bytes. Call next() until it returns false before the next feed(): `piece` must stay until then.
    void feed(std::string_view piece);
    /// The next complete event that carries data; false when more bytes are needed.
    bool next(SseEvent& event);
    /// The stream has ended: an event without its final blank line is delivered by the next() that follows.
    void finish();
    std::uint64_t oversized() const { return oversized_; }

private:
    bool take_piece_event(std::size_t start, std::size_t end, SseEvent& event);
    bool take_last_event(SseEvent& event);
    void keep_rest(std::size_t start);
    std::string_view piece_;
    std::size_t at_ = 0;              // in piece_
    std::uint64_t stream_offset_ = 0; // of piece_'s first byte
    std::string carry_;               // the unfinished event of earlier pieces
    std::uint64_t carry_begin_ = 0;
    std::string joined_;              // data of a multi-line event
    std::size_t event_max_;
    std::uint64_t oversized_ = 0;
    bool skipping_ = false;           // inside an oversized event
    bool swallow_lf_ = false;         // a CR ended the last line: an LF that follows belongs to it
    bool line_empty_ = true;          // the current line has no bytes yet
    bool finished_ = false;
    bool carry_done_ = false;         // carry_ was dispatched by the last next()
};

/// What one event is to the gateway.
struct EventInfo {
    bool done = false;        ///< OpenAI [DONE], Anthropic message_stop
    bool error = false;       ///< the provider reports an error inside the stream
    bool usage_only = false;  ///< OpenAI: `choices` is empty and `usage` is there
    bool finish = false;      ///< OpenAI: a finish_reason is stated; Anthropic: message_delta with stop_reason
    std::optional<UsageReport> usage; ///< span is relative to the data
};
EventInfo inspect_event(Surface surface, SseEvent const& event);

/// Watches a relayed stream for its usage at next to no cost: of every piece only the last few complete events are
/// looked at (usage is always followed by little else), and the head of the stream for Anthropic's message_start.
/// One per stream, used by one thread; holds at most `hold_max` bytes of an unfinished event.
class UsageTap {
public:
    static constexpr std::size_t hold_max = 16 * 1024;
    static constexpr int events_looked_at = 8;

    enum class Mode : std::uint8_t {
        observe,   ///< every piece is relayed as it is
        intercept, ///< the usage event is handed out apart, so that it can be dropped or rewritten
    };
    UsageTap(Surface surface, Mode mode) : surface_(surface), mode_(mode) {}

    /// What to send on for one piece: before, usage_event, after, in this order. Views into the piece or the tap:
    /// valid until the next call.
    struct Step {
        bool untouched = true;          ///< all of the piece and nothing else: the raw bytes may be relayed as they are
        std::string_view before;        ///< bytes held back from earlier pieces, now released
        std::string_view middle;        ///< bytes of this piece
        std::string_view usage_event;   ///< intercept only: the complete event carrying usage, blank line included
        bool usage_only = false;        ///< the event carries nothing but usage: may be kept from the caller
        std::string_view after;
    };
    /// `data` = decoded payload bytes of the stream, in order, any split. In observe mode `untouched` is always true.
    Step feed(std::string_view data);
    /// The stream has ended: what is still held back, to be sent on.
    std::string_view finish();

    /// All usage reported so far, merged; nullopt = none.
    std::optional<UsageReport> const& usage() const { return usage_; }
    bool done() const { return done_; }     ///< the dialect's end marker was seen
    bool failed() const { return failed_; } ///< the last events carried a provider error
    bool finish_seen() const { return finish_; } ///< a finish or stop reason was seen near the end

private:
    struct Found {
        std::string_view usage_event;
        bool usage_only = false;
    };
    void look_at_head(std::string_view data);
    void look_at_events(std::string_view complete, Found& found);
    void look_at_event(std::string_view text, bool ending, bool want_usage, Found& found);
    /// Keeps `rest` until its event is complete; false when it is too long to be usage and must pass.
    bool hold(std::string_view rest);

    Surface surface_;
    Mode mode_;
    bool done_ = false, failed_ = false, finish_ = false;
    bool head_done_ = false;
    bool passing_partial_ = false; // inside an event too long to be usage
    char last_byte_ = '\n';        // of the stream so far
    std::optional<UsageReport> usage_;
    std::string held_;      // an unfinished event
    std::string assembled_; // a held event with its end, or what is let go, while its views are out
    std::string head_;      // Anthropic only: the stream's first bytes until message_start was read
    std::string joined_;    // scratch for multi-line data
};

} // namespace tollgate::dialects
