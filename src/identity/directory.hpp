#pragma once
// Who may call: every key and account, as an immutable value in memory. The data plane reads it through a
// Snapshot<Directory>; DirectoryPublisher makes the next one.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "identity/api_key.hpp"
#include "types/ids.hpp"
#include "types/ip.hpp"
#include "types/key_limits.hpp"
#include "types/money.hpp"
#include "types/surface.hpp"

namespace tollgate::identity {

/// Who pays.
struct Account {
    AccountId id;
    std::string name;
    Multiplier multiplier;
    Money overdraft;   ///< how far below zero its available credit may go
    bool suspended = false;
    RateLimits limits; ///< over all its keys together
};

/// Surfaces that a key may use, one bit each.
using SurfaceSet = std::uint64_t;
inline constexpr SurfaceSet all_surfaces = ~SurfaceSet{0};
constexpr SurfaceSet surface_bit(Surface s) noexcept { return SurfaceSet{1} << static_cast<unsigned>(s); }

/// One API key, without its text.
struct Key {
    KeyId id;
    AccountId account_id;
    TeamId team_id;
    UserId user_id;
    std::string name;
    std::string prefix;
    SurfaceSet surfaces = all_surfaces;
    std::vector<std::string> models; ///< exact names or `prefix*`; empty = every model
    std::vector<std::string> routes; ///< the same for generic routes
    std::vector<Cidr> allowed_ips;   ///< empty = from anywhere
    RateLimits limits;
    SpendingCaps caps;
    std::vector<std::string> tags;
    Timestamp expires_at;            ///< refused from this instant on; 0 = never
    bool enabled = true;
};

/// The surfaces that a key's scopes name: a surface name ("openai_chat"), a prefix ("anthropic*") or "*"; an empty
/// list is everything. Errors: invalid_request naming the scope and its nearest valid spelling.
Result<SurfaceSet> parse_scopes(std::vector<std::string> const& scopes);

/// "*", an exact name, or `prefix*`. An empty list matches everything.
bool matches_any(std::vector<std::string> const& patterns, std::string_view name) noexcept;

/// One hash under which a key is known. A rotated key has two for a while.
struct KeyEntry {
    KeyHash hash;
    Timestamp valid_until; ///< this hash is refused from then on; 0 = no end of its own
    std::shared_ptr<Key const> key; // shared: entries of several directories and requests in flight
};

/// Immutable. Keys are spread over shards by their hash and accounts by id; the next directory shares every shard that
/// did not change, so changing one key copies ~1/1024 of the table.
class Directory {
public:
    Directory();
    /// Any thread. Null: no such key, or the hash's own time is over. Does not look at the key's state.
    std::shared_ptr<Key const> find(KeyHash const& hash, Timestamp now) const noexcept;
    std::shared_ptr<Account const> account(AccountId id) const noexcept;
    std::size_t account_count() const noexcept;

private:
    friend class DirectoryPublisher;
    static constexpr std::size_t key_shards = 1024;
    static constexpr std::size_t account_shards = 256;
    struct KeyShard;
    struct AccountShard;
    // Shared between successive directories.
    std::vector<std::shared_ptr<KeyShard const>> keys_;
    std::vector<std::shared_ptr<AccountShard const>> accounts_;
};

} // namespace tollgate::identity
