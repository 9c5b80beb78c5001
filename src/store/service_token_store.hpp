#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "store/key_store.hpp"
#include "store/page.hpp"
#include "types/ids.hpp"

namespace tollgate::store {

struct ServiceTokenRow {
    ServiceTokenId id;             ///< set by create
    std::string name;
    KeyHash hash{};                ///< unique
    std::string prefix;
    std::vector<std::string> scopes;
    Timestamp created_at;
    std::optional<Timestamp> expires_at;
    std::optional<Timestamp> revoked_at;
};

class ServiceTokenStore {
public:
    virtual ~ServiceTokenStore() = default;
    /// Errors: conflict (hash taken).
    virtual Result<ServiceTokenRow> create(ServiceTokenRow const& row) = 0;
    virtual std::optional<ServiceTokenRow> get(ServiceTokenId id) = 0;
    virtual std::optional<ServiceTokenRow> find_hash(KeyHash const& hash) = 0;
    virtual Page<ServiceTokenRow> list(PageRequest const& page) = 0;
    /// Revoking again keeps the first time. Errors: not_found.
    virtual Result<ServiceTokenRow> revoke(ServiceTokenId id, Timestamp at) = 0;
};

} // namespace tollgate::store
