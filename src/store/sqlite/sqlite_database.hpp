#pragma once
#include <memory>
#include <string>

#include "store/sql/database.hpp"

namespace tollgate::store::sqlite {

enum class Mode { writer, reader };

/// Opens a connection to the file (or ":memory:"), made with mode 0600 when a writer finds none. A writer uses WAL
/// and synchronous=FULL: what requests cost could be replayed from the journal, but a credit stands here only, and
/// must survive a power cut once it was answered. Throws StoreUnavailable.
std::unique_ptr<sql::Database> open(std::string const& path, Mode mode);

/// Copies the database as of now into a new file, page by page, while writers go on. Throws StoreUnavailable.
void backup(std::string const& from, std::string const& to);

} // namespace tollgate::store::sqlite
