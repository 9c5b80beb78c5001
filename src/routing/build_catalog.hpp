#pragma once
// From declarations (file and API) and the price book to a Catalog.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "pricing/book.hpp"
#include "routing/catalog.hpp"

namespace tollgate::routing {

struct ProviderDeclaration {
    config::ProviderConfig config;
    Source source = Source::file;
    ProviderId id;
};

struct ModelDeclaration {
    config::ModelConfig config;      ///< `price` is the price in force since ever, or empty
    Source source = Source::file;
    ModelId id;
    std::vector<PriceEntry> versions; ///< further versions of its own price, by time
};

struct CatalogInput {
    std::vector<ProviderDeclaration> providers;
    std::vector<ModelDeclaration> models;
    std::shared_ptr<pricing::Book const> book; // shared: the catalog resolves names with it later on
    /// Prices that stand in front of the book, such as a run-time feed's; may be empty. Null result: none.
    std::function<pricing::PricePtr(std::string_view price_provider, std::string_view model)> newer_price;
    std::string demo_base_url; ///< where the app serves the demo provider; empty = off
    config::UpstreamConfig upstream;
    std::string file_name;     ///< for messages
    TargetStates* states = nullptr;
    Timestamp now;             ///< for ordering by cost
};

/// A price the catalog uses, to be stored as an immutable version.
struct PriceUse {
    pricing::PricePtr price;
    std::string scope;  ///< "book:openai/gpt-4o", "model:claude-sonnet-4.5", "demo:demo/echo"
    Source source = Source::expose;
    Timestamp effective_from;
};
/// Gives each price its version number; called once, with every distinct price (by hash).
using StorePrices = std::function<std::vector<PriceVersionId>(std::vector<PriceUse> const&)>;

/// Declarations that cannot be used are left out and listed in Catalog::problems() (`where` starts with "provider 'x'"
/// or "model 'x'"); the rest is built. Of one name the first declaration counts, the file's before the API's; names
/// that two providers expose belong to the first. An empty `store_prices` leaves all version numbers 0.
std::shared_ptr<Catalog const> build_catalog(CatalogInput input, StorePrices const& store_prices = {});

} // namespace tollgate::routing
