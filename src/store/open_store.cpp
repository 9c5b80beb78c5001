#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/postgres/pg_database.hpp"
#include "store/sql/migrate.hpp"
#include "store/sql/stores.hpp"
#include "store/sqlite/sqlite_database.hpp"
#include "store/store.hpp"

namespace tollgate::store {
namespace {

constexpr std::int64_t node_lock_key = 7'310'298; // of PostgreSQL's advisory locks; migrations use the next one

/// An flock on `<database>.lock`, held for the life of the process that writes the database.
class FileLock {
public:
    FileLock() = default;
    FileLock(FileLock const&) = delete;
    FileLock& operator=(FileLock const&) = delete;
    ~FileLock() {
        if (fd_ >= 0) ::close(fd_);
    }
    Result<void> take(std::string const& path) {
        fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd_ < 0) return fail(Errc::unavailable, "cannot open " + path + ": " + std::strerror(errno) +
                                                        ". Make the folder writable for this user, or choose another with --data");
        if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
            char pid[32] = {};
            auto const n = ::pread(fd_, pid, sizeof pid - 1, 0);
            return fail(Errc::unavailable, "another Tollgate process" + (n > 0 ? " (pid " + std::string(pid) + ")" : "") +
                                               " uses this data: stop it, or choose another folder with --data (lock: " + path + ")");
        }
        auto const pid = std::to_string(::getpid());
        if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, pid.data(), pid.size(), 0) < 0)
            return fail(Errc::unavailable, "cannot write " + path + ": " + std::strerror(errno));
        return {};
    }

private:
    int fd_ = -1;
};

class AlwaysHeld final : public NodeLock {
public:
    bool held() override { return true; }
};
class PgNodeLock final : public NodeLock {
public:
    explicit PgNodeLock(std::unique_ptr<postgres::AdvisoryLock> lock) : lock_(std::move(lock)) {}
    bool held() override { return lock_->held(); }

private:
    std::unique_ptr<postgres::AdvisoryLock> lock_;
};

class SqlStore final : public Store {
public:
    SqlStore(StoreConfig config, bool postgres, std::string path, std::unique_ptr<FileLock> lock,
             std::unique_ptr<sql::Database> writer, sql::Connections::Open open_reader)
        : config_(std::move(config)), postgres_(postgres), path_(std::move(path)), lock_(std::move(lock)),
          connections_(std::move(writer), std::move(open_reader), std::clamp(config_.readers, 1, 64)),
          accounts_(connections_), keys_(connections_), service_tokens_(connections_), catalog_(connections_),
          ledger_(connections_, dims_), records_(connections_, dims_), audit_(connections_), idempotency_(connections_),
          verify_(connections_, dims_) {}

    AccountStore& accounts() override { return accounts_; }
    KeyStore& keys() override { return keys_; }
    ServiceTokenStore& service_tokens() override { return service_tokens_; }
    CatalogStore& catalog() override { return catalog_; }
    LedgerStore& ledger() override { return ledger_; }
    RecordStore& records() override { return records_; }
    AuditStore& audit() override { return audit_; }
    IdempotencyStore& idempotency() override { return idempotency_; }
    VerifyStore& verify() override { return verify_; }
    std::string backend() const override { return postgres_ ? "postgres" : "sqlite"; }
    int schema_version() override {
        return connections_.read([](sql::Database& db) { return sql::stored_schema(db); });
    }
    void ping() override {
        connections_.write([](sql::Database& db) { db.prepare("select 1").run(); });
    }
    std::string store_id() override {
        return connections_.read([](sql::Database& db) {
            auto query = db.prepare("select value from meta where key = 'store_id'");
            return query.step() ? query.str(0) : std::string();
        });
    }
    Result<std::unique_ptr<NodeLock>> acquire_node(std::string const& node) override {
        if (!postgres_) return std::make_unique<AlwaysHeld>(); // the file lock of open_store covers it
        auto lock = postgres::try_lock(config_.url, node_lock_key);
        if (!lock)
            return fail(Errc::conflict, "another Tollgate gateway is attached to this PostgreSQL store, so '" + node +
                                            "' cannot attach: stop the other one, or give this one its own database");
        return std::make_unique<PgNodeLock>(std::move(lock));
    }
    Result<void> backup(std::string const& path) override {
        if (postgres_) return fail(Errc::unprocessable, "back a PostgreSQL store up with pg_dump");
        if (path_ == ":memory:") return fail(Errc::unprocessable, "an in-memory store cannot be backed up");
        if (std::filesystem::exists(path)) return fail(Errc::conflict, path + " exists already: choose another name");
        sqlite::backup(path_, path);
        return {};
    }

private:
    StoreConfig config_;
    bool postgres_;
    std::string path_;
    std::unique_ptr<FileLock> lock_;
    sql::Dims dims_;
    sql::Connections connections_;
    sql::SqlAccountStore accounts_;
    sql::SqlKeyStore keys_;
    sql::SqlServiceTokenStore service_tokens_;
    sql::SqlCatalogStore catalog_;
    sql::SqlLedgerStore ledger_;
    sql::SqlRecordStore records_;
    sql::SqlAuditStore audit_;
    sql::SqlIdempotencyStore idempotency_;
    sql::SqlVerifyStore verify_;
};

Result<void> make_private_folder(std::string const& folder) {
    std::error_code error;
    if (std::filesystem::create_directories(folder, error) && !error) ::chmod(folder.c_str(), 0700);
    if (error || !std::filesystem::is_directory(folder))
        return fail(Errc::unavailable, "cannot make the data folder " + folder + ": " +
                                           (error ? error.message() : std::string("a file of that name is in the way")) +
                                           ". Choose another with --data");
    return {};
}

/// The database file behind a "sqlite:…" URL.
Result<std::string> sqlite_path(StoreConfig const& config) {
    auto const rest = config.url.substr(7);
    if (rest == ":memory:") return rest;
    if (!rest.empty()) return rest;
    if (!config.read_only)
        if (auto made = make_private_folder(config.data_dir); !made) return Fail(made.error());
    return (std::filesystem::path(config.data_dir) / "tollgate.db").string();
}

Result<std::unique_ptr<Store>> finish(StoreConfig const& config, bool postgres, std::string path,
                                      std::unique_ptr<FileLock> lock, std::unique_ptr<sql::Database> writer,
                                      sql::Connections::Open open_reader) {
    if (writer) {
        if (auto done = sql::migrate(*writer); !done) return Fail(done.error());
    } else {
        auto const reader = open_reader();
        if (auto known = sql::expect_known_schema(*reader); !known) return Fail(known.error());
    }
    return std::make_unique<SqlStore>(config, postgres, std::move(path), std::move(lock), std::move(writer),
                                      std::move(open_reader));
}

Result<std::unique_ptr<Store>> open_sqlite(StoreConfig const& config) {
    auto path = sqlite_path(config);
    if (!path) return Fail(path.error());
    if (*path == ":memory:")
        return finish(config, false, *path, nullptr, sqlite::open(*path, sqlite::Mode::writer), {});
    auto open_reader = [file = *path] { return sqlite::open(file, sqlite::Mode::reader); };
    if (config.read_only) return finish(config, false, *path, nullptr, nullptr, std::move(open_reader));
    auto lock = std::make_unique<FileLock>();
    if (auto taken = lock->take(*path + ".lock"); !taken) return Fail(taken.error());
    auto writer = sqlite::open(*path, sqlite::Mode::writer);
    return finish(config, false, *path, std::move(lock), std::move(writer), std::move(open_reader));
}

Result<std::unique_ptr<Store>> open_postgres(StoreConfig const& config) {
    auto open = [url = config.url] { return postgres::open(url); };
    auto writer = config.read_only ? nullptr : open();
    return finish(config, true, {}, nullptr, std::move(writer), std::move(open));
}

} // namespace

Result<std::unique_ptr<Store>> open_store(StoreConfig const& config) {
    bool const postgres = config.url.starts_with("postgres://") || config.url.starts_with("postgresql://");
    if (!postgres && !config.url.starts_with("sqlite:"))
        return fail(Errc::invalid_request, "the store URL must start with sqlite: or postgres://", "store");
    try {
        return postgres ? open_postgres(config) : open_sqlite(config);
    } catch (StoreUnavailable const& e) {
        std::string const hint = postgres ? ". Check that PostgreSQL runs and that address, user and password in --store are right"
                                          : ". Check that the data folder is writable and the disk not full";
        return fail(Errc::unavailable, std::string(e.what()) + hint, "store");
    }
}

} // namespace tollgate::store
