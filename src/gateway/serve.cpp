// The whole paid request, in order. Start reading here.
#include "gateway/serve.hpp"

#include <boost/system/system_error.hpp>
#include <fmt/format.h>
#include <exception>
#include <memory>

#include "base/log.hpp"
#include "dialects/ask.hpp"
#include "gateway/answer.hpp"
#include "gateway/call.hpp"
#include "gateway/charge.hpp"
#include "gateway/endpoint.hpp"
#include "gateway/forward.hpp"
#include "gateway/models.hpp"
#include "gateway/plan.hpp"
#include "gateway/repeat.hpp"
#include "gateway/take_hold.hpp"
#include "identity/authenticate.hpp"
#include "identity/presented_key.hpp"

namespace tollgate::gateway {
namespace {

/// Whose key it is. From here on the request has a record.
Result<void> authenticate(Call& call) {
    identity::PresentedKey presented;
    for (auto const& header : call.exchange.head().headers) presented.see_header(header.name, header.value);
    auto const key = presented.get();
    if (!key) return Fail(key.error());
    auto caller = identity::authenticate(call.worker.directory.current(), call.services.hasher, *key,
                                         call.address, call.record.time);
    if (!caller) return Fail(caller.error());
    call.caller = std::move(*caller);
    auto const& k = *call.caller->key;
    auto& r = call.record;
    r.key_id = k.id;
    r.key_name = k.name;
    r.account_id = k.account_id;
    r.team_id = k.team_id;
    r.user_id = k.user_id;
    r.tags = k.tags;
    call.services.activity.touch(k.id, r.time);
    return identity::may_use_surface(k, r.surface);
}

/// Rates of key, account and model, the request's tokens included.
Result<void> admit(Call& call, Plan const& plan, Quote const& quote) {
    auto& limiter = call.services.limiter;
    auto const& key = *call.caller->key;
    auto const& defaults = call.services.config.limits.key;
    auto limits = key.limits;
    if (limits.rpm == 0) limits.rpm = defaults.rpm;
    if (limits.tpm == 0) limits.tpm = defaults.tpm;
    if (limits.concurrency == 0) limits.concurrency = defaults.concurrency;
    limits::Scope const of_key{&limiter.key(key.id), limits, "API key"};
    limits::Scope const of_account{&limiter.account(key.account_id), call.caller->account->limits, "account"};
    limits::Scope const of_model{&limiter.model(plan.model->limit_number), plan.model->limits, "model"};
    auto admission = limiter.admit({of_key, of_account, of_model}, rate_estimate(quote), call.now_ns());
    if (!admission) {
        call.refused_rates = limits::Limiter::status({of_key, of_account, of_model}, call.now_ns());
        return Fail(admission.error());
    }
    call.admission = std::move(*admission);
    return {};
}

Result<void> read_options(Call& call) {
    if (auto const text = call.exchange.head().find("x-tollgate-max-cost")) {
        auto const cost = parse_usd(*text);
        if (!cost || cost->is_negative())
            return fail(Errc::invalid_request, "x-tollgate-max-cost must be an amount in USD such as 0.05.", "x-tollgate-max-cost");
        call.max_cost = *cost;
    }
    return {};
}

} // namespace

asio::awaitable<void> serve(Worker& worker, net::Exchange& exchange) {
    auto const& head = exchange.head();
    auto const endpoint = find_endpoint(head);
    if (!endpoint && worker.services.serves_elsewhere(head.method, head.path))
        co_return co_await worker.services.elsewhere(exchange);

    Call call(worker, exchange);
    call.dialect = endpoint ? dialect_of(endpoint->surface) : guess_dialect(head);
    if (!endpoint) co_return co_await refuse(call, endpoint.error());
    call.record.surface = endpoint->surface;
    call.catalog = worker.catalog.hold();

    // authenticate
    auto const directory = worker.directory.hold();
    if (auto const known = authenticate(call); !known) co_return co_await refuse(call, known.error());
    if (endpoint->surface == Surface::openai_models || endpoint->surface == Surface::anthropic_models)
        co_return co_await answer_models(call, endpoint->model_id);
    if (auto const options = read_options(call); !options) co_return co_await refuse(call, options.error());

    // understand: what is asked, and for how much at most
    auto const body_max = static_cast<std::size_t>(worker.services.config.gateway.max_body_bytes);
    auto const body = co_await exchange.read_body(body_max);
    if (!body) co_return co_await refuse(call, body.error());
    call.record.request_bytes = static_cast<std::int64_t>(body->size());
    // A body may take its time: a key that was revoked meanwhile is not honoured.
    if (worker.directory.hold() != directory)
        if (auto const known = authenticate(call); !known) co_return co_await refuse(call, known.error());
    auto const ask = dialects::understand(endpoint->surface, *body);
    if (!ask) co_return co_await refuse(call, ask.error());
    call.record.model = ask->model();
    call.record.user = ask->user().substr(0, 256);

    // choose: where it can be served, at which price
    auto plan = make_plan(call, *ask);
    if (!plan) co_return co_await refuse(call, plan.error());

    // quote: the ceiling; admit: rates and concurrency, with the ceiling's tokens as the estimate
    auto const quote = make_quote(*plan, *ask, worker.services.config.gateway.default_max_tokens, call.record.time);
    if (auto const admitted = admit(call, *plan, quote); !admitted) co_return co_await refuse(call, admitted.error());

    // a repetition is answered with the first answer, before anything is held
    auto const repeated = co_await answer_repeated(call, *ask);
    if (repeated) co_return;

    // hold: from here on exactly one terminal record comes of it, whatever happens
    auto held = co_await take_hold(call, *plan, *ask, quote);
    if (!held) co_return co_await refuse(call, held.error());
    Charge charge(call, *plan, *ask, held->quote, std::move(held->hold));
    if (auto const durable = co_await wait_until_durable(call, charge.hold().position()); !durable)
        co_return co_await refuse_held(call, charge, durable.error());

    // forward, meter, settle, record
    co_await forward(call, *plan, *ask, charge);
}

/// A bug behind a request is answered in the caller's dialect, and its details are in the log only.
asio::awaitable<void> serve_or_apologise(Worker& worker, net::Exchange& exchange) {
    std::string what;
    try {
        co_await serve(worker, exchange);
        co_return;
    } catch (boost::system::system_error const&) {
        throw; // the server is stopping, or the caller is gone: net/ closes the connection
    } catch (std::exception const& bug) {
        what = bug.what();
    }
    log::error("a request failed with an exception", {{"path", std::string(exchange.head().path)}, {"what", what}});
    if (exchange.bytes_sent() > 0) {
        exchange.mark_close();
        co_return;
    }
    Call call(worker, exchange);
    call.dialect = guess_dialect(exchange.head());
    Error const error(Errc::internal, "Something went wrong here. It is not your request's fault; try again.");
    co_await reply_error(call, error);
}

net::Handler make_handler(Services& services, net::ThreadContext thread) {
    // shared_ptr because std::function copies its target; all copies are on one thread and share one worker.
    auto worker = std::make_shared<Worker>(services, thread);
    return [worker](net::Exchange& exchange) { return serve_or_apologise(*worker, exchange); };
}

} // namespace tollgate::gateway
