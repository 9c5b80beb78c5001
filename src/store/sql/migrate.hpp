#pragma once
#include "base/error.hpp"
#include "store/sql/database.hpp"

namespace tollgate::store::sql {

/// The newest schema this binary knows.
int known_schema();
/// The schema in the database; 0 = empty.
int stored_schema(Database& db);
/// Brings the database to `known_schema()`, each migration in its own transaction, under a lock on PostgreSQL (on
/// SQLite the process owns the file). Errors: conflict (the data is newer than this binary).
Result<void> migrate(Database& db);
/// For read-only use: the schema must be exactly the known one. Errors: conflict.
Result<void> expect_known_schema(Database& db);

} // namespace tollgate::store::sql
