#pragma once
// Identities. Inside they are small integers that the store hands out from 1; outside they are opaque strings with
// a prefix that says what they name: acc_12, key_34. Passing one kind for another does not compile.
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tollgate {

template <class Tag>
struct Id {
    std::int64_t value = 0; ///< 0 = none
    explicit operator bool() const { return value != 0; }
    friend constexpr auto operator<=>(Id, Id) = default;
};
struct AccountTag { static constexpr std::string_view prefix = "acc_"; };
struct KeyTag { static constexpr std::string_view prefix = "key_"; };
struct UserTag { static constexpr std::string_view prefix = "usr_"; };
struct TeamTag { static constexpr std::string_view prefix = "team_"; };
struct ProviderTag { static constexpr std::string_view prefix = "prov_"; };
struct ModelTag { static constexpr std::string_view prefix = "model_"; };
struct PriceTag { static constexpr std::string_view prefix = "price_"; };
struct TransactionTag { static constexpr std::string_view prefix = "txn_"; };
struct GrantTag { static constexpr std::string_view prefix = "grant_"; };
struct ServiceTokenTag { static constexpr std::string_view prefix = "st_"; };
struct AuditTag { static constexpr std::string_view prefix = "aud_"; };

using AccountId = Id<AccountTag>;
using KeyId = Id<KeyTag>;
using UserId = Id<UserTag>;
using TeamId = Id<TeamTag>;
using ProviderId = Id<ProviderTag>;
using ModelId = Id<ModelTag>;
using PriceVersionId = Id<PriceTag>;
using TransactionId = Id<TransactionTag>;
using GrantId = Id<GrantTag>;
using ServiceTokenId = Id<ServiceTokenTag>;
using AuditId = Id<AuditTag>;

/// "acc_12"; empty text for none.
template <class Tag>
std::string format_id(Id<Tag> id) {
    return id ? std::string(Tag::prefix) + std::to_string(id.value) : std::string();
}

/// Positive decimal without sign or leading zero, at most 18 digits; 0 when the text is anything else.
std::int64_t parse_positive(std::string_view digits) noexcept;

/// The id behind `text`, or not_found: an id that was never handed out names nothing.
template <class Tag>
Result<Id<Tag>> parse_id(std::string_view text) {
    if (text.starts_with(Tag::prefix))
        if (auto const value = parse_positive(text.substr(Tag::prefix.size()))) return Id<Tag>{value};
    return fail(Errc::not_found, "no such resource: '" + std::string(text.substr(0, 64)) + "'");
}

} // namespace tollgate

template <class Tag>
struct std::hash<tollgate::Id<Tag>> {
    std::size_t operator()(tollgate::Id<Tag> id) const noexcept { return std::hash<std::int64_t>()(id.value); }
};
