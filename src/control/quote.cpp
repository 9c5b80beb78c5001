// POST /internal/billing/quote: what a request costs, by the same code that charges it.
#include <algorithm>

#include "control/handlers.hpp"
#include "control/quote_usage.hpp"
#include "control/reply.hpp"
#include "control/tenant.hpp"
#include "control/views.hpp"
#include "pricing/book.hpp"
#include "pricing/price_text.hpp"
#include "pricing/rate.hpp"
#include "routing/catalog.hpp"
#include "store/catalog_store.hpp"
#include "store/store.hpp"

namespace tollgate::control {
namespace json = boost::json;
namespace {

/// What is quoted: whose list price, whose cost, and the model's own multiplier.
struct Quoted {
    pricing::PricePtr list;
    pricing::PricePtr cost; ///< null: what the provider charges is not known
    PriceVersionId version;
    Multiplier multiplier;
    std::string counted_as; ///< model name that decides the tokenizer
};

Fail unset(std::string const& name) {
    return fail(Errc::model_price_unset, "there is no price for '" + name + "'; set one at /api/prices (zero is a price)");
}

Result<Quoted> by_model(Context const& context, std::string const& name, Timestamp now) {
    auto const catalog = context.catalog.get();
    auto const model = catalog->find(name);
    if (!model || model->targets.empty()) return fail(Errc::not_found, "there is no model '" + name + "'", "model");
    auto const& target = model->targets.front();
    auto const* list = model->list_price(target, now);
    if (!list || !list->price) return unset(name);
    return Quoted{list->price, target.cost.price, list->version, model->multiplier, target.provider_model};
}

Result<Quoted> by_book(Context& context, std::string const& id, Timestamp now) {
    auto const hit = context.book.find_by_provider_model_id(id);
    if (!hit) return fail(Errc::not_found, "the price book has no '" + id + "'", "provider_model_id");
    if (!hit.model->price) return unset(id);
    // The snapshot gets its permanent number now, so that the quote can be looked up and checked later.
    auto row = version_row(*hit.model->price, "book:" + hit.provider->id + "/" + hit.model->id, "book", Timestamp{0}, now);
    if (!row) return Fail(row.error());
    auto const version = context.store.catalog().put_price_version(*row);
    return Quoted{hit.model->price, hit.model->price, version, Multiplier(), hit.model->id};
}

Result<pricing::Rating> rated(pricing::Price const& price, QuoteUsage const& usage, Timestamp now, Multiplier multiplier) {
    if (!usage.units.empty()) return pricing::rate_units(price, usage.units, now, multiplier);
    return pricing::rate(price, usage.buckets, now, multiplier);
}

json::object usage_shown(QuoteUsage const& usage) {
    if (usage.units.empty()) return usage_json(usage.buckets);
    json::object out;
    for (auto const& unit : usage.units) {
        auto const key = pricing::unit(unit.unit).usage_key;
        out[json::string_view(key.data(), key.size())] = unit.quantity;
    }
    return out;
}
} // namespace

Result<Response> quote(Call& call) {
    auto const body = body_of(call);
    if (!body) return Fail(body.error());
    Fields in(*body, {"model", "provider_model_id", "usage", "messages", "max_tokens", "reported_cost", "tenant_id"});
    auto const model = in.maybe_text("model", 1, 200);
    auto const book_id = in.maybe_text("provider_model_id", 1, 200);
    auto const reported = in.maybe_money("reported_cost", Money());
    auto const tenant = in.maybe_text("tenant_id", 1, 255);
    if (in.ok() && model.has_value() == book_id.has_value())
        in.refuse(model ? "provider_model_id" : "model", "give either 'model' (a public name) or 'provider_model_id'");
    if (!in.ok()) return in.error();
    auto const now = call.context.clock.now();
    auto const quoted = model ? by_model(call.context, *model, now) : by_book(call.context, *book_id, now);
    if (!quoted) return Fail(quoted.error());
    auto const usage = read_quote_usage(call.context.tokenizer, quoted->counted_as, in);
    if (!usage) return Fail(usage.error());
    auto multiplier = quoted->multiplier;
    if (tenant) {
        auto const account = tenant_of(call.context, *tenant);
        if (!account) return Fail(account.error());
        multiplier = fold(account->multiplier, multiplier);
    }
    auto const charge = rated(*quoted->list, *usage, now, multiplier);
    if (!charge) return Fail(charge.error());
    json::object out;
    out["cost"] = nullptr;
    out["charge"] = money_json(charge->amount);
    out["price"] = stored_json(pricing::rates_json(*quoted->list, usage->buckets, now));
    out["price_version"] = id_json(quoted->version);
    out["multiplier"] = format_multiplier(multiplier);
    out["usage"] = usage_shown(*usage);
    auto const source = usage_source_name(usage->source);
    out["usage_source"] = json::string(source.data(), source.size());
    if (quoted->cost) {
        auto const cost = rated(*quoted->cost, *usage, now, Multiplier());
        if (!cost) return Fail(cost.error());
        out["cost"] = money_json(cost->amount);
        if (reported) out["difference"] = money_json(*reported - cost->amount);
    } else if (reported) {
        out["difference"] = nullptr;
    }
    return json_reply(200, out);
}

} // namespace tollgate::control
