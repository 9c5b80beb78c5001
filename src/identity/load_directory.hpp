#pragma once
// From the store's rows to what the data plane reads.
#include "base/error.hpp"
#include "identity/publisher.hpp"

namespace tollgate::store {
class Store;
struct AccountRow;
struct KeyRow;
} // namespace tollgate::store

namespace tollgate::identity {

/// Scopes or addresses that this version does not understand (written by a newer one) grant nothing; the control side
/// refuses them when a key is written.
Key key_from_row(store::KeyRow const& row);
Account account_from_row(store::AccountRow const& row);

/// Puts a row that was just committed into force: a revoked key is taken out, any other is known under its current
/// hash and, while its grace lasts, the previous one.
void publish_key(DirectoryPublisher& publisher, store::KeyRow const& row);

/// Loads every account and key. Called at start, before the first request. Throws store::StoreUnavailable.
void load_directory(store::Store& store, DirectoryPublisher& publisher);

/// The store remembers which pepper its keys were hashed under: notes it in a new store, and refuses another one
/// later, since every key would then be unknown. Errors: unavailable. Throws store::StoreUnavailable.
Result<void> check_pepper(store::Store& store, Secret const& pepper);

} // namespace tollgate::identity
