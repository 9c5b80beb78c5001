#pragma once
#include <functional>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "store/page.hpp"
#include "types/ids.hpp"
#include "types/money.hpp"

namespace tollgate::store {

/// Stored by number: append only. JSON names: "tenant", "team", "personal".
enum class AccountKind : std::uint8_t { tenant = 0, team, personal };
std::string_view account_kind_name(AccountKind kind) noexcept;
std::optional<AccountKind> account_kind_from_name(std::string_view name) noexcept;

struct AccountRow {
    AccountId id;                 ///< set by create
    std::string name;
    std::string external_id;      ///< unique when not empty
    AccountKind kind = AccountKind::tenant;
    Multiplier multiplier;
    Money overdraft;              ///< how far below zero holds may take it; ≥ 0
    bool suspended = false;
    Timestamp created_at;         ///< set by the caller at create, never changed
};

class AccountStore {
public:
    virtual ~AccountStore() = default;
    /// `row.id` is ignored. Errors: conflict (external_id taken).
    virtual Result<AccountRow> create(AccountRow const& row) = 0;
    /// The account with this external id, made from `row` when there is none. `created` tells which.
    virtual AccountRow find_or_create(AccountRow const& row, bool& created) = 0;
    virtual std::optional<AccountRow> get(AccountId id) = 0;
    virtual std::optional<AccountRow> find_external(std::string_view external_id) = 0;
    /// Newest first. `q` matches a part of name or external id, case-insensitively; empty = all.
    virtual Page<AccountRow> list(PageRequest const& page, std::string_view q) = 0;
    /// Replaces everything but id and created_at. Errors: not_found, conflict (external_id taken).
    virtual Result<void> update(AccountRow const& row) = 0;
    /// All accounts, ids rising; for loading. `visit` must not call the store.
    virtual void for_each(std::function<void(AccountRow const&)> const& visit) = 0;
};

} // namespace tollgate::store
