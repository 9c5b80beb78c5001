#pragma once
#include "store/ledger_store.hpp"
#include "store/sql/database.hpp"
#include "store/sql/dims.hpp"

namespace tollgate::store::sql {

/// LedgerStore::apply inside the caller's write transaction, which must be rolled back if this throws or fails.
Result<ApplyResult> apply_batch(Database& db, Dims& dims, ApplyBatch const& batch);

/// How far `node` has been applied.
JournalMark read_mark(Database& db, std::string_view node);

/// The key of a request id in record_uid: its time, then its random tail. Rising with time, so inserts stay local.
std::int64_t uid_of(Uuid const& id) noexcept;
/// When the request of a uid came; a few milliseconds off at most.
Timestamp time_of_uid(std::int64_t uid) noexcept;
/// The record number of a request id; 0 = none.
std::int64_t find_record(Database& db, Uuid const& id);

} // namespace tollgate::store::sql
