#include "gateway/relay_json.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "dialects/cost_splice.hpp"
#include "gateway/counting.hpp"
#include "gateway/replays.hpp"
#include "gateway/response_cache.hpp"

namespace tollgate::gateway {
namespace {

/// Of an answer too large to be held back, this much is kept to find the usage in it; beyond, it is counted.
constexpr std::size_t large_copy_max = 64u << 20;

bool is_free(Surface s) { return s == Surface::anthropic_count_tokens; }

/// Answers beyond this are not tokenised: that would keep the I/O thread from everybody else.
constexpr std::size_t tokenised_max = 1u << 20;

struct Reply {
    std::int64_t tokens = 0;
    bool estimated = false;
};
/// What was delivered, counted; by size where there is too much of it, or where it is not whole and so cannot be read.
/// Never more than the request let the model write. `size` = bytes delivered, `body` = what was kept of them.
Reply count_delivered(Call& call, Plan const& plan, dialects::Ask const& ask, Quote const& quote, std::string_view body,
                      std::size_t size) {
    Reply reply;
    reply.estimated = !plan.encoding.exact;
    if (body.size() <= tokenised_max) reply.tokens = count_reply(call.services.tokenizer, plan.encoding, ask.surface, body);
    bool const unread = size > body.size() || size > tokenised_max;
    if (reply.tokens > 0 || !unread || ask.surface == Surface::openai_embeddings) return reply;
    constexpr std::size_t bytes_per_token = 4;
    reply.tokens = std::min(static_cast<std::int64_t>(size / bytes_per_token), quote.output_max);
    reply.estimated = true;
    return reply;
}

/// What an answer of the provider costs. `size` = bytes of all of it, `body` = what was kept of them.
asio::awaitable<Charge::Final> meter_answer(Call& call, Plan const& plan, dialects::Ask const& ask, Offer const& offer,
                                            Quote const& quote, int status, std::string_view body, std::size_t size) {
    Charge::Final final;
    auto const report = status < 300 ? dialects::find_usage_in_body(ask.surface, body) : std::nullopt;
    if (status >= 300) { // the provider refused the request: nothing was used
        final.outcome = Outcome::upstream_error;
        final.error_type = "provider_refused";
    } else if (is_free(ask.surface)) {
        final.source = UsageSource::none;
    } else if (report && plausible(*report, quote)) {
        final.usage = billed_usage(*report);
        final.source = UsageSource::provider;
        final.provider_cost = report->cost;
    } else {
        auto const delivered = count_delivered(call, plan, ask, quote, body, size);
        if (delivered.tokens == 0 && ask.surface != Surface::openai_embeddings) { // an error in a 200, or nothing at all
            final.outcome = Outcome::upstream_error;
            final.error_type = "empty_answer";
        } else {
            final = co_await counted_final(call, plan, ask, offer, delivered.tokens, delivered.estimated);
            final.usage.anomaly = report.has_value();
        }
    }
    final.status = status;
    co_return final;
}

asio::awaitable<void> answer_broken_upstream(Call& call, Charge& charge, net::SendError const& failure) {
    auto const error = failure.to_error();
    auto const& row = errc_row(error.code);
    Charge::Final final;
    final.outcome = Outcome::upstream_error;
    final.status = row.status;
    final.error_type = row.code;
    auto const settled = charge.settle(final);
    static_cast<void>(settled);
    co_await reply_error(call, error);
}

asio::awaitable<void> answer_whole(Call& call, Plan const& plan, dialects::Ask const& ask, Charge& charge,
                                   Offer const& offer, net::ResponseHead const& head,
                                   std::string_view body) {
    auto final = co_await meter_answer(call, plan, ask, offer, charge.quote(), head.status, body, body.size());
    final.bytes_to_send = static_cast<std::int64_t>(body.size());
    auto const cost = charge.charge_for(final.usage);
    std::string with_cost;
    if (shows_cost(ask, offer) && head.status < 300) {
        dialects::Edits edits(body);
        if (dialects::splice_cost_in_body(edits, ask.surface, body, cost)) {
            with_cost = edits.apply();
            body = with_cost;
        }
    }
    std::string lines;
    lines.reserve(512);
    append_answer_headers(lines, call, offer, head);
    net::append_header(lines, "x-tollgate-cost", format_usd(cost));
    // Kept before it is charged: a crash between the two must never let a repetition be charged again.
    call.services.replays.keep(call, head.status, lines, body);
    call.services.cache.keep(call, head.status, lines, body, cost);

    auto const settled = charge.settle(final);
    auto const durable = co_await wait_until_durable(call, settled.position);
    if (!durable) log::warn("answering before the charge is durable", {{"reason", durable.error().message}});
    net::append_header(lines, "x-tollgate-balance", format_usd(settled.balance));
    call.append_rate_headers(lines);
    if (!call.cache_key.empty()) net::append_header(lines, "x-tollgate-cache", "miss");
    co_await call.exchange.respond(head.status, lines, body);
}

/// Passes an answer on that is over the buffering limit. `body` = what was read so far.
asio::awaitable<void> answer_large(Call& call, Plan const& plan, dialects::Ask const& ask, Charge& charge,
                                   Offer const& offer, net::Response& response, std::string body) {
    auto const& head = response.head();
    bool const sized = head.framing == net::Framing::content_length;
    bool const chunked = !sized && call.exchange.accepts_chunked();
    std::string out;
    std::string lines;
    append_answer_headers(lines, call, offer, head);
    call.append_rate_headers(lines);
    call.exchange.compose_head(out, head.status, lines,
                               sized ? net::Framing::content_length : chunked ? net::Framing::chunked : net::Framing::until_close,
                               head.content_length);
    auto const append = [&](std::string_view data) {
        if (chunked) net::append_chunk(out, data);
        else out += data;
    };
    append(body);
    std::size_t size = body.size();
    bool caller_there = co_await call.exchange.write(out);
    for (bool last = false; !last;) {
        auto piece = co_await response.read();
        out.clear();
        if (!piece) { // broken in the middle: the caller sees the connection close short of the announced end
            offer.target->state->failed(call.services.config.routing, call.now_ns());
            // Never whole, so never readable as JSON: counted by its size.
            auto const delivered = count_delivered(call, plan, ask, charge.quote(), {}, size);
            Charge::Final final;
            if (head.status < 300 && !is_free(ask.surface))
                final = co_await counted_final(call, plan, ask, offer, delivered.tokens, true);
            final.outcome = head.status < 300 ? Outcome::upstream_partial : Outcome::upstream_error;
            final.status = head.status;
            final.error_type = errc_row(Errc::upstream_failed).code;
            auto const settled = charge.settle(final);
            static_cast<void>(settled);
            call.exchange.mark_close();
            co_return;
        }
        for (auto const data : piece->data) {
            append(data);
            // Without a gap: what is not kept from its beginning on cannot be read as JSON.
            if (body.size() == size && size + data.size() <= large_copy_max) body += data;
            size += data.size();
        }
        last = piece->last;
        if (last) break; // the last bytes wait for the charge
        if (caller_there) caller_there = co_await call.exchange.write(out);
    }
    auto final = co_await meter_answer(call, plan, ask, offer, charge.quote(), head.status, body, size);
    if (!caller_there && final.outcome == Outcome::success) final.outcome = Outcome::client_closed;
    auto const settled = charge.settle(final);
    auto const durable = co_await wait_until_durable(call, settled.position);
    if (!durable) log::warn("answering before the charge is durable", {{"reason", durable.error().message}});
    if (chunked) out += net::last_chunk;
    if (caller_there) co_await call.exchange.write(out);
}

} // namespace

asio::awaitable<void> relay_json(Call& call, Plan const& plan, dialects::Ask const& ask, Charge& charge,
                                 Offer const& offer, net::Response response,
                                 std::optional<net::Piece> first) {
    auto const limit = static_cast<std::size_t>(call.services.config.gateway.buffer_bytes);
    std::string body;
    while (!response.complete() || first) {
        net::Piece piece;
        if (first) {
            piece = *first;
            first.reset();
        } else {
            auto read = co_await response.read();
            if (!read) {
                offer.target->state->failed(call.services.config.routing, call.now_ns());
                co_return co_await answer_broken_upstream(call, charge, read.error());
            }
            piece = *read;
        }
        if (piece.last && body.empty() && piece.data.size() <= 1) // the usual case: all in one read, nothing copied
            co_return co_await answer_whole(call, plan, ask, charge, offer, response.head(),
                                            piece.data.empty() ? std::string_view() : piece.data[0]);
        for (auto const data : piece.data) body += data;
        if (piece.last) break;
        if (body.size() > limit) {
            co_await answer_large(call, plan, ask, charge, offer, response, std::move(body));
            co_return;
        }
    }
    co_await answer_whole(call, plan, ask, charge, offer, response.head(), body);
}

} // namespace tollgate::gateway
