#pragma once
// Puts what was just committed into force on the data plane. Private to control/.
#include "control/context.hpp"

namespace tollgate::store {
struct AccountRow;
struct KeyRow;
} // namespace tollgate::store

namespace tollgate::control {

/// Directory and wallet learn of a new or changed account.
void publish_account(Context& context, store::AccountRow const& row);
/// The directory learns of a new, changed, rotated or revoked key.
void publish_key(Context& context, store::KeyRow const& row);

} // namespace tollgate::control
