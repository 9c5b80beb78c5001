#include "identity/directory.hpp"

#include <algorithm>

#include "base/nearest.hpp"
#include "identity/shards.hpp"
#include "types/pattern.hpp"

namespace tollgate::identity {
Result<SurfaceSet> parse_scopes(std::vector<std::string> const& scopes) {
    if (scopes.empty()) return all_surfaces;
    std::array<std::string_view, static_cast<std::size_t>(Surface::count_)> names;
    for (std::size_t i = 0; i < names.size(); ++i) names[i] = surface_name(static_cast<Surface>(i));
    SurfaceSet out = 0;
    for (auto const& scope : scopes) {
        SurfaceSet found = scope == "*" ? all_surfaces : 0;
        for (std::size_t i = 0; i < names.size(); ++i)
            if (matches_pattern(scope, names[i])) found |= surface_bit(static_cast<Surface>(i));
        if (found == 0)
            return fail(Errc::invalid_request,
                        "unknown scope '" + scope + "': nearest is '" + std::string(nearest_name(scope, names)) +
                            "'; a scope is a surface name, a prefix such as 'openai*', or '*'",
                        "scopes");
        out |= found;
    }
    return out;
}

bool matches_any(std::vector<std::string> const& patterns, std::string_view name) noexcept {
    return patterns.empty() ||
           std::any_of(patterns.begin(), patterns.end(), [&](auto const& pattern) { return matches_pattern(pattern, name); });
}

Directory::Directory()
    : keys_(key_shards, std::make_shared<KeyShard const>()), accounts_(account_shards, std::make_shared<AccountShard const>()) {}

std::shared_ptr<Key const> Directory::find(KeyHash const& hash, Timestamp now) const noexcept {
    auto const* entry = keys_[shard_of(hash)]->find(hash);
    if (!entry || (entry->valid_until.ms != 0 && entry->valid_until <= now)) return nullptr;
    return entry->key;
}

std::shared_ptr<Account const> Directory::account(AccountId id) const noexcept {
    auto const& rows = accounts_[shard_of(id)]->rows;
    auto const found = std::lower_bound(rows.begin(), rows.end(), id, [](auto const& row, AccountId want) { return row->id < want; });
    return found != rows.end() && (*found)->id == id ? *found : nullptr;
}

std::size_t Directory::account_count() const noexcept {
    std::size_t count = 0;
    for (auto const& shard : accounts_) count += shard->rows.size();
    return count;
}

} // namespace tollgate::identity
