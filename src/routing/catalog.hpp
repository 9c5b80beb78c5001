#pragma once
// What can be called: every model with its targets, providers and prices, as an immutable value. The data plane reads
// it through a Snapshot<Catalog>; build_catalog makes the next one.
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "config/config.hpp"
#include "net/endpoint.hpp"
#include "pricing/price.hpp"
#include "providers/kind.hpp"
#include "providers/request_head.hpp"
#include "routing/target_states.hpp"
#include "types/ids.hpp"
#include "types/key_limits.hpp"
#include "types/money.hpp"
#include "types/surface.hpp"

namespace tollgate::routing {

/// Who declared it. What the file declares is read-only for the API; `builtin` is the demo, `expose` a book model
/// that a provider offers under its own name.
enum class Source : std::uint8_t { file = 0, api, builtin, expose };
std::string_view source_name(Source source) noexcept;

/// One upstream, ready to be called.
struct Provider {
    std::string name;
    ProviderId id;                       ///< 0 unless made by the API
    Source source = Source::file;
    providers::Kind const* kind = nullptr;
    std::string base_url;
    net::Endpoint endpoint;
    std::string price_provider;          ///< id in the price book; empty = its models have no cost price of their own
    std::vector<std::string> expose;
    config::Pairs options;
    bool has_credential = false;
    bool enabled = true;
    /// By Surface; none where the kind does not speak the surface.
    std::array<std::optional<providers::HeadTemplate>, static_cast<std::size_t>(Surface::count_)> heads;
    providers::HeadTemplate const* head(Surface surface) const {
        auto const& h = heads[static_cast<std::size_t>(surface)];
        return h ? &*h : nullptr;
    }
};

/// A price with the number of its stored, immutable version.
struct PriceEntry {
    Timestamp from;              ///< in force from then on
    pricing::PricePtr price;
    PriceVersionId version;      ///< 0 = not stored (tests)
};
/// Successive versions of one price, oldest first.
class PriceSchedule {
public:
    PriceSchedule() = default;
    explicit PriceSchedule(std::vector<PriceEntry> entries);
    /// Null: no price, which is not a price of zero.
    PriceEntry const* at(Timestamp now) const noexcept;
    bool empty() const noexcept { return entries_.empty(); }
    std::span<PriceEntry const> entries() const noexcept { return entries_; }

private:
    std::vector<PriceEntry> entries_;
};

struct Target {
    std::shared_ptr<Provider const> provider; // shared by all its targets
    std::string provider_model;
    std::int64_t priority = 1;   ///< lower first
    std::int64_t weight = 1;
    PriceEntry cost;             ///< what the provider charges us; `price` null = not known
    std::int64_t context_window = 0; ///< tokens, from the book; 0 = not known
    Money typical_cost;          ///< orders targets by cost; largest where the cost is not known
    TargetState* state = nullptr;
};

/// One public name.
struct Model {
    std::string name;
    ModelId id;                  ///< 0 unless made by the API
    Source source = Source::file;
    std::vector<Target> targets; ///< of enabled providers, by priority, then as declared
    PriceSchedule own_price;     ///< where it has none in force: each target's book price
    Multiplier multiplier;
    config::Strategy strategy = config::Strategy::priority;
    std::vector<std::string> allow_fields; ///< request fields that change the provider's price, let through anyway
    bool cancel_on_disconnect = false;
    RateLimits limits;
    std::int64_t limit_number = 0; ///< for limits::Limiter::model
    std::int64_t declared_targets = 0; ///< those of disabled providers included
    bool enabled = true;

    /// The customer's price at this target: the model's own, else the target's. Null: unset, which is a 403.
    PriceEntry const* list_price(Target const& target, Timestamp now) const noexcept;
    bool allows_field(std::string_view field) const noexcept;
};

/// Something declared that could not be used.
struct Problem {
    Source source = Source::file;
    std::string where;   ///< "provider 'openai' (tollgate.toml:12)"
    std::string message; ///< what to change
    std::string text() const { return where + ": " + message; }
    friend bool operator==(Problem const&, Problem const&) = default;
};

class Catalog {
public:
    Catalog();
    ~Catalog();
    Catalog(Catalog const&) = delete;
    Catalog& operator=(Catalog const&) = delete;

    /// An enabled model by its exact name; no allocation. Names that a provider's `expose` lets through and the price
    /// book knows (dated variants, "gpt-4o-2024-08-06") are resolved the first time they are asked for.
    /// Null: no such model. The model is valid only while both this catalog and the pointer are kept: the pointer to a
    /// listed model does not own it.
    std::shared_ptr<Model const> find(std::string_view name) const;

    /// Declared and exposed models by name, disabled ones included.
    std::span<std::shared_ptr<Model const> const> models() const noexcept;
    std::span<std::shared_ptr<Provider const> const> providers() const noexcept;
    /// By name, disabled ones included; null: none.
    Provider const* provider(std::string_view name) const noexcept;
    std::span<Problem const> problems() const noexcept;

private:
    friend class CatalogBuilder;
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace tollgate::routing
