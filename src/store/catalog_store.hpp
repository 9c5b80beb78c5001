#pragma once
// Providers, models, prices and settings made by API or console. What the configuration file declares is not here.
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "store/page.hpp"
#include "types/ids.hpp"
#include "types/money.hpp"

namespace tollgate::store {

struct ProviderRow {
    ProviderId id;              ///< set by create
    std::string name;           ///< unique
    std::string kind;
    std::string base_url;
    std::string sealed_api_key; ///< encrypted (binary), may be empty
    std::string options_json;   ///< object text; the store does not read it
    std::vector<std::string> expose;
    bool enabled = true;
    Timestamp created_at;
};

struct ModelRow {
    ModelId id;                 ///< set by create
    std::string name;           ///< unique
    std::string targets_json;   ///< array text; the store does not read it
    std::string price_json;     ///< object text, or empty = the price book
    Multiplier multiplier;
    std::string strategy;
    std::string options_json;   ///< further operator switches, object text or empty
    bool enabled = true;
    Timestamp created_at;
};

/// One immutable price. `hash` is the SHA-256 of the canonical body and its identity.
struct PriceVersionRow {
    PriceVersionId id;          ///< set by put_price_version
    std::array<std::uint8_t, 32> hash{}; ///< unique
    std::string scope;          ///< whose price: "book:openai/gpt-4o", "model:claude-sonnet-4.5", …
    std::string source;         ///< "book", "feed", "file", "api"
    Timestamp effective_from;
    Timestamp created_at;
    std::string body;           ///< canonical JSON
};

class CatalogStore {
public:
    virtual ~CatalogStore() = default;

    /// Errors of create: conflict (name taken). Of update: not_found, conflict. Updates replace all but id, created_at.
    virtual Result<ProviderRow> create_provider(ProviderRow const& row) = 0;
    virtual Result<void> update_provider(ProviderRow const& row) = 0;
    virtual Result<void> remove_provider(ProviderId id) = 0;
    virtual std::vector<ProviderRow> providers() = 0; ///< ids rising

    virtual Result<ModelRow> create_model(ModelRow const& row) = 0;
    virtual Result<void> update_model(ModelRow const& row) = 0;
    virtual Result<void> remove_model(ModelId id) = 0;
    virtual std::vector<ModelRow> models() = 0;       ///< ids rising

    /// The id of the version with this hash; inserts it when new. Never changes an existing one.
    virtual PriceVersionId put_price_version(PriceVersionRow const& row) = 0;
    /// The same for many in one transaction; ids in the order of `rows`.
    virtual std::vector<PriceVersionId> put_price_versions(std::vector<PriceVersionRow> const& rows) = 0;
    virtual std::optional<PriceVersionRow> price_version(PriceVersionId id) = 0;
    /// Newest first; empty scope = all. `with_body` false leaves bodies out (the whole book is large).
    virtual Page<PriceVersionRow> price_versions(PageRequest const& page, std::string_view scope, bool with_body) = 0;

    virtual std::optional<std::string> setting(std::string_view key) = 0;
    virtual std::vector<std::pair<std::string, std::string>> settings() = 0;
    virtual void put_setting(std::string_view key, std::string_view value) = 0;
};

} // namespace tollgate::store
