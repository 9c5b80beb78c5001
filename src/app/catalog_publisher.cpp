#include "app/catalog_publisher.hpp"

#include <algorithm>

#include "app/price_feed.hpp"
#include "base/log.hpp"
#include "control/declarations.hpp"
#include "store/catalog_store.hpp"

namespace tollgate::app {

CatalogPublisher::CatalogPublisher(Parts parts, config::Config const& config)
    : parts_(std::move(parts)), declared_(config), snapshot_(std::make_shared<routing::Catalog const>()) {}

Result<void> CatalogPublisher::declare(config::Config const& config) {
    std::lock_guard lock(mutex_);
    auto catalog = build(config);
    if (!catalog) return Fail(catalog.error());
    // What the file says is meant as a whole: a declaration that cannot be used stops the start, or keeps the old file
    // in force.
    std::string problems;
    for (auto const& problem : (*catalog)->problems())
        if (problem.source == routing::Source::file) problems += (problems.empty() ? "" : "\n") + problem.text();
    if (!problems.empty()) return fail(Errc::invalid_request, std::move(problems));
    declared_ = config;
    put_into_force(std::move(*catalog));
    return {};
}

Result<void> CatalogPublisher::publish() {
    std::lock_guard lock(mutex_);
    auto catalog = build(declared_);
    if (!catalog) return Fail(catalog.error());
    put_into_force(std::move(*catalog));
    return {};
}

void CatalogPublisher::put_into_force(std::shared_ptr<routing::Catalog const> catalog) {
    for (auto const& problem : catalog->problems()) log::error("a declaration cannot be used", {{"problem", problem.text()}});
    snapshot_.publish(std::move(catalog));
}

Result<std::shared_ptr<routing::Catalog const>> CatalogPublisher::build(config::Config const& declared) {
    routing::CatalogInput input;
    for (auto const& provider : declared.providers) input.providers.push_back({provider, routing::Source::file, {}});
    for (auto const& model : declared.models) input.models.push_back({model, routing::Source::file, {}, {}});
    try {
        auto stored = control::stored_declarations(parts_.store.catalog(), parts_.provider_box);
        std::move(stored.providers.begin(), stored.providers.end(), std::back_inserter(input.providers));
        std::move(stored.models.begin(), stored.models.end(), std::back_inserter(input.models));
        for (auto const& problem : stored.problems) log::error("a stored declaration cannot be used", {{"problem", problem}});
    } catch (store::StoreUnavailable const& unavailable) {
        return fail(Errc::unavailable, "The store is not available.", {}, unavailable.what());
    }
    input.book = parts_.book;
    if (parts_.feed) input.newer_price = [feed = parts_.feed](std::string_view provider, std::string_view model) {
        return feed->price(provider, model);
    };
    input.demo_base_url = parts_.demo_base_url;
    input.upstream = declared.upstream;
    input.file_name = declared.file;
    input.states = &parts_.states;
    input.now = parts_.clock.now();
    try {
        return routing::build_catalog(std::move(input), [this](auto const& uses) { return store_prices(uses); });
    } catch (store::StoreUnavailable const& unavailable) {
        return fail(Errc::unavailable, "The store is not available.", {}, unavailable.what());
    }
}

std::vector<PriceVersionId> CatalogPublisher::store_prices(std::vector<routing::PriceUse> const& uses) {
    std::vector<store::PriceVersionRow> rows;
    rows.reserve(uses.size());
    auto const now = parts_.clock.now();
    for (auto const& use : uses) {
        store::PriceVersionRow row;
        auto const hash = from_hex(use.price->hash());
        std::copy_n(reinterpret_cast<std::uint8_t const*>(hash->data()), row.hash.size(), row.hash.begin());
        row.scope = use.scope;
        row.source = routing::source_name(use.source);
        row.effective_from = now;
        row.created_at = now;
        row.body = use.price->canonical_json();
        rows.push_back(std::move(row));
    }
    return parts_.store.catalog().put_price_versions(rows);
}

} // namespace tollgate::app
