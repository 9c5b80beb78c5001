#pragma once
// Between the catalog's rows in the store and what routing builds a catalog of. The JSON inside the rows
// (`targets_json`, `price_json`, `options_json`) is written and read here only.
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"
#include "routing/build_catalog.hpp"
#include "store/catalog_store.hpp"

namespace tollgate::control {

struct Declarations {
    std::vector<routing::ProviderDeclaration> providers;
    std::vector<routing::ModelDeclaration> models;
    /// Rows that cannot be read (written by a newer version, or sealed under another master key): they are left out.
    std::vector<std::string> problems;
};
/// Everything that was made by API or console, for CatalogInput. Throws StoreUnavailable.
Declarations stored_declarations(store::CatalogStore& store, SecretBox const& provider_box);

/// One own price of a model that starts later.
struct ScheduledPrice {
    Timestamp from;
    std::string price_json; ///< as the operator wrote it: {"input":"3","output":"15"}
};
/// The schedule inside ModelRow::options_json, by time.
std::vector<ScheduledPrice> schedule_of(store::ModelRow const& row);
void set_schedule(store::ModelRow& row, std::vector<ScheduledPrice> const& schedule);
/// The own price in force at `now`, as written; empty = the price book.
std::string own_price_at(store::ModelRow const& row, Timestamp now);
/// Makes `price_json` (empty = the price book) the price from now on; prices scheduled for later stay.
void set_price_now(store::ModelRow& row, std::string price_json, Timestamp now);

} // namespace tollgate::control
