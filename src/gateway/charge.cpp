#include "gateway/charge.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/log.hpp"
#include "pricing/rate.hpp"

namespace tollgate::gateway {

void Charge::use_offer(Offer const& offer) {
    offer_ = &offer;
    auto& r = call_.record;
    r.provider = offer.target->provider->name;
    r.provider_model = offer.model();
    r.price_version = offer.list->version;
    r.cost_price_version = offer.target->cost.version;
    r.multiplier = plan_.multiplier;
}

Money Charge::charge_for(Usage const& usage) const {
    RequestRecord priced;
    priced.time = call_.record.time;
    price(priced, usage);
    return priced.charge;
}

void Charge::price(RequestRecord& record, Usage const& usage) const {
    record.usage = usage;
    record.multiplier = plan_.multiplier;
    if (offer_ == nullptr) return; // nothing was sent anywhere: nothing to charge
    auto const list = pricing::rate(*offer_->list->price, usage, record.time, plan_.multiplier);
    // Counts are clamped where they are read, so rating cannot refuse them; if it does, it is a bug worth stopping for.
    TOLLGATE_CHECK(list.has_value(), "a metered usage could not be rated");
    record.charge = list->amount;
    record.lines = list->lines;
    if (!offer_->target->cost.price) return;
    auto const cost = pricing::rate(*offer_->target->cost.price, usage, record.time);
    TOLLGATE_CHECK(cost.has_value(), "a metered usage could not be rated");
    record.cost = cost->amount;
    if (cost->lines != record.lines) record.cost_lines = cost->lines;
}

Result<void> Charge::progress(std::int64_t input, std::int64_t delivered) {
    Usage usage;
    usage[Bucket::request] = 1;
    usage[Bucket::input] = input;
    usage[Bucket::output] = delivered;
    RequestRecord priced;
    priced.time = call_.record.time;
    price(priced, usage);
    Progress p;
    p.usage = usage;
    p.usage_source = UsageSource::counted;
    p.lines = std::move(priced.lines);
    p.cost_lines = std::move(priced.cost_lines);
    p.cost = priced.cost;
    p.charge = priced.charge;
    hold_.progress(std::move(p));

    // The next step must be held before it is delivered; what the hold covers beyond it needs nothing.
    auto const ahead = std::min(quote_.output_max, delivered + stream_step_tokens);
    auto const input_bound = std::max(quote_.input_bound, input);
    auto const need = dearest_ceiling(plan_, bounded_usage(ask_, input_bound, std::max(ahead, delivered)), call_.record.time);
    if (need <= hold_.amount()) return {};
    if (call_.max_cost && need > *call_.max_cost)
        return fail(Errc::cap_exceeded, "The answer would cost more than x-tollgate-max-cost allows.");
    return hold_.extend(need - hold_.amount());
}

ledger::Settled Charge::settle(Final const& final) {
    auto& record = call_.record;
    price(record, final.usage);
    record.usage_source = final.source;
    record.error_type = final.error_type;
    record.held = hold_.amount();
    if (final.provider_cost) {
        record.has_provider_reported_cost = true;
        record.provider_reported_cost = *final.provider_cost;
    }
    record.response_bytes = static_cast<std::int64_t>(call_.exchange.bytes_sent());
    call_.finish_record(final.status, final.outcome);
    call_.admission.settle_tokens(final.usage.input_total() + final.usage.output_total(), call_.now_ns());
    charged_ = record.charge;
    call_.count(record);
    auto copy = record; // the record stays readable for the answer's headers
    auto const settled = hold_.settle(std::move(copy));
    if (!settled.journaled)
        log::error("a charge could not be journaled; it is off the wallet and will be settled from the last progress",
                   {{"request_id", std::string(call_.request_id())}, {"charge", format_usd(charged_)}});
    return settled;
}

} // namespace tollgate::gateway
