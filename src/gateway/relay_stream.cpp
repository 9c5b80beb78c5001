#include "gateway/relay_stream.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <fmt/format.h>
#include <limits>

#include "base/log.hpp"
#include "dialects/cost_splice.hpp"
#include "dialects/errors.hpp"
#include "gateway/counting.hpp"
#include "net/timer.hpp"

namespace tollgate::gateway {
namespace {

/// A stream that may run out of credit is passed on event by event, so that its end can be told at any of them.
bool may_be_cut(Call const& call, Charge& charge) {
    constexpr std::int64_t steps = 64;
    auto const held = charge.hold().amount().nanos();
    auto const plenty = Money::from_nanos(std::min(held, std::numeric_limits<std::int64_t>::max() / steps) * steps);
    return call.max_cost.has_value() || call.caller->key->caps.any() ||
           call.services.ledger.wallet(call.record.account_id).available() < plenty;
}

/// Usage has to be taken out (the caller did not ask for the chunk we asked for) or rewritten (it wants the charge).
bool must_intercept(dialects::Ask const& ask, Offer const& offer) {
    bool const openai = ask.surface == Surface::openai_chat || ask.surface == Surface::openai_completions;
    return shows_cost(ask, offer) || (openai && !ask.include_usage);
}

/// Bytes up to the end of the first event that ends in `text`; 0 when none does.
std::size_t first_event_end(std::string_view text) {
    auto const after = [&](std::string_view end) {
        auto const at = text.find(end);
        return at == std::string_view::npos ? at : at + end.size();
    };
    auto const end = std::min(after("\n\n"), after("\r\n\r\n"));
    return end == std::string_view::npos ? 0 : end;
}

} // namespace

StreamRelay::StreamRelay(Call& call, Plan const& plan, dialects::Ask const& ask, Charge& charge, Offer const& offer,
                         net::Response response)
    : call_(call), plan_(plan), ask_(ask), charge_(charge), offer_(offer), response_(std::move(response)),
      intercept_(must_intercept(ask, offer) || may_be_cut(call, charge)),
      meter_(call.services.tokenizer, plan.encoding, delta_extractor(ask.surface), call.now_ns()),
      tap_(ask.surface, intercept_ ? dialects::UsageTap::Mode::intercept : dialects::UsageTap::Mode::observe) {
    auto const& head = response_.head();
    bool const keep = !intercept_ && head.framing != net::Framing::until_close &&
                      (head.framing != net::Framing::chunked || call.exchange.accepts_chunked());
    framing_ = keep ? Framing::raw : call.exchange.accepts_chunked() ? Framing::chunked : Framing::plain;
    std::string lines;
    lines.reserve(512);
    append_answer_headers(lines, call, offer, head);
    auto const wire = framing_ == Framing::raw       ? head.framing
                      : framing_ == Framing::chunked ? net::Framing::chunked
                                                     : net::Framing::until_close;
    call.append_rate_headers(lines);
    call.exchange.compose_head(head_, head.status, lines, wire, head.content_length);
    call_.record.streamed = true;
}

asio::awaitable<void> StreamRelay::run(net::Piece piece) {
    for (;;) {
        take(piece);
        if (piece.last) co_return co_await finish(piece);
        if (meter_.progress_due(call_.now_ns())) {
            bool const held = co_await hold_next_step();
            if (!held) co_return co_await cut(piece);
        }
        caller_there_ = co_await send(piece, false);
        if (!caller_there_) co_return co_await drain();
        auto next = co_await response_.read();
        if (!next) co_return co_await broken(next.error());
        piece = *next;
    }
}

/// Meters a piece, and makes `payload_` of it when it is framed anew.
void StreamRelay::take(net::Piece const& piece) {
    payload_.clear();
    for (auto const data : piece.data) {
        meter_.feed(data);
        if (intercept_) take_intercepted(data);
        else if (framing_ != Framing::raw) payload_ += data;
    }
}

void StreamRelay::take_intercepted(std::string_view data) {
    auto const step = tap_.feed(data);
    if (step.untouched) {
        payload_ += data;
        return;
    }
    payload_ += step.before;
    payload_ += step.middle;
    if (!step.usage_event.empty()) append_usage_event(step);
    payload_ += step.after;
}

void StreamRelay::append_usage_event(dialects::UsageTap::Step const& step) {
    bool const asked = ask_.include_usage || ask_.usage_include;
    if (step.usage_only && !asked) return; // a chunk that only our own asking brought about
    if (shows_cost(ask_, offer_) && tap_.usage())
        payload_ += dialects::splice_cost_in_event(ask_.surface, step.usage_event, charge_.charge_for(billed_usage(*tap_.usage())));
    else
        payload_ += step.usage_event;
}

/// Observing costs nothing per piece: usage stands near the end (and, for Anthropic, at the very start), both of
/// which the meter has kept.
void StreamRelay::look_at_the_end() {
    if (intercept_) return;
    auto const tail = meter_.tail();
    if (meter_.bytes_fed() > tail.size() && !meter_.head().empty()) tap_.feed(meter_.head());
    tap_.feed(tail);
    tap_.finish();
}

asio::awaitable<bool> StreamRelay::send(net::Piece const& piece, bool last) {
    if (call_.record.first_byte_ms == 0) call_.record.first_byte_ms = std::max<std::int64_t>(1, call_.elapsed_ms());
    std::array<std::string_view, 5> views;
    std::size_t count = 0;
    if (!head_.empty()) views[count++] = head_;
    if (framing_ == Framing::raw) {
        views[count++] = piece.raw;
    } else if (framing_ == Framing::chunked) {
        if (!payload_.empty()) {
            chunk_size_.clear();
            fmt::format_to(std::back_inserter(chunk_size_), "{:x}\r\n", payload_.size());
            views[count++] = chunk_size_;
            views[count++] = payload_;
            views[count++] = "\r\n";
        }
        if (last) views[count++] = net::last_chunk;
    } else {
        views[count++] = payload_;
    }
    if (count == 0) co_return true; // all of the piece is held back until its event is whole
    auto const gather = std::span<std::string_view const>(views.data(), count);
    bool const there = co_await call_.exchange.write(gather);
    head_.clear();
    at_chunk_boundary_ = framing_ != Framing::raw || piece.between_chunks;
    co_return there;
}

/// A progress interval is over: counts, journals, and makes sure that the next step is held.
asio::awaitable<bool> StreamRelay::hold_next_step() {
    if (!prompt_) prompt_ = co_await count_prompt_async(call_.services, plan_.encoding, ask_.surface, ask_.body);
    auto const delivered = meter_.progress(call_.now_ns());
    auto const held = charge_.progress(prompt_->tokens, delivered);
    if (held) co_return true;
    log::info("stream cut", {{"request_id", std::string(call_.request_id())}, {"reason", held.error().message}});
    refusal_.emplace(held.error());
    co_return false;
}

/// Whether the output the provider stated is its last word on it. Anthropic states a first figure when a stream starts,
/// which is not what was delivered when the stream then fails or just stops.
bool StreamRelay::usage_is_final(bool ended_well) const {
    auto const& report = tap_.usage();
    if (!report || !report->output || !plausible(*report, charge_.quote())) return false;
    if (tap_.done() || tap_.finish_seen()) return true;
    return ended_well && !tap_.failed() && call_.dialect != Dialect::anthropic;
}

/// Our count of what was delivered, with the input as the provider stated it: only it knows what its cache held.
asio::awaitable<Charge::Final> StreamRelay::counted(std::int64_t delivered) {
    auto final = co_await counted_final(call_, plan_, ask_, offer_, delivered, meter_.estimated());
    auto const& report = tap_.usage();
    if (report && !plausible(*report, charge_.quote())) {
        final.usage.anomaly = true;
    } else if (report && report->input) {
        auto const stated = billed_usage(*report);
        for (auto const bucket : {Bucket::input, Bucket::cache_read, Bucket::cache_write_5m, Bucket::cache_write_1h,
                                  Bucket::audio_in, Bucket::image_in})
            final.usage[bucket] = stated[bucket];
        final.usage[Bucket::output] = std::max(delivered, stated[Bucket::output]);
    }
    co_return final;
}

/// The provider's word where it gave one; our count where it did not.
asio::awaitable<Charge::Final> StreamRelay::final_usage(bool ended_well) {
    look_at_the_end();
    Charge::Final final;
    if (!usage_is_final(ended_well)) {
        auto const delivered = meter_.finish();
        if (delivered > 0) co_return co_await counted(delivered);
        final.outcome = Outcome::upstream_error; // it failed before the first token: nothing to charge
        final.error_type = "empty_answer";
        co_return final;
    }
    final.usage = billed_usage(*tap_.usage());
    final.source = UsageSource::provider;
    final.provider_cost = tap_.usage()->cost;
    co_return final;
}

asio::awaitable<void> StreamRelay::settle(Charge::Final final) {
    final.status = response_.head().status;
    auto const settled = charge_.settle(final);
    auto const durable = co_await wait_until_durable(call_, settled.position);
    if (!durable) log::warn("ending a stream before its charge is durable", {{"reason", durable.error().message}});
}

asio::awaitable<void> StreamRelay::finish(net::Piece const& last) {
    if (intercept_) payload_ += tap_.finish();
    auto final = co_await final_usage(true);
    if (tap_.failed()) {
        if (final.outcome != Outcome::upstream_error) final.outcome = Outcome::upstream_partial;
        final.error_type = "provider_error_event";
    }
    if (final.outcome != Outcome::success) offer_.target->state->failed(call_.services.config.routing, call_.now_ns());
    co_await settle(std::move(final));
    co_await send(last, true);
}

std::string StreamRelay::frame(std::string_view events) const {
    std::string out = head_;
    bool const chunked = framing_ == Framing::chunked ||
                         (framing_ == Framing::raw && response_.head().framing == net::Framing::chunked);
    if (chunked) {
        net::append_chunk(out, events);
        out += net::last_chunk;
    } else {
        out += events;
    }
    return out;
}

/// The credit does not cover the next step: a regular end in the caller's dialect, with a reason. The piece at hand is
/// passed on if what is held still pays for it; else only its first event, which its forerunners may have begun, so that
/// the caller can parse what it has. What is not passed on is not charged.
asio::awaitable<void> StreamRelay::cut(net::Piece const& piece) {
    bool const covered = charge_.covers_progress();
    if (covered) caller_there_ = co_await send(piece, false);
    auto delivered = meter_.delivered_tokens();
    std::string tail(meter_.tail());
    std::string rest;
    if (!covered) {
        std::string text = framing_ == Framing::raw ? std::string() : payload_;
        std::size_t fed = 0;
        for (auto const data : piece.data) {
            fed += data.size();
            if (framing_ == Framing::raw) text += data;
        }
        tail.resize(tail.size() > fed ? tail.size() - fed : 0);
        rest = text.substr(0, first_event_end(text));
        tail += rest;
        metering::StreamMeter kept_back(call_.services.tokenizer, plan_.encoding, delta_extractor(ask_.surface), call_.now_ns());
        kept_back.feed(std::string_view(text).substr(rest.size()));
        delivered = std::max<std::int64_t>(0, delivered - kept_back.progress(call_.now_ns()));
    }
    dialects::Cut cut;
    cut.surface = ask_.surface;
    cut.stream_tail = tail;
    cut.model = ask_.model();
    cut.request_id = call_.request_id();
    cut.created = call_.record.time.ms / 1000;
    // Lack of credit is the caller's to mend; trouble of our own is not told as such.
    bool const for_credit = refusal_->code == Errc::insufficient_credits || refusal_->code == Errc::cap_exceeded;
    auto const events = rest + (for_credit ? dialects::cut_events(cut) : dialects::error_event(call_.dialect, *refusal_, call_.request_id()));
    look_at_the_end(); // a provider that states its input first has said what its cache held
    auto final = co_await counted(delivered);
    final.outcome = for_credit ? Outcome::credit_exhausted : Outcome::upstream_partial;
    final.error_type = for_credit ? dialects::credit_exhausted_code : errc_row(refusal_->code).code;
    co_await settle(std::move(final));
    auto const bytes = frame(events);
    if (at_chunk_boundary_) co_await call_.exchange.write(bytes);
    else call_.exchange.mark_close();
}

/// The provider broke off in the middle.
asio::awaitable<void> StreamRelay::broken(net::SendError const& failure) {
    auto const error = failure.to_error();
    offer_.target->state->failed(call_.services.config.routing, call_.now_ns());
    auto final = co_await final_usage(false);
    if (final.outcome != Outcome::upstream_error) final.outcome = Outcome::upstream_partial;
    final.error_type = errc_row(error.code).code;
    co_await settle(std::move(final));
    if (framing_ == Framing::raw && !at_chunk_boundary_) { // nothing can be said in the middle of somebody else's chunk
        call_.exchange.mark_close();
        co_return;
    }
    auto const bytes = frame(dialects::error_event(call_.dialect, error, call_.request_id()));
    co_await call_.exchange.write(bytes);
}

/// The caller is gone: waits for the provider's usage, at most drain_max, or cancels where the operator prefers that.
asio::awaitable<void> StreamRelay::drain() {
    auto const drain_until = call_.now_ns() + call_.services.config.timeouts.drain_max_ms * 1'000'000;
    auto const delivered = meter_.finish(); // what comes from here on was not delivered
    bool ended = false;
    while (!plan_.model->cancel_on_disconnect && call_.now_ns() < drain_until) {
        auto read = response_.read();
        auto const left = std::chrono::nanoseconds(drain_until - call_.now_ns());
        auto const in_time = co_await net::with_limit(left, std::move(read));
        if (!in_time || !*in_time) break;
        auto const& piece = *in_time;
        for (auto const data : piece->data) {
            meter_.feed(data);
            if (intercept_) tap_.feed(data);
        }
        ended = piece->last;
        if (ended) break;
        // The provider's whole usage will be charged, so it must be held as in a stream that is delivered. Where the
        // credit ends, the provider is cancelled.
        if (!meter_.progress_due(call_.now_ns())) continue;
        if (!prompt_) prompt_ = co_await count_prompt_async(call_.services, plan_.encoding, ask_.surface, ask_.body);
        if (!charge_.cover(prompt_->tokens, meter_.progress(call_.now_ns()))) break;
    }
    look_at_the_end();
    Charge::Final final;
    if (ended && usage_is_final(true)) {
        final.usage = billed_usage(*tap_.usage());
        final.source = UsageSource::provider;
        final.provider_cost = tap_.usage()->cost;
    } else {
        final = co_await counted(delivered);
    }
    final.outcome = Outcome::client_closed;
    co_await settle(std::move(final));
}

} // namespace tollgate::gateway
