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
    {
        std::lock_guard lock(mutex_);
        declared_ = config;
    }
    return publish();
}

Result<void> CatalogPublisher::publish() {
    std::lock_guard lock(mutex_);
    routing::CatalogInput input;
    for (auto const& provider : declared_.providers) input.providers.push_back({provider, routing::Source::file, {}});
    for (auto const& model : declared_.models) input.models.push_back({model, routing::Source::file, {}, {}});
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
    input.upstream = declared_.upstream;
    input.file_name = declared_.file;
    input.states = &parts_.states;
    input.now = parts_.clock.now();
    try {
        auto catalog = routing::build_catalog(std::move(input), [this](auto const& uses) { return store_prices(uses); });
        for (auto const& problem : catalog->problems()) log::error("a declaration cannot be used", {{"problem", problem.text()}});
        snapshot_.publish(std::move(catalog));
    } catch (store::StoreUnavailable const& unavailable) {
        return fail(Errc::unavailable, "The store is not available.", {}, unavailable.what());
    }
    return {};
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
