#include "gateway/charge.hpp"

#include <algorithm>
#include <limits>

#include "base/log.hpp"
#include "pricing/rate.hpp"
#include "pricing/units.hpp"

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

/// Counts so absurd that their price fits no amount: a provider that lies must neither stop the gateway nor bill a
/// fortune. What was held is charged, as one term, and the record is flagged.
void Charge::charge_what_is_held(RequestRecord& record) const {
    log::error("a provider reported a usage that cannot be priced", {{"request_id", std::string(call_.request_id())}});
    auto const held = std::min(hold_.amount(), Money::from_nanos(std::numeric_limits<std::int64_t>::max() / 1000));
    record.usage.anomaly = true;
    record.charge = held;
    record.cost = held;
    record.lines = {PriceLine{static_cast<std::uint8_t>(pricing::UnitId::requests), 1, held.nanos() * 1000, 1}};
    record.cost_lines.clear();
    record.multiplier = Multiplier();
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
    auto list = pricing::rate(*offer_->list->price, usage, record.time, plan_.multiplier);
    if (!list) return charge_what_is_held(record);
    record.charge = list->amount;
    record.lines = std::move(list->lines);
    if (!offer_->target->cost.price) return;
    auto const cost = pricing::rate(*offer_->target->cost.price, usage, record.time);
    if (!cost) return charge_what_is_held(record);
    record.cost = cost->amount;
    if (cost->lines == record.lines) return;
    record.cost_lines = cost->lines;
    // No lines would mean "the same as the charge's": a cost of nothing is said as a term of nothing.
    if (cost->lines.empty()) record.cost_lines = {PriceLine{static_cast<std::uint8_t>(pricing::UnitId::requests), 0, 0, 1}};
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
    progress_charge_ = priced.charge;
    hold_.progress(std::move(p));

    return cover(input, delivered);
}

Result<void> Charge::cover(std::int64_t input, std::int64_t output) {
    // The next step must be held before it is delivered; what the hold covers beyond it needs nothing.
    auto const ahead = std::max(output, std::min(quote_.output_max, output + stream_step_tokens));
    auto quote = quote_;
    quote.input_bound = std::max(quote.input_bound, input);
    auto const need = dearest_ceiling(plan_, bounded_usage(ask_, quote, ahead), call_.record.time);
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
    record.response_bytes = static_cast<std::int64_t>(call_.exchange.bytes_sent()) + final.bytes_to_send;
    auto const now = call_.now_ns();
    call_.finish_record(final.status, final.outcome, now);
    if (record.first_byte_ms == 0) record.first_byte_ms = std::max<std::int64_t>(1, record.latency_ms);
    call_.admission.settle_tokens(final.usage.input_total() + final.usage.output_total(), now);
    charged_ = record.charge;
    call_.count(record);
    auto const settled = hold_.settle(record);
    if (!settled.journaled)
        log::error("a charge could not be journaled; it is off the wallet and will be settled from the last progress",
                   {{"request_id", std::string(call_.request_id())}, {"charge", format_usd(charged_)}});
    return settled;
}

} // namespace tollgate::gateway
