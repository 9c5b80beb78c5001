#include "gateway/plan.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "identity/authenticate.hpp"

namespace tollgate::gateway {
namespace {

/// Whether every eligible target's list price names the unit by which a priced field is billed.
bool price_covers(Plan const& plan, Bucket bucket) {
    if (bucket != Bucket::web_search) return false;
    return std::all_of(plan.offers().begin(), plan.offers().end(), [](Offer const& offer) {
        auto const& variants = offer.list->price->spec().variants;
        return std::all_of(variants.begin(), variants.end(), [](pricing::PriceVariant const& variant) {
            return std::any_of(variant.units.begin(), variant.units.end(), [](pricing::UnitPrice const& unit) {
                return unit.unit == pricing::UnitId::web_searches;
            });
        });
    });
}

/// A field that changes what the provider charges is only let through when the price covers it or the operator
/// allows it: else the ceiling would not be one.
Result<void> check_priced_fields(Plan const& plan, dialects::Ask const& ask) {
    for (auto const field : ask.priced_fields) {
        if (plan.model->allows_field(field)) continue;
        auto const bucket = dialects::covering_bucket(ask.surface, field);
        if (bucket && price_covers(plan, *bucket)) continue;
        return fail(Errc::invalid_request,
                    fmt::format("'{}' changes what the provider charges and is not allowed for the model '{}'. Leave it "
                                "out, or ask the operator to allow it for this model.",
                                field, plan.model->name),
                    std::string(field));
    }
    return {};
}

} // namespace

Result<Plan> make_plan(Call& call, dialects::Ask const& ask) {
    auto const name = ask.model();
    auto model = call.catalog->find(name);
    if (!model)
        return fail(Errc::not_found,
                    fmt::format("The model '{}' does not exist here. GET /v1/models lists the models you can call.", name),
                    "model");
    if (auto const allowed = identity::may_use_model(*call.caller->key, name); !allowed) return Fail(allowed.error());

    auto const candidates = routing::choose(*model, ask.surface, call.record.time, call.now_ns());
    if (!candidates) return Fail(candidates.error());
    Plan plan;
    for (auto const* target : *candidates) {
        auto const* list = model->list_price(*target, call.record.time);
        if (list == nullptr || !list->price) continue;
        plan.candidates[plan.count++] = Offer{target, list};
    }
    plan.model = std::move(model);
    if (plan.count == 0)
        return fail(Errc::model_price_unset, fmt::format("The model '{}' has no price yet, and no price is not free. Ask the "
                                                         "operator to set one.", name), "model");
    plan.multiplier = fold(call.caller->account->multiplier, plan.model->multiplier);
    plan.encoding = metering::encoding_for_model(plan.candidates[0].model());
    if (auto const fields = check_priced_fields(plan, ask); !fields) return Fail(fields.error());
    return plan;
}

} // namespace tollgate::gateway
