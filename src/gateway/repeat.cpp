#include "gateway/repeat.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/digest.hpp"
#include "gateway/answer.hpp"
#include "gateway/replays.hpp"
#include "gateway/response_cache.hpp"
#include "pricing/units.hpp"

namespace tollgate::gateway {
namespace {

constexpr std::size_t idempotency_key_max = 255;

bool wants_cache(Call const& call) {
    auto const asked = call.exchange.head().find("x-tollgate-cache");
    if (asked) return net::iequals(*asked, "on") || net::iequals(*asked, "true");
    auto const& tags = call.caller->key->tags;
    return std::find(tags.begin(), tags.end(), "cache") != tags.end();
}

asio::awaitable<bool> answer_replay(Call& call, dialects::Ask const& ask, std::string_view key) {
    auto& replays = call.services.replays;
    auto const hash = sha256(fmt::format("{}\n{}\n{}", call.record.method, call.record.path, ask.body));
    auto const begun = replays.begin(call.record.key_id, key, hash, call.record.time);
    switch (begun.state) {
    case Replays::State::fresh: call.replay_key = key; co_return false;
    case Replays::State::mismatch: {
        Error error(Errc::unprocessable, "This Idempotency-Key was used with another request body. Use a new key for a new request.",
                    "Idempotency-Key");
        co_await refuse(call, std::move(error));
        co_return true;
    }
    case Replays::State::in_flight: {
        Error error(Errc::conflict, "A request with this Idempotency-Key is still in progress. Ask again when it has ended.",
                    "Idempotency-Key");
        error.retry_after_s = 1;
        co_await refuse(call, std::move(error));
        co_return true;
    }
    case Replays::State::replay: break;
    }
    if (!begun.reply) {
        Error error(Errc::unavailable, "The kept answer cannot be read; use a new Idempotency-Key.");
        co_await refuse(call, std::move(error));
        co_return true;
    }
    auto lines = begun.reply->lines;
    net::append_header(lines, "x-tollgate-replay", "true");
    co_await call.exchange.respond(begun.reply->status, lines, begun.reply->body);
    co_return true;
}

asio::awaitable<bool> answer_cached(Call& call, dialects::Ask const& ask) {
    auto const& headers = call.exchange.head().headers;
    auto const beta = headers.find("anthropic-beta").value_or(headers.find("openai-beta").value_or(std::string_view()));
    auto const where = sha256(fmt::format("{}\n{}\n{}\n{}\n{}", call.record.account_id.value, call.record.path,
                                          call.exchange.head().query, beta, ask.body));
    auto const hit = call.services.cache.find(where, call.record.time);
    if (!hit) {
        call.cache_key = where;
        co_return false;
    }
    // A record of its own: when it cannot be charged, the call is refused with a record that costs nothing.
    auto r = call.record;
    r.cached = true;
    auto const factor = call.services.cache.fraction();
    r.charge = Money::from_nanos(divide_half_even(static_cast<__int128>(hit->charge.nanos()) * factor.ppb(), 1'000'000'000));
    if (!r.charge.is_zero()) { // the charge's one term: so much of a cached answer at the first answer's price
        r.lines = {PriceLine{static_cast<std::uint8_t>(pricing::UnitId::requests), 1, r.charge.nanos() * 1000, 1}};
        r.multiplier = Multiplier();
    }
    r.status = hit->reply.status;
    r.outcome = Outcome::cached;
    r.latency_ms = call.elapsed_ms();
    r.first_byte_ms = std::max<std::int64_t>(1, r.latency_ms);
    r.response_bytes = static_cast<std::int64_t>(hit->reply.body.size());
    auto const cost = r.charge;
    call.count(r);
    auto const charged = call.services.ledger.charge_now(std::move(r), call.caller->key->caps);
    if (!charged) {
        co_await refuse(call, charged.error());
        co_return true;
    }
    std::string lines;
    net::append_header(lines, "content-type", "application/json");
    call.append_common_headers(lines);
    append_money_headers(lines, cost, charged->balance);
    net::append_header(lines, "x-tollgate-cache", "hit");
    co_await call.exchange.respond(hit->reply.status, lines, hit->reply.body);
    co_return true;
}

} // namespace

asio::awaitable<bool> answer_repeated(Call& call, dialects::Ask const& ask) {
    if (ask.stream) co_return false;
    if (auto const key = call.exchange.head().find("idempotency-key")) {
        if (key->empty() || key->size() > idempotency_key_max) {
            Error error(Errc::invalid_request, "An Idempotency-Key has 1 to 255 characters.", "Idempotency-Key");
            co_await refuse(call, std::move(error));
            co_return true;
        }
        co_return co_await answer_replay(call, ask, *key);
    }
    if (wants_cache(call)) co_return co_await answer_cached(call, ask);
    co_return false;
}

} // namespace tollgate::gateway
