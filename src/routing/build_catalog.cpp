#include "routing/build_catalog.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "base/check.hpp"
#include "base/nearest.hpp"
#include "pricing/price_text.hpp"
#include "pricing/rate.hpp"
#include "routing/catalog_parts.hpp"
#include "routing/make_provider.hpp"
#include "types/pattern.hpp"

namespace tollgate::routing {
namespace {

constexpr Money unknown_cost = Money::from_nanos(std::numeric_limits<std::int64_t>::max());
constexpr std::string_view demo_name = "demo";

struct DemoModel {
    std::string_view name;
    std::string_view input, output; ///< USD per million tokens; output empty = none
};
constexpr DemoModel demo_models[] = {
    {"demo/echo", "0.10", "0.40"}, {"demo/stream", "0.10", "0.40"}, {"demo/embed", "0.02", ""}};

bool exposes(Provider const& provider, std::string_view model) {
    return std::any_of(provider.expose.begin(), provider.expose.end(),
                       [&](auto const& pattern) { return matches_pattern(pattern, model); });
}

/// What the price book says about a provider's model.
struct Listing {
    pricing::PricePtr price;
    std::int64_t context_window = 0;
    std::string scope;    ///< of the price's stored version
    std::string state_id; ///< the book's id of the model
};

} // namespace

/// One catalog in the making.
class CatalogBuilder {
public:
    explicit CatalogBuilder(CatalogInput input) : input_(std::move(input)), catalog_(std::make_shared<Catalog>()) {
        TOLLGATE_CHECK(input_.book && input_.states, "a catalog needs a price book and target states");
    }
    std::shared_ptr<Catalog const> build(StorePrices const& store_prices) {
        // The file before the API: what is under version control wins over what was clicked together.
        for (auto const source : {Source::file, Source::api})
            for (auto const& declaration : input_.providers)
                if (declaration.source == source) add_provider(declaration);
        if (!input_.demo_base_url.empty()) add_demo();
        for (auto const source : {Source::file, Source::api})
            for (auto const& declaration : input_.models)
                if (declaration.source == source) add_model(declaration);
        for (auto const& provider : parts().providers) add_exposed(provider);
        number_prices(store_prices);
        finish();
        return std::move(catalog_);
    }

private:
    using Versions = std::map<std::string, PriceVersionId>; ///< by content hash

    Catalog::Parts& parts() { return *catalog_->parts_; }
    std::string where(std::string_view what, std::string const& name, Source source, int line) const {
        auto out = std::string(what) + " '" + name + "'";
        if (source == Source::file && line > 0) out += " (" + input_.file_name + ":" + std::to_string(line) + ")";
        return out;
    }
    void problem(Source source, std::string at, std::string message) {
        parts().problems.push_back(Problem{source, std::move(at), std::move(message)});
    }

    void add_provider(ProviderDeclaration const& declaration);
    void add_demo();
    void add_model(ModelDeclaration const& declaration);
    bool add_targets(ModelDeclaration const& declaration, std::string const& at, Model& model);
    bool add_own_price(ModelDeclaration const& declaration, std::string const& at, Model& model);
    void add_exposed(std::shared_ptr<Provider const> const& provider);
    Listing listing(Provider const& provider, std::string_view model) const;
    static Listing listing(CatalogInput const& input, Provider const& provider, std::string_view model);
    static Target make_target(CatalogInput const& input, std::shared_ptr<Provider const> provider, std::string model, Listing listing);
    void use_price(pricing::PricePtr const& price, std::string scope, Source source, Timestamp from);
    std::shared_ptr<Model> new_model(std::string name, Source source);
    void number_prices(StorePrices const& store_prices);
    void finish();

    CatalogInput input_;
    std::shared_ptr<Catalog> catalog_;
    std::vector<std::shared_ptr<Model>> models_; // become const when they are done
    std::vector<PriceUse> uses_;
    std::map<std::string, std::size_t> use_of_hash_;
    Versions versions_;
};

void CatalogBuilder::add_provider(ProviderDeclaration const& declaration) {
    auto const& config = declaration.config;
    auto const at = where("provider", config.name, declaration.source, config.line);
    if (!input_.demo_base_url.empty() && config.name == demo_name)
        return problem(declaration.source, at, "the name belongs to the built-in provider: choose another, or set demo.enabled = false");
    if (catalog_->provider(config.name))
        return problem(declaration.source, at, "a provider of this name exists already: choose another name");
    auto provider = make_provider(declaration, *input_.book, input_.upstream);
    if (!provider) return problem(declaration.source, at, provider.error().message);
    if (!(*provider)->expose.empty() && (*provider)->price_provider.empty())
        problem(declaration.source, at, "expose offers priced models, but the price book does not know this provider: set price_provider");
    parts().providers.push_back(std::move(*provider));
}

void CatalogBuilder::add_demo() {
    ProviderDeclaration declaration;
    declaration.source = Source::builtin;
    declaration.config.name = demo_name;
    declaration.config.kind = "demo";
    declaration.config.base_url = input_.demo_base_url;
    auto provider = make_provider(declaration, *input_.book, config::UpstreamConfig{});
    TOLLGATE_CHECK(provider.has_value(), provider ? std::string_view() : std::string_view(provider.error().message));
    parts().providers.push_back(*provider);
    for (auto const& row : demo_models) {
        std::vector<pricing::PriceField> fields{{"input", std::string(row.input)}};
        if (!row.output.empty()) fields.push_back({"output", std::string(row.output)});
        auto const price = pricing::parse_price(fields);
        TOLLGATE_CHECK(price.has_value(), "the demo's price is a price");
        auto model = new_model(std::string(row.name), Source::builtin);
        if (!model) continue;
        Listing const listed{*price, 0, "demo:" + std::string(row.name), std::string(row.name)};
        model->targets.push_back(make_target(input_, *provider, model->name, listed));
        use_price(*price, listed.scope, Source::builtin, {});
    }
}

/// Null when the name is taken.
std::shared_ptr<Model> CatalogBuilder::new_model(std::string name, Source source) {
    auto model = std::make_shared<Model>();
    model->name = std::move(name);
    model->source = source;
    model->declared_targets = 1;
    if (!parts().by_name.emplace(model->name, model.get()).second) return nullptr;
    models_.push_back(model);
    return model;
}

void CatalogBuilder::add_model(ModelDeclaration const& declaration) {
    auto const& config = declaration.config;
    auto const at = where("model", config.name, declaration.source, config.line);
    if (parts().by_name.contains(config.name))
        return problem(declaration.source, at, "a model of this name exists already: choose another name");
    Model draft;
    if (!add_own_price(declaration, at, draft) || !add_targets(declaration, at, draft)) return;
    auto model = new_model(config.name, declaration.source);
    model->id = declaration.id;
    model->targets = std::move(draft.targets);
    model->own_price = std::move(draft.own_price);
    model->declared_targets = static_cast<std::int64_t>(config.targets.size());
    model->multiplier = config.multiplier;
    model->strategy = config.strategy;
    model->allow_fields = config.allow_fields;
    model->cancel_on_disconnect = config.cancel_on_disconnect;
    model->limits = config.limits;
    model->limit_number = input_.states->number_of(config.name);
    model->enabled = config.enabled;
}

bool CatalogBuilder::add_own_price(ModelDeclaration const& declaration, std::string const& at, Model& model) {
    std::vector<PriceEntry> entries;
    auto const scope = "model:" + declaration.config.name;
    if (!declaration.config.price.empty()) {
        std::vector<pricing::PriceField> fields;
        for (auto const& [key, value] : declaration.config.price) fields.push_back({key, value});
        auto price = pricing::parse_price(fields);
        if (!price) {
            problem(declaration.source, at, price.error().message);
            return false;
        }
        entries.push_back(PriceEntry{{}, *price, {}});
    }
    entries.insert(entries.end(), declaration.versions.begin(), declaration.versions.end());
    for (auto const& entry : entries) use_price(entry.price, scope, declaration.source, entry.from);
    model.own_price = PriceSchedule(std::move(entries));
    return true;
}

bool CatalogBuilder::add_targets(ModelDeclaration const& declaration, std::string const& at, Model& model) {
    if (declaration.config.targets.empty()) {
        problem(declaration.source, at, "has no targets: name at least one provider and its model");
        return false;
    }
    bool any = false;
    for (auto const& config : declaration.config.targets) {
        auto const found = std::find_if(parts().providers.begin(), parts().providers.end(),
                                        [&](auto const& provider) { return provider->name == config.provider; });
        if (found == parts().providers.end()) {
            std::vector<std::string_view> names;
            for (auto const& provider : parts().providers) names.push_back(provider->name);
            problem(declaration.source, at,
                    "a target names the provider '" + config.provider + "', which is not declared or cannot be used" +
                        (names.empty() ? std::string() : "; nearest is '" + std::string(nearest_name(config.provider, names)) + "'"));
            continue;
        }
        if (config.model.empty()) {
            problem(declaration.source, at, "a target at '" + config.provider + "' names no model of the provider");
            continue;
        }
        any = true;
        if (!(*found)->enabled) continue;
        auto listed = listing(**found, config.model);
        if (listed.price) use_price(listed.price, listed.scope, Source::expose, {});
        auto target = make_target(input_, *found, config.model, std::move(listed));
        target.priority = config.priority;
        target.weight = config.weight;
        model.targets.push_back(std::move(target));
    }
    std::stable_sort(model.targets.begin(), model.targets.end(), [](auto const& a, auto const& b) { return a.priority < b.priority; });
    return any;
}

Target CatalogBuilder::make_target(CatalogInput const& input, std::shared_ptr<Provider const> provider, std::string model, Listing listed) {
    Target target;
    // Dated names of one book model share one state, so that callers cannot make states without end.
    target.state = &input.states->of(provider->name, listed.state_id.empty() ? model : listed.state_id);
    target.provider = std::move(provider);
    target.provider_model = std::move(model);
    target.context_window = listed.context_window;
    target.typical_cost = listed.price ? pricing::typical_cost(*listed.price, input.now) : unknown_cost;
    target.cost.price = std::move(listed.price);
    return target;
}

Listing CatalogBuilder::listing(CatalogInput const& input, Provider const& provider, std::string_view model) {
    Listing out;
    for (auto const& demo : demo_models)
        if (provider.source == Source::builtin && demo.name == model) {
            std::vector<pricing::PriceField> fields{{"input", std::string(demo.input)}};
            if (!demo.output.empty()) fields.push_back({"output", std::string(demo.output)});
            out.price = *pricing::parse_price(fields);
            out.scope = "demo:" + std::string(model);
            return out;
        }
    if (provider.price_provider.empty()) return out;
    auto const hit = input.book->find(provider.price_provider, model);
    if (hit) {
        out.price = hit.model->price;
        out.context_window = hit.model->context_window;
        out.state_id = hit.model->id;
        out.scope = "book:" + hit.provider->id + "/" + hit.model->id;
    }
    if (input.newer_price)
        if (auto newer = input.newer_price(provider.price_provider, model)) {
            out.price = std::move(newer);
            out.scope = "feed:" + provider.price_provider + "/" + std::string(model);
        }
    return out;
}

Listing CatalogBuilder::listing(Provider const& provider, std::string_view model) const { return listing(input_, provider, model); }

void CatalogBuilder::add_exposed(std::shared_ptr<Provider const> const& provider) {
    if (provider->expose.empty() || !provider->enabled) return;
    auto const* book_provider = provider->price_provider.empty() ? nullptr : input_.book->find_provider(provider->price_provider);
    if (!book_provider) return;
    for (auto const& listed : book_provider->models) {
        if (!listed.price) continue;
        auto found = listing(*provider, listed.id);
        if (!found.price) continue;
        // Also of models that no pattern lists: a dated name that one matches may be priced like them.
        use_price(found.price, found.scope, Source::expose, {});
        if (!exposes(*provider, listed.id)) continue;
        if (auto model = new_model(listed.id, Source::expose))
            model->targets.push_back(make_target(input_, provider, listed.id, std::move(found)));
    }
}

void CatalogBuilder::use_price(pricing::PricePtr const& price, std::string scope, Source source, Timestamp from) {
    auto const [at, is_new] = use_of_hash_.emplace(price->hash(), uses_.size());
    if (is_new) uses_.push_back(PriceUse{price, std::move(scope), source, from});
}

void CatalogBuilder::number_prices(StorePrices const& store_prices) {
    if (!store_prices) return;
    auto const ids = store_prices(uses_);
    TOLLGATE_CHECK(ids.size() == uses_.size(), "one version number for each price");
    for (std::size_t i = 0; i < uses_.size(); ++i) versions_.emplace(uses_[i].price->hash(), ids[i]);
    auto number = [&](PriceEntry& entry) {
        if (entry.price) entry.version = versions_.at(entry.price->hash());
    };
    for (auto& model : models_) {
        for (auto& target : model->targets) number(target.cost);
        std::vector<PriceEntry> own(model->own_price.entries().begin(), model->own_price.entries().end());
        for (auto& entry : own) number(entry);
        model->own_price = PriceSchedule(std::move(own));
    }
}

void CatalogBuilder::finish() {
    std::sort(models_.begin(), models_.end(), [](auto const& a, auto const& b) { return a->name < b->name; });
    parts().models.assign(models_.begin(), models_.end());
    // What resolving a name needs later on; shared because catalogs go when their last reader lets go.
    auto input = std::make_shared<CatalogInput>(std::move(input_));
    input->providers.clear();
    input->models.clear();
    auto const numbered = std::make_shared<Versions const>(versions_);
    auto const known = std::make_shared<std::map<std::string, std::size_t> const>(std::move(use_of_hash_));
    for (auto const& provider : parts().providers) {
        if (provider->expose.empty() || !provider->enabled || provider->price_provider.empty()) continue;
        auto resolve = [provider, input, numbered, known](std::string_view name) -> std::shared_ptr<Model const> {
            if (!exposes(*provider, name)) return nullptr;
            auto listed = listing(*input, *provider, name);
            if (!listed.price || !known->contains(listed.price->hash())) return nullptr;
            auto model = std::make_shared<Model>();
            model->name = std::string(name);
            model->source = Source::expose;
            model->declared_targets = 1;
            auto const version = numbered->find(listed.price->hash());
            auto target = make_target(*input, provider, model->name, std::move(listed));
            if (version != numbered->end()) target.cost.version = version->second;
            model->targets.push_back(std::move(target));
            return model;
        };
        parts().exposing.push_back({std::move(resolve)});
    }
}

std::shared_ptr<Catalog const> build_catalog(CatalogInput input, StorePrices const& store_prices) {
    return CatalogBuilder(std::move(input)).build(store_prices);
}

} // namespace tollgate::routing
