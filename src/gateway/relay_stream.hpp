#pragma once
#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "dialects/sse.hpp"
#include "gateway/answer.hpp"
#include "metering/chat_count.hpp"
#include "metering/stream_meter.hpp"
#include "net/client.hpp"

namespace tollgate::gateway {

/// Relays one event stream: every chunk goes on as it comes, the meter taps it, the hold is extended step by step,
/// and the terminal record is written before the last byte leaves. Lives in the frame that runs it.
class StreamRelay {
public:
    StreamRelay(Call& call, Plan const& plan, dialects::Ask const& ask, Charge& charge, Offer const& offer,
                net::Response response);
    StreamRelay(StreamRelay const&) = delete;
    StreamRelay& operator=(StreamRelay const&) = delete;

    /// `first` was read off the response already. On return the caller has its answer, or is gone, and the charge is
    /// settled.
    asio::awaitable<void> run(net::Piece first);

private:
    /// How the bytes go on to the caller.
    enum class Framing : std::uint8_t {
        raw,     ///< the provider's own framing, untouched
        chunked, ///< framed anew: events may be taken out or rewritten
        plain    ///< HTTP/1.0 caller: until close
    };
    void take(net::Piece const& piece);
    void take_intercepted(std::string_view data);
    void append_usage_event(dialects::UsageTap::Step const& step);
    void look_at_the_end();
    asio::awaitable<bool> send(net::Piece const& piece, bool last);
    asio::awaitable<bool> hold_next_step();
    asio::awaitable<void> finish(net::Piece const& last);
    asio::awaitable<void> cut(net::Piece const& piece);
    asio::awaitable<void> broken(net::SendError const& failure);
    asio::awaitable<void> drain();
    bool usage_is_final(bool ended_well) const;
    asio::awaitable<Charge::Final> counted(std::int64_t delivered);
    asio::awaitable<Charge::Final> final_usage(bool ended_well);
    asio::awaitable<void> settle(Charge::Final final);
    std::string frame(std::string_view events) const;

    Call& call_;
    Plan const& plan_;
    dialects::Ask const& ask_;
    Charge& charge_;
    Offer const& offer_;
    net::Response response_;
    bool intercept_;
    Framing framing_;
    metering::StreamMeter meter_;
    dialects::UsageTap tap_;
    std::string head_;         ///< response head, until the first write has taken it
    std::string payload_;      ///< decoded bytes of the current piece as they go on, when framed anew
    std::string chunk_size_;
    std::optional<metering::PromptCount> prompt_;
    std::optional<Error> refusal_; ///< why the next step could not be held
    bool caller_there_ = true;
    bool at_chunk_boundary_ = true; ///< raw: what was sent so far ends between two chunks
};

} // namespace tollgate::gateway
