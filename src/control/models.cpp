// /api/models: public names and the targets behind them.
#include <algorithm>
#include <array>

#include "config/config.hpp"
#include "control/catalog_ids.hpp"
#include "control/catalog_write.hpp"
#include "control/declarations.hpp"
#include "control/handlers.hpp"
#include "control/reply.hpp"
#include "pricing/price_text.hpp"
#include "routing/catalog.hpp"
#include "store/catalog_store.hpp"
#include "store/store.hpp"

namespace tollgate::control {
namespace json = boost::json;
namespace {
constexpr std::array<std::string_view, 4> strategies{"priority", "weighted", "cheapest", "fastest"};
constexpr std::size_t targets_max = 50;

std::string_view strategy_text(config::Strategy strategy) { return strategies[static_cast<std::size_t>(strategy)]; }

json::object target_json(std::string_view provider, std::string_view model, std::int64_t priority, std::int64_t weight) {
    json::object out;
    out["provider"] = json::string(provider.data(), provider.size());
    out["model"] = json::string(model.data(), model.size());
    out["priority"] = priority;
    out["weight"] = weight;
    return out;
}

using ModelPtr = std::shared_ptr<routing::Model const>;

/// effective_price and price_version: what a call at the first target is charged now, before multipliers.
void add_effective(json::object& out, routing::Model const* model, Timestamp now) {
    out["effective_price"] = nullptr;
    out["price_version"] = nullptr;
    if (!model || model->targets.empty()) return;
    auto const* entry = model->list_price(model->targets.front(), now);
    if (!entry || !entry->price) return;
    out["effective_price"] = stored_json(pricing::rates_json(*entry->price, Usage(), now));
    out["price_version"] = id_json(entry->version);
}

json::object row_json(store::ModelRow const& row, routing::Model const* model, Timestamp now) {
    json::object out;
    out["id"] = format_id(row.id);
    out["name"] = row.name;
    out["targets"] = stored_json(row.targets_json);
    out["price"] = stored_json(own_price_at(row, now));
    out["multiplier"] = format_multiplier(row.multiplier);
    out["strategy"] = row.strategy;
    out["enabled"] = row.enabled;
    out["source"] = "api";
    add_effective(out, model, now);
    out["created_at"] = time_json(row.created_at);
    return out;
}

/// A model without a row: of the file, built in, or offered by a provider.
json::object catalog_json(routing::Model const& model, Timestamp now) {
    json::object out;
    json::array targets;
    for (auto const& target : model.targets)
        targets.push_back(target_json(target.provider->name, target.provider_model, target.priority, target.weight));
    auto const* own = model.own_price.at(now);
    out["id"] = derived_id(ModelTag::prefix, model.name);
    out["name"] = model.name;
    out["targets"] = std::move(targets);
    out["price"] = own && own->price ? stored_json(pricing::rates_json(*own->price, Usage(), now)) : json::value(nullptr);
    out["multiplier"] = format_multiplier(model.multiplier);
    auto const strategy = strategy_text(model.strategy);
    out["strategy"] = json::string(strategy.data(), strategy.size());
    out["enabled"] = model.enabled;
    auto const source = model.source == routing::Source::builtin ? "file" : routing::source_name(model.source);
    out["source"] = json::string(source.data(), source.size());
    add_effective(out, &model, now);
    out["created_at"] = nullptr;
    return out;
}

routing::Model const* named(routing::Catalog const& catalog, std::string_view name) {
    auto const models = catalog.models();
    auto const it = std::find_if(models.begin(), models.end(), [&](ModelPtr const& m) { return m->name == name; });
    return it == models.end() ? nullptr : it->get();
}

json::array read_targets(Context const& context, Fields& in) {
    json::array out;
    auto const* list = in.maybe_array("targets");
    if (!list) {
        if (in.is_null("targets")) in.refuse("targets", "'targets' must not be null");
        return out;
    }
    if (list->empty() || list->size() > targets_max) in.refuse("targets", "'targets' must have 1 to 50 entries");
    auto const catalog = context.catalog.get();
    for (std::size_t i = 0; i < list->size() && in.ok(); ++i) {
        auto const prefix = "targets[" + std::to_string(i) + "].";
        auto const* object = (*list)[i].if_object();
        if (!object) {
            in.refuse("targets", "'targets' must contain objects such as {\"provider\":\"openai\",\"model\":\"gpt-4o\"}");
            break;
        }
        Fields target(*object, {"provider", "model", "priority", "weight"}, prefix);
        auto const provider = target.text("provider", 1, 100);
        auto const model = target.text("model", 1, 200);
        auto const priority = target.maybe_integer("priority", 1, 1000).value_or(1);
        auto const weight = target.maybe_integer("weight", 0, 1'000'000).value_or(1);
        if (target.ok() && !catalog->provider(provider)) {
            std::vector<std::string_view> names;
            for (auto const& p : catalog->providers()) names.push_back(p->name);
            target.refuse("provider", unknown_name_message("provider", provider, names));
        }
        in.absorb(target);
        out.push_back(target_json(provider, model, priority, weight));
    }
    return out;
}

/// Fills `row` with what the body has; the same for POST and PATCH.
void read_model(Context const& context, Fields& in, store::ModelRow& row) {
    if (auto v = in.maybe_text("name", 1, 200)) row.name = *v;
    if (in.has("targets")) {
        auto const targets = read_targets(context, in);
        if (in.ok()) row.targets_json = json::serialize(targets);
    }
    if (in.is_null("price"))
        set_price_now(row, "", context.clock.now());
    else if (auto const* price = in.maybe_object("price")) {
        auto text = json::serialize(*price);
        if (auto parsed = pricing::parse_price_json(text); !parsed)
            in.refuse(parsed.error().param.empty() ? "price" : parsed.error().param, parsed.error().message);
        set_price_now(row, std::move(text), context.clock.now());
    }
    if (auto v = in.maybe_multiplier("multiplier")) row.multiplier = *v;
    if (auto v = in.maybe_choice("strategy", strategies)) row.strategy = *v;
    if (auto v = in.maybe_flag("enabled")) row.enabled = *v;
}

Fail read_only(routing::Model const& model) {
    if (model.source == routing::Source::expose)
        return fail(Errc::conflict, "model '" + model.name + "' is offered by its provider's 'expose' list and is "
                                    "read-only; change that list, or make a model of this name");
    return fail(Errc::conflict, "model '" + model.name + "' is declared in the configuration file (or built in) and is "
                                "read-only here; change it there");
}
} // namespace

std::string model_with_target(Context const& context, std::string const& provider) {
    auto const catalog = context.catalog.get();
    for (auto const& model : catalog->models())
        if (model->source == routing::Source::file)
            for (auto const& target : model->targets)
                if (target.provider->name == provider) return model->name;
    // The catalog leaves out targets of disabled providers; the file of the start tells those of models still in force.
    for (auto const& model : context.config.models)
        for (auto const& target : model.targets)
            if (target.provider == provider && named(*catalog, model.name)) return model.name;
    for (auto const& row : context.store.catalog().models()) {
        auto const targets = stored_json(row.targets_json);
        if (!targets.is_array()) continue;
        for (auto const& target : targets.get_array())
            if (target.is_object() && target.get_object().contains("provider") &&
                target.get_object().at("provider") == json::string(provider))
                return row.name;
    }
    return {};
}

/// The stored row behind an id or a name. Errors: not_found; conflict for a model that has no row.
Result<store::ModelRow> stored_model(Context const& context, std::string const& text) {
    auto const id = parse_id<ModelTag>(text);
    auto const rows = context.store.catalog().models();
    for (auto const& row : rows)
        if (id && row.id == *id) return row;
    auto const name = name_of_derived_id(ModelTag::prefix, text).value_or(text);
    for (auto const& row : rows)
        if (row.name == name) return row;
    if (auto const* model = named(*context.catalog.get(), name)) return read_only(*model);
    return fail(Errc::not_found, "there is no model '" + text.substr(0, 200) + "'");
}

Result<Response> list_models(Call& call) {
    auto const query = Query::parse(call.request.query, {"limit", "cursor", "q"});
    if (!query) return Fail(query.error());
    auto const page = page_of(*query);
    if (!page) return Fail(page.error());
    auto const now = call.context.clock.now();
    auto const catalog = call.context.catalog.get();
    std::vector<json::object> all;
    auto const rows = call.context.store.catalog().models();
    for (auto const& row : rows) all.push_back(row_json(row, named(*catalog, row.name), now));
    for (auto const& model : catalog->models()) {
        auto const has_row = std::any_of(rows.begin(), rows.end(), [&](auto const& r) { return r.name == model->name; });
        if (!has_row) all.push_back(catalog_json(*model, now));
    }
    std::sort(all.begin(), all.end(), [](json::object const& a, json::object const& b) {
        return a.at("name").get_string() < b.at("name").get_string();
    });
    return list_of(std::move(all), *page, query->text("q"));
}

Result<Response> create_model(Call& call) {
    auto const body = body_of(call);
    if (!body) return Fail(body.error());
    Fields in(*body, {"name", "targets", "price", "multiplier", "strategy", "enabled"});
    store::ModelRow row;
    row.strategy = "priority";
    in.text("name", 1, 200);
    if (!in.has("targets")) in.refuse("targets", "'targets' is missing: at which providers the model lives");
    read_model(call.context, in, row);
    if (!in.ok()) return in.error();
    auto const in_force = call.context.catalog.get();
    for (auto const& model : in_force->models())
        if (model->name == row.name && model->source == routing::Source::file)
            return fail(Errc::conflict, "the configuration file declares a model '" + row.name + "' already", "name");
    row.created_at = call.context.clock.now();
    auto& store = call.context.store.catalog();
    auto const made = store.create_model(row);
    if (!made) return Fail(made.error());
    auto const undo = [&] { (void)store.remove_model(made->id); };
    if (auto ok = publish_catalog(call.context, "model '" + row.name + "'", undo); !ok) return Fail(ok.error());
    auto const catalog = call.context.catalog.get();
    auto const shown = row_json(*made, named(*catalog, made->name), call.context.clock.now());
    call.audit("model.create", format_id(made->id), nullptr, &shown);
    return json_reply(201, shown);
}

Result<Response> get_model(Call& call) {
    if (auto ok = no_query(call); !ok) return Fail(ok.error());
    auto const now = call.context.clock.now();
    auto const catalog = call.context.catalog.get();
    auto const& text = call.params.at(0);
    auto const row = stored_model(call.context, text);
    if (row) return json_reply(200, row_json(*row, named(*catalog, row->name), now));
    if (row.error().code != Errc::conflict) return Fail(row.error());
    auto const name = name_of_derived_id(ModelTag::prefix, text).value_or(text);
    auto const* model = named(*catalog, name);
    if (!model) return Fail(row.error());
    return json_reply(200, catalog_json(*model, now));
}

Result<Response> update_model(Call& call) {
    auto const old = stored_model(call.context, call.params.at(0));
    if (!old) return Fail(old.error());
    auto const body = body_of(call);
    if (!body) return Fail(body.error());
    auto row = *old;
    Fields in(*body, {"name", "targets", "price", "multiplier", "strategy", "enabled"});
    read_model(call.context, in, row);
    if (!in.ok()) return in.error();
    auto const now = call.context.clock.now();
    auto const before_catalog = call.context.catalog.get();
    auto const before = row_json(*old, named(*before_catalog, old->name), now);
    auto& store = call.context.store.catalog();
    if (auto done = store.update_model(row); !done) return Fail(done.error());
    auto const undo = [&] { (void)store.update_model(*old); };
    if (auto ok = publish_catalog(call.context, "model '" + row.name + "'", undo); !ok) return Fail(ok.error());
    auto const catalog = call.context.catalog.get();
    auto const after = row_json(row, named(*catalog, row.name), now);
    call.audit("model.update", format_id(row.id), &before, &after);
    return json_reply(200, after);
}

Result<Response> delete_model(Call& call) {
    auto const row = stored_model(call.context, call.params.at(0));
    if (!row) return Fail(row.error());
    auto const catalog = call.context.catalog.get();
    auto const before = row_json(*row, named(*catalog, row->name), call.context.clock.now());
    if (auto done = call.context.store.catalog().remove_model(row->id); !done) return Fail(done.error());
    call.audit("model.delete", format_id(row->id), &before, nullptr);
    if (auto published = call.context.republish_catalog(); !published) return Fail(published.error());
    return no_content();
}

} // namespace tollgate::control
