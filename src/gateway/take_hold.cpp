#include "gateway/take_hold.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "gateway/counting.hpp"

namespace tollgate::gateway {
namespace {

/// A request over its own x-tollgate-max-cost is refused like one over the account's credit.
Result<ledger::Hold> try_hold(Call& call, Money amount) {
    if (call.max_cost && amount > *call.max_cost)
        return fail(Errc::cap_exceeded, fmt::format("The request could cost up to ${}, more than its x-tollgate-max-cost of ${}. "
                                                    "Lower max_tokens or raise the limit.",
                                                    format_usd(amount), format_usd(*call.max_cost)), "x-tollgate-max-cost");
    ledger::HoldRequest const request{call.record, amount, call.caller->key->caps};
    return call.services.ledger.hold(request);
}

bool about_credit(Error const& error) {
    return error.code == Errc::insufficient_credits || error.code == Errc::cap_exceeded;
}

/// What a hold could still take: the account's credit, the key's caps, the request's own limit.
Money spendable(Call const& call) {
    auto money = call.services.ledger.wallet(call.record.account_id).available();
    auto const spend = call.services.ledger.key_spend(call.record.key_id);
    auto const& caps = call.caller->key->caps;
    auto const under = [&](std::optional<Money> const& cap, Money spent) {
        if (cap) money = std::min(money, *cap - spent - spend.held);
    };
    under(caps.day, spend.day);
    under(caps.week, spend.week);
    under(caps.month, spend.month);
    under(caps.total, spend.total);
    if (call.max_cost) money = std::min(money, *call.max_cost);
    return money;
}

/// Fills the draft with what the first offer says, so that even a request that dies at once has a priced record.
void draft(Call& call, Plan const& plan) {
    auto const& offer = plan.offers().front();
    call.record.provider = offer.target->provider->name;
    call.record.provider_model = offer.model();
    call.record.price_version = offer.list->version;
    call.record.cost_price_version = offer.target->cost.version;
    call.record.multiplier = plan.multiplier;
}

/// Lowers the answer to `per_choice` tokens, in the quote and in the forwarded request.
void limit_output(Plan& plan, dialects::Ask const& ask, Quote& quote, std::int64_t per_choice, Timestamp at) {
    plan.output_limit = per_choice;
    quote.output_max = std::min(quote.output_max, per_choice * ask.choices + ask.extra_output_tokens);
    quote.amount = dearest_ceiling(plan, bounded_usage(ask, quote, quote.output_max), at);
}

} // namespace

std::int64_t rate_estimate(Quote const& quote) noexcept {
    // Bytes bound tokens from above by a factor of about four; an estimate is what a rate needs, not a bound.
    return quote.input_bound / 4 + quote.media_bound + std::min(quote.output_max, stream_step_tokens);
}

asio::awaitable<Result<Held>> take_hold(Call& call, Plan& plan, dialects::Ask const& ask, Quote quote) {
    draft(call, plan);
    auto const at = call.record.time;
    auto const default_max = call.services.config.gateway.default_max_tokens;
    if (ask.surface == Surface::anthropic_count_tokens) quote.amount = Money(); // counting is free

    // Nobody named a maximum: the model's own limit is held where the credit covers it comfortably. Otherwise the answer
    // is limited to the operator's default, so that the ceiling stays one and parallel calls find credit too.
    bool const may_limit = !quote.output_named && !quote.stepwise && quote.output_max > 0;
    if (may_limit && spendable(call) - quote.amount < quote.amount) limit_output(plan, ask, quote, default_max, at);
    auto hold = try_hold(call, quote.amount);
    if (hold) co_return Held{std::move(*hold), quote};
    if (!about_credit(hold.error())) co_return Fail(hold.error());

    // The bound by size did not fit. Counted, the prompt is usually a quarter of it.
    auto const counted = co_await count_prompt_async(call.services, plan.encoding, ask.surface, ask.body);
    if (counted.estimated && plan.encoding.exact && !ask.has_tools) co_return Fail(hold.error()); // no count was to be had
    quote = make_counted_quote(plan, ask, default_max, counted.tokens, at);
    if (may_limit) limit_output(plan, ask, quote, default_max, at);
    auto counted_hold = try_hold(call, quote.amount);
    if (counted_hold) co_return Held{std::move(*counted_hold), quote};
    if (!about_credit(counted_hold.error()) || !may_limit) co_return Fail(counted_hold.error());

    // The input fits, the default does not: as much as is affordable.
    auto const affordable = affordable_output(plan, ask, quote, spendable(call), at);
    if (!affordable) co_return Fail(counted_hold.error());
    limit_output(plan, ask, quote, *affordable, at);
    auto lowered_hold = try_hold(call, quote.amount);
    if (!lowered_hold) co_return Fail(lowered_hold.error());
    co_return Held{std::move(*lowered_hold), quote};
}

asio::awaitable<void> refuse_held(Call& call, Charge& charge, Error error) {
    auto const& row = errc_row(error.code);
    Charge::Final final;
    final.outcome = Outcome::refused;
    final.status = row.status;
    final.error_type = row.code;
    auto const settled = charge.settle(final);
    static_cast<void>(settled);
    co_await reply_error(call, error);
}

} // namespace tollgate::gateway
