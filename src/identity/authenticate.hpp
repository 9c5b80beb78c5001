#pragma once
// Step one of a request: whose call is it, and may it be made at all.
#include <memory>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "identity/directory.hpp"

namespace tollgate::identity {

/// Who calls. Shared with the directory: the request keeps its key and account even if they change meanwhile.
struct Caller {
    std::shared_ptr<Key const> key;
    std::shared_ptr<Account const> account;
};

/// `presented` as it was sent (PresentedKey::get), `peer` after trusted proxies were taken into account. ~0.3 µs.
/// Errors: unauthenticated: unknown, revoked, expired or disabled key, all with one text, so that nobody learns which
/// keys exist; forbidden: address not allowed, or the account is suspended; unavailable: the key's account is missing,
/// which is our own fault.
Result<Caller> authenticate(Directory const& directory, KeyHasher const& hasher, std::string_view presented,
                            IpAddress const& peer, Timestamp now);

/// Errors: forbidden, naming the key and what to change. Listing models is open to every key.
Result<void> may_use_surface(Key const& key, Surface surface);
Result<void> may_use_model(Key const& key, std::string_view model);
Result<void> may_use_route(Key const& key, std::string_view route);

} // namespace tollgate::identity
