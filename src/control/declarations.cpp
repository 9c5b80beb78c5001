#include "control/declarations.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "pricing/price_text.hpp"

namespace tollgate::control {
namespace json = boost::json;
namespace {
std::string text(json::value const& v) {
    auto const* s = v.if_string();
    return s ? std::string(s->data(), s->size()) : std::string();
}

json::value parse(std::string_view stored) {
    json::error_code ec;
    auto value = json::parse(json::string_view(stored.data(), stored.size()), ec);
    return ec ? json::value() : value;
}

config::Pairs pairs_of(std::string_view object_text) {
    config::Pairs out;
    auto const value = parse(object_text);
    if (auto const* object = value.if_object())
        for (auto const& member : *object) out.emplace_back(std::string(member.key()), text(member.value()));
    return out;
}

config::Strategy strategy_of(std::string_view name) {
    if (name == "weighted") return config::Strategy::weighted;
    if (name == "cheapest") return config::Strategy::cheapest;
    if (name == "fastest") return config::Strategy::fastest;
    return config::Strategy::priority;
}

std::int64_t number_or(json::object const& object, std::string_view name, std::int64_t other) {
    auto const it = object.find(json::string_view(name.data(), name.size()));
    return it != object.end() && it->value().is_int64() ? it->value().get_int64() : other;
}

Result<routing::ProviderDeclaration> provider_of(store::ProviderRow const& row, SecretBox const& box) {
    routing::ProviderDeclaration out;
    out.source = routing::Source::api;
    out.id = row.id;
    out.config.name = row.name;
    out.config.kind = row.kind;
    out.config.base_url = row.base_url;
    out.config.expose = row.expose;
    out.config.enabled = row.enabled;
    out.config.options = pairs_of(row.options_json);
    // The file has a key of its own for this; by API it is an option.
    std::erase_if(out.config.options, [&](auto const& option) {
        if (option.first != "price_provider") return false;
        out.config.price_provider = option.second;
        return true;
    });
    if (!row.sealed_api_key.empty()) {
        auto key = box.open(row.sealed_api_key);
        if (!key) return fail(key.error().code, "provider '" + row.name + "': " + key.error().message);
        out.config.api_key = Secret(std::move(*key));
    }
    return out;
}

Result<routing::ModelDeclaration> model_of(store::ModelRow const& row) {
    routing::ModelDeclaration out;
    out.source = routing::Source::api;
    out.id = row.id;
    out.config.name = row.name;
    out.config.multiplier = row.multiplier;
    out.config.strategy = strategy_of(row.strategy);
    out.config.enabled = row.enabled;
    out.config.price = pairs_of(row.price_json);
    auto const targets = parse(row.targets_json);
    if (!targets.is_array()) return fail(Errc::internal, "model '" + row.name + "': its targets cannot be read");
    for (auto const& entry : targets.get_array()) {
        auto const* object = entry.if_object();
        if (!object || !object->contains("provider") || !object->contains("model"))
            return fail(Errc::internal, "model '" + row.name + "': its targets cannot be read");
        config::TargetConfig target;
        target.provider = text(object->at("provider"));
        target.model = text(object->at("model"));
        target.priority = number_or(*object, "priority", 1);
        target.weight = number_or(*object, "weight", 1);
        out.config.targets.push_back(std::move(target));
    }
    for (auto const& scheduled : schedule_of(row)) {
        auto price = pricing::parse_price_json(scheduled.price_json);
        if (!price) return fail(price.error().code, "model '" + row.name + "': " + price.error().message);
        out.versions.push_back({scheduled.from, *price, {}});
    }
    return out;
}
} // namespace

Declarations stored_declarations(store::CatalogStore& store, SecretBox const& provider_box) {
    Declarations out;
    for (auto const& row : store.providers()) {
        auto provider = provider_of(row, provider_box);
        if (provider)
            out.providers.push_back(std::move(*provider));
        else
            out.problems.push_back(provider.error().message);
    }
    for (auto const& row : store.models()) {
        auto model = model_of(row);
        if (model)
            out.models.push_back(std::move(*model));
        else
            out.problems.push_back(model.error().message);
    }
    return out;
}

std::vector<ScheduledPrice> schedule_of(store::ModelRow const& row) {
    std::vector<ScheduledPrice> out;
    auto const options = parse(row.options_json);
    auto const* object = options.if_object();
    auto const* list = object && object->contains("prices") ? object->at("prices").if_array() : nullptr;
    if (!list) return out;
    for (auto const& entry : *list) {
        auto const* scheduled = entry.if_object();
        if (!scheduled || !scheduled->contains("price")) continue;
        out.push_back({Timestamp{number_or(*scheduled, "from_ms", 0)}, json::serialize(scheduled->at("price"))});
    }
    std::sort(out.begin(), out.end(), [](auto const& a, auto const& b) { return a.from < b.from; });
    return out;
}

void set_schedule(store::ModelRow& row, std::vector<ScheduledPrice> const& schedule) {
    auto options = parse(row.options_json);
    json::object object = options.is_object() ? std::move(options.get_object()) : json::object();
    json::array list;
    for (auto const& scheduled : schedule)
        list.push_back(json::object{{"from_ms", scheduled.from.ms}, {"price", parse(scheduled.price_json)}});
    object["prices"] = std::move(list);
    row.options_json = json::serialize(object);
}

std::string own_price_at(store::ModelRow const& row, Timestamp now) {
    auto price = row.price_json;
    for (auto const& scheduled : schedule_of(row))
        if (scheduled.from <= now) price = scheduled.price_json;
    return price;
}

void set_price_now(store::ModelRow& row, std::string price_json, Timestamp now) {
    auto schedule = schedule_of(row);
    std::erase_if(schedule, [&](ScheduledPrice const& s) { return s.from <= now; });
    set_schedule(row, schedule);
    row.price_json = std::move(price_json);
}

} // namespace tollgate::control
