// Names of stored enums, and what pages and refused texts mean everywhere.
#include <algorithm>
#include <array>
#include <limits>

#include "store/sql/stores.hpp"

namespace tollgate::store {
namespace {
constexpr std::array<std::string_view, 3> account_kinds{"tenant", "team", "personal"};
constexpr std::array<std::string_view, 7> transaction_kinds{"purchase", "usage", "refund", "bonus",
                                                            "adjustment", "expiry", "dispute"};
constexpr std::array<std::string_view, 3> grant_kinds{"paid", "promo", "goodwill"};

template <class E, std::size_t N>
std::optional<E> from_name(std::array<std::string_view, N> const& names, std::string_view name) {
    auto const found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) return std::nullopt;
    return static_cast<E>(found - names.begin());
}
} // namespace

std::string_view account_kind_name(AccountKind kind) noexcept { return account_kinds[static_cast<std::size_t>(kind)]; }
std::optional<AccountKind> account_kind_from_name(std::string_view name) noexcept {
    return from_name<AccountKind>(account_kinds, name);
}
std::string_view transaction_kind_name(TransactionKind kind) noexcept {
    return transaction_kinds[static_cast<std::size_t>(kind)];
}
std::optional<TransactionKind> transaction_kind_from_name(std::string_view name) noexcept {
    return from_name<TransactionKind>(transaction_kinds, name);
}
std::string_view grant_kind_name(GrantKind kind) noexcept { return grant_kinds[static_cast<std::size_t>(kind)]; }

std::string transaction_public_id(TransactionRow const& row) {
    return row.id ? format_id(row.id) : "use_" + row.reference;
}

namespace sql {

Fail refused_text(ConstraintViolation const& e) {
    if (e.unique) return fail(Errc::conflict, "this already exists", {}, e.what());
    return fail(Errc::invalid_request, "a value cannot be stored: it is out of range, or its text is too long", {},
                e.what());
}

int page_limit(PageRequest const& page) { return std::clamp(page.limit, 1, page_limit_max); }

std::int64_t upper_bound(PageRequest const& page) {
    return page.cursor > 0 ? page.cursor : std::numeric_limits<std::int64_t>::max();
}

} // namespace sql
} // namespace tollgate::store
