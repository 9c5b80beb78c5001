#pragma once
// Builds the catalog out of file, store and price book, and puts it into force.
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"
#include "base/snapshot.hpp"
#include "config/config.hpp"
#include "pricing/book.hpp"
#include "routing/build_catalog.hpp"
#include "routing/catalog.hpp"
#include "routing/target_states.hpp"
#include "store/store.hpp"

namespace tollgate::app {

class PriceFeed;

/// Thread-safe. What it refers to outlives it.
class CatalogPublisher {
public:
    struct Parts {
        store::Store& store;
        SecretBox const& provider_box;
        std::shared_ptr<pricing::Book const> book; // shared: catalogs keep it too
        routing::TargetStates& states;
        Clock const& clock;
        PriceFeed const* feed; ///< null = none
        std::string demo_base_url; ///< empty = off
    };
    CatalogPublisher(Parts parts, config::Config const& config);

    Snapshot<routing::Catalog> const& catalog() const noexcept { return snapshot_; }
    /// Rebuilds from the last declared file and the store. Stored declarations that cannot be used are left out, logged,
    /// and listed in Catalog::problems(). Errors: unavailable (the store).
    Result<void> publish();
    /// Takes over what a file declares (start, SIGHUP), then publishes. Errors: invalid_request (a line for each
    /// declaration that cannot be used; nothing changes then), unavailable (the store).
    Result<void> declare(config::Config const& config);

private:
    Result<std::shared_ptr<routing::Catalog const>> build(config::Config const& declared);
    void put_into_force(std::shared_ptr<routing::Catalog const> catalog);
    std::vector<PriceVersionId> store_prices(std::vector<routing::PriceUse> const& uses);
    Parts parts_;
    std::mutex mutex_; ///< one build at a time; guards declared_
    config::Config declared_;
    Snapshot<routing::Catalog> snapshot_;
};

} // namespace tollgate::app
