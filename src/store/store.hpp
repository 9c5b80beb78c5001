#pragma once
// The store: everything Tollgate keeps, behind one small interface per caller. Two backends (SQLite in the data
// folder, PostgreSQL) share the SQL in sql/ and pass the same conformance suite.
//
// Thread rules for every interface reached from here: all methods are synchronous and may be called from any thread.
// Reads run on a small pool of read-only connections; writes run one at a time, each in one transaction, on the one
// writer thread, and a method returns only after its commit. Never call from an I/O thread.
//
// Errors: what a caller can cause is a Result; a store that cannot be reached, is full or is damaged throws
// StoreUnavailable from any method.
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace tollgate::store {

class AccountStore;
class KeyStore;
class ServiceTokenStore;
class CatalogStore;
class LedgerStore;
class RecordStore;
class AuditStore;
class IdempotencyStore;
class VerifyStore;

/// The backend cannot be used now: disk full or gone, connection lost, database damaged. Nothing of the call was
/// kept, except that a lost connection during COMMIT leaves it unknown: repeat the call, every write of money is
/// idempotent. what() names the cause and is for logs.
class StoreUnavailable : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// One stored record cannot be read. Its neighbours can: read on after `position`.
class RecordDamaged : public StoreUnavailable {
public:
    RecordDamaged(std::int64_t position, std::string row)
        : StoreUnavailable("record " + row + " is damaged"), position_(position), row_(std::move(row)) {}
    std::int64_t position() const noexcept { return position_; }
    std::string const& row() const noexcept { return row_; } ///< its request id

private:
    std::int64_t position_;
    std::string row_;
};

struct StoreConfig {
    /// "sqlite:" = <data_dir>/tollgate.db; "sqlite:/path/file.db"; "sqlite::memory:" (tests: one connection);
    /// "postgres://user:password@host:port/database?options" or "postgresql://…".
    std::string url = "sqlite:";
    /// Made with mode 0700 when missing. Used by "sqlite:" only.
    std::string data_dir = "./data";
    /// Read-only connections, opened when first needed. 1 … 64.
    int readers = 4;
    /// No writes, no migrations, no writer thread: for `verify` and `backup` beside a running server.
    bool read_only = false;
};

/// Holds the name of a gateway node for as long as it lives; see Store::acquire_node.
class NodeLock {
public:
    virtual ~NodeLock() = default;
    /// False after the database connection that carries the lock was lost: another process may own the name now.
    virtual bool held() = 0;
};

class Store {
public:
    virtual ~Store() = default;

    virtual AccountStore& accounts() = 0;
    virtual KeyStore& keys() = 0;
    virtual ServiceTokenStore& service_tokens() = 0;
    virtual CatalogStore& catalog() = 0;
    virtual LedgerStore& ledger() = 0;
    virtual RecordStore& records() = 0;
    virtual AuditStore& audit() = 0;
    virtual IdempotencyStore& idempotency() = 0;
    virtual VerifyStore& verify() = 0;

    /// "sqlite" or "postgres", for health and logs.
    virtual std::string backend() const = 0;
    virtual int schema_version() = 0;
    /// One trivial query through the writer; throws StoreUnavailable.
    virtual void ping() = 0;
    /// This installation's identity, made at the first migration: 32 hexadecimal digits. A journal carries it, so
    /// that a journal is never replayed into another store.
    virtual std::string store_id() = 0;
    /// Attaches this process as the gateway of the store. PostgreSQL: one process at a time (session advisory lock);
    /// SQLite: a lock file beside the database. Errors: conflict, saying who may hold it and what to do.
    virtual Result<std::unique_ptr<NodeLock>> acquire_node(std::string const& node) = 0;
    /// Writes a consistent copy to `path` (must not exist) while serving. Errors: unprocessable on PostgreSQL
    /// (use pg_dump), conflict (file exists).
    virtual Result<void> backup(std::string const& path) = 0;
};

/// Opens and, unless read_only, migrates. Errors (message says what to change): invalid_request (bad URL),
/// unavailable (folder not writable, connection refused, wrong password, another process holds the file),
/// conflict (written by a newer Tollgate).
Result<std::unique_ptr<Store>> open_store(StoreConfig const& config);

} // namespace tollgate::store
