#include "control/sync.hpp"

#include "identity/load_directory.hpp"
#include "ledger/ledger.hpp"
#include "store/account_store.hpp"

namespace tollgate::control {

void publish_account(Context& context, store::AccountRow const& row) {
    context.ledger.set_account(row.id, row.overdraft, row.suspended);
    context.directory.upsert_account(identity::account_from_row(row));
}

void publish_key(Context& context, store::KeyRow const& row) { identity::publish_key(context.directory, row); }

} // namespace tollgate::control
