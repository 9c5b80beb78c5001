#pragma once
#include <array>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "store/page.hpp"
#include "types/ids.hpp"
#include "types/key_limits.hpp"
#include "types/money.hpp"

namespace tollgate::store {

using KeyHash = std::array<std::uint8_t, 32>; ///< HMAC-SHA-256 of the key under the pepper

struct KeyRow {
    KeyId id;                              ///< set by create; fits 31 bits
    AccountId account_id;
    TeamId team_id;
    UserId user_id;
    std::string name;
    KeyHash hash{};                        ///< unique over current and previous hashes
    std::string prefix;                    ///< first 8 characters, for display
    std::string sealed;                    ///< encrypted copy (binary), empty unless keys are revealable
    std::vector<std::string> scopes, models, routes, allowed_ips, tags; ///< empty = no restriction (tags: none)
    RateLimits limits;
    SpendingCaps caps;
    std::optional<Timestamp> expires_at;
    bool enabled = true;
    std::optional<Timestamp> revoked_at;
    Timestamp created_at;
    std::optional<Timestamp> last_used_at;
    std::optional<KeyHash> previous_hash;  ///< after rotate: still valid until previous_until
    std::optional<Timestamp> previous_until;
};

struct KeyFilter {
    AccountId account_id;                  ///< none = all
    std::string q;                         ///< part of the name or start of the prefix, case-insensitive
    bool include_revoked = true;
};

struct KeyUse {
    KeyId id;
    Timestamp at;
};

class KeyStore {
public:
    virtual ~KeyStore() = default;
    /// `row.id` is ignored. Errors: conflict (a key with this hash exists: `find_hash` gives it), not_found (account).
    virtual Result<KeyRow> create(KeyRow const& row) = 0;
    virtual std::optional<KeyRow> get(KeyId id) = 0;
    /// By current hash; revoked keys too.
    virtual std::optional<KeyRow> find_hash(KeyHash const& hash) = 0;
    virtual Page<KeyRow> list(PageRequest const& page, KeyFilter const& filter) = 0;
    /// Replaces the editable fields: name, team, user, scopes, models, routes, allowed_ips, tags, limits, caps,
    /// expires_at, enabled. Errors: not_found.
    virtual Result<void> update(KeyRow const& row) = 0;
    /// Permanent. Revoking again keeps the first time. Errors: not_found.
    virtual Result<KeyRow> revoke(KeyId id, Timestamp at) = 0;
    /// New hash, prefix and sealed copy; the old hash stays valid until `old_valid_until` (none = ends now).
    /// Errors: not_found, conflict (revoked, or hash taken).
    virtual Result<KeyRow> rotate(KeyId id, KeyHash const& hash, std::string const& prefix, std::string const& sealed,
                                  std::optional<Timestamp> old_valid_until) = 0;
    /// Every key that is not revoked, ids rising; 100,000 in well under 0.5 s. `visit` must not call the store.
    virtual void for_each_key(std::function<void(KeyRow&&)> const& visit) = 0;
    /// Later times win; unknown ids are ignored.
    virtual void touch_used(std::span<KeyUse const> uses) = 0;
};

} // namespace tollgate::store
