#include "routing/catalog.hpp"

#include <algorithm>

#include "routing/catalog_parts.hpp"

namespace tollgate::routing {

std::string_view source_name(Source source) noexcept {
    switch (source) {
    case Source::file: return "file";
    case Source::api: return "api";
    case Source::builtin: return "builtin";
    case Source::expose: return "expose";
    }
    return "";
}

PriceSchedule::PriceSchedule(std::vector<PriceEntry> entries) : entries_(std::move(entries)) {
    std::stable_sort(entries_.begin(), entries_.end(), [](auto const& a, auto const& b) { return a.from < b.from; });
}

PriceEntry const* PriceSchedule::at(Timestamp now) const noexcept {
    PriceEntry const* in_force = nullptr;
    for (auto const& entry : entries_) { // one or two as a rule
        if (entry.from > now) break;
        in_force = &entry;
    }
    return in_force;
}

PriceEntry const* Model::list_price(Target const& target, Timestamp now) const noexcept {
    if (auto const* own = own_price.at(now)) return own; // one that starts later leaves the book's in force until then
    return target.cost.price ? &target.cost : nullptr;
}

bool Model::allows_field(std::string_view field) const noexcept {
    return std::find(allow_fields.begin(), allow_fields.end(), field) != allow_fields.end();
}

Catalog::Catalog() : parts_(std::make_unique<Parts>()) {}
Catalog::~Catalog() = default;

std::shared_ptr<Model const> Catalog::find(std::string_view name) const {
    auto const found = parts_->by_name.find(name);
    if (found != parts_->by_name.end()) {
        if (!found->second->enabled) return nullptr;
        // Not owning: the catalog does that, and a shared count of the one busy model would be fought over by all
        // I/O threads.
        return std::shared_ptr<Model const>(std::shared_ptr<void>(), found->second);
    }
    return parts_->exposing.empty() ? nullptr : parts_->resolve(name);
}

std::span<std::shared_ptr<Model const> const> Catalog::models() const noexcept { return parts_->models; }
std::span<std::shared_ptr<Provider const> const> Catalog::providers() const noexcept { return parts_->providers; }
std::span<Problem const> Catalog::problems() const noexcept { return parts_->problems; }

Provider const* Catalog::provider(std::string_view name) const noexcept {
    for (auto const& provider : parts_->providers)
        if (provider->name == name) return provider.get();
    return nullptr;
}

std::shared_ptr<Model const> Catalog::Parts::resolve(std::string_view name) const {
    if (name.empty() || name.size() > 128) return nullptr;
    {
        std::lock_guard lock(resolved_mutex);
        auto const known = resolved.find(name);
        if (known != resolved.end()) return known->second;
    }
    std::shared_ptr<Model const> model;
    for (auto const& exposed : exposing)
        if ((model = exposed.resolve(name))) break;
    std::lock_guard lock(resolved_mutex);
    if (resolved.size() >= resolved_max) resolved.clear();
    resolved.emplace(std::string(name), model); // misses too: looking one up walks patterns
    return model;
}

} // namespace tollgate::routing
