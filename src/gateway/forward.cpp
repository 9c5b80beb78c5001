#include "gateway/forward.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <fmt/format.h>

#include "base/log.hpp"
#include "dialects/edit.hpp"
#include "gateway/relay_json.hpp"
#include "gateway/relay_stream.hpp"
#include "net/client.hpp"
#include "net/timer.hpp"
#include "providers/classify.hpp"

namespace tollgate::gateway {
namespace {

/// What one attempt came to: an answer to relay, or an error and whether another attempt may follow.
struct Attempt {
    std::optional<net::Response> response;
    std::optional<net::Piece> first; ///< of a stream: read before anything is promised to the caller
    std::optional<Error> error;
    bool retry = false;
    std::int64_t retry_after_ms = 0;
    bool rate_limited = false;
};

net::Deadlines deadlines_of(Call const& call) {
    auto const& t = call.services.config.timeouts;
    net::Deadlines d;
    d.connect = std::chrono::milliseconds(t.connect_ms);
    d.first_byte = std::chrono::milliseconds(t.first_byte_ms);
    d.idle = std::chrono::milliseconds(t.idle_ms);
    d.total = std::chrono::milliseconds(t.total_ms);
    return d;
}

bool asks_for_stream_usage(dialects::Ask const& ask) {
    return ask.stream && (ask.surface == Surface::openai_chat || ask.surface == Surface::openai_completions);
}

Attempt failed(Error error, bool retry, std::int64_t retry_after = 0) {
    Attempt attempt;
    attempt.error.emplace(std::move(error));
    attempt.retry = retry;
    attempt.retry_after_ms = retry_after;
    return attempt;
}

/// Judges the answer's head. Success and errors that are the caller's own come back with the response.
Attempt judge(Call& call, Offer const& offer, net::Response response) {
    auto const& head = response.head();
    auto const verdict = providers::classify_status(head.status);
    Attempt attempt;
    switch (verdict) {
    case providers::Verdict::success:
    case providers::Verdict::relay: {
        auto const encoding = head.find("content-encoding");
        if (encoding && !net::iequals(*encoding, "identity")) // we asked for none, and cannot meter what we cannot read
            return failed(Error(Errc::upstream_failed, "The provider answered with an encoding that was not asked for.", {},
                                std::string(*encoding)), false);
        attempt.response.emplace(std::move(response));
        return attempt;
    }
    case providers::Verdict::credential:
        call.worker.metrics.upstream_auth_failures.add();
        log::warn("a provider refused our credential", {{"provider", offer.target->provider->name},
                                                        {"status", std::to_string(head.status)},
                                                        {"request_id", std::string(call.request_id())}});
        break;
    case providers::Verdict::retry:
    case providers::Verdict::broken: break;
    }
    auto const wait = providers::retry_after_ms(head.headers, call.services.clock.now());
    // Another target may have a working credential: that is worth a try, the same target is not.
    bool const retry = verdict == providers::Verdict::retry || verdict == providers::Verdict::credential;
    attempt = failed(providers::upstream_error(head.status, offer.target->provider->name, wait), retry, wait.value_or(0));
    attempt.rate_limited = head.status == 429;
    return attempt;
}

asio::awaitable<Attempt> try_target(Call& call, Plan const& plan, dialects::Ask const& ask,
                                    Offer const& offer) {
    dialects::Edits edits(ask.body);
    dialects::set_model(edits, ask, offer.model());
    if (asks_for_stream_usage(ask)) dialects::add_include_usage(edits, ask);
    dialects::remove_usage_option(edits, ask);
    if (plan.output_limit) dialects::set_output_limit(edits, ask, offer.model(), *plan.output_limit);

    auto const* upstream_head = offer.target->provider->head(ask.surface);
    std::string head;
    head.reserve(1024);
    auto const& from = call.exchange.head();
    upstream_head->write(from.headers, from.query, static_cast<std::int64_t>(edits.size()), head);
    std::array<std::string_view, dialects::Edits::pieces_max + 1> pieces;
    std::size_t count = 0;
    pieces[count++] = head;
    edits.for_each([&](std::string_view piece) { pieces[count++] = piece; });

    if (call.upstream_sent_ns == 0) call.upstream_sent_ns = call.now_ns();
    auto const deadlines = deadlines_of(call);
    auto const request = std::span<std::string_view const>(pieces.data(), count);
    auto sent = co_await call.worker.clients.send(offer.target->provider->endpoint, request, deadlines);
    if (!sent) co_return failed(sent.error().to_error(), true);
    auto attempt = judge(call, offer, std::move(*sent));
    if (attempt.response && ask.stream && attempt.response->head().status < 300 && !attempt.response->complete()) {
        // The first bytes of a stream are waited for before the caller gets a head: until then another target can serve.
        auto first = co_await attempt.response->read();
        if (!first) co_return failed(first.error().to_error(), true);
        attempt.first = *first;
    }
    co_return attempt;
}

bool is_event_stream(net::ResponseHead const& head) {
    auto const type = head.find("content-type");
    return type && type->starts_with("text/event-stream");
}

} // namespace

asio::awaitable<void> forward(Call& call, Plan const& plan, dialects::Ask const& ask, Charge& charge) {
    auto const& routing_config = call.services.config.routing;
    auto const offers = plan.offers();
    auto const targets = static_cast<int>(offers.size());
    int const attempts_max = std::max(static_cast<int>(routing_config.attempts_max), 1);
    Error last(Errc::upstream_failed, "No provider could be reached.");
    for (int n = 0; n < attempts_max; ++n) {
        auto const& offer = offers[static_cast<std::size_t>(n % targets)];
        auto& state = *offer.target->state;
        charge.use_offer(offer);
        call.record.attempts = n + 1;
        call.worker.metrics.attempts.add();
        if (n > 0) call.worker.metrics.retries.add();
        auto const began = call.now_ns();
        auto attempt = co_await try_target(call, plan, ask, offer);
        auto const ended = call.now_ns();
        call.record.upstream_ms += (ended - began) / 1'000'000;
        if (attempt.response) {
            state.succeeded(routing_config, ended - began, ended);
            if (ask.stream && attempt.first && is_event_stream(attempt.response->head())) {
                StreamRelay relay(call, plan, ask, charge, offer, std::move(*attempt.response));
                co_await relay.run(*attempt.first);
            } else {
                auto first = attempt.first;
                co_await relay_json(call, plan, ask, charge, offer, std::move(*attempt.response), first);
            }
            co_return;
        }
        if (attempt.rate_limited) state.rate_limited(attempt.retry_after_ms * 1'000'000, ended);
        else state.failed(routing_config, ended);
        call.worker.metrics.upstream_failures.add();
        last = std::move(*attempt.error);
        log::info("upstream attempt failed", {{"request_id", std::string(call.request_id())},
                                              {"provider", offer.target->provider->name},
                                              {"message", last.message},
                                              {"detail", last.detail}});
        if (!attempt.retry || n + 1 == attempts_max) break;
        std::int64_t wait = 0;
        if ((n + 1) % targets == 0) { // every target was tried: the next round waits
            if (last.code == Errc::upstream_auth) break; // our credential does not get better by waiting
            wait = routing::retry_delay_ms(routing_config, (n + 1) / targets + 1, attempt.retry_after_ms);
        }
        if (call.elapsed_ms() + wait >= call.services.config.timeouts.deadline_ms) break;
        if (wait > 0) {
            auto const pause = std::chrono::milliseconds(wait);
            co_await net::sleep_for(pause);
        }
    }
    auto const& row = errc_row(last.code);
    Charge::Final final;
    final.outcome = Outcome::upstream_error;
    final.status = row.status;
    final.error_type = row.code;
    auto const settled = charge.settle(final);
    static_cast<void>(settled);
    co_await reply_error(call, last);
}

} // namespace tollgate::gateway
