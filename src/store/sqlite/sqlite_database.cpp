#include "store/sqlite/sqlite_database.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>
#include <unordered_map>

namespace tollgate::store::sqlite {
namespace {

[[noreturn]] void throw_error(sqlite3* db, int code, std::string_view doing) {
    std::string const text = "sqlite: " + std::string(doing) + ": " +
                             (db ? sqlite3_errmsg(db) : sqlite3_errstr(code)) + " (" + std::to_string(code) + ")";
    if ((code & 0xff) == SQLITE_CONSTRAINT)
        throw sql::ConstraintViolation(code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY, text);
    if ((code & 0xff) == SQLITE_ERROR || (code & 0xff) == SQLITE_MISUSE || (code & 0xff) == SQLITE_RANGE)
        throw std::logic_error(text);
    throw StoreUnavailable(text);
}

/// `$3` → `?3`: SQLite numbers `$n` by order of appearance, the portable queries by n.
std::string numbered(std::string_view text) {
    std::string out(text);
    for (auto& c : out)
        if (c == '$') c = '?';
    return out;
}

class SqliteStatement final : public sql::Statement {
public:
    SqliteStatement(sqlite3* db, std::string_view text) : db_(db) {
        auto const sql = numbered(text);
        int const rc = sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                          &statement_, nullptr);
        if (rc != SQLITE_OK) throw_error(db, rc, sql);
    }
    SqliteStatement(SqliteStatement const&) = delete;
    SqliteStatement& operator=(SqliteStatement const&) = delete;
    ~SqliteStatement() override { sqlite3_finalize(statement_); }

    void bind_int(int index, std::int64_t value) override { check(sqlite3_bind_int64(statement_, index, value)); }
    void bind_text(int index, std::string_view v) override {
        check(sqlite3_bind_text64(statement_, index, v.data() ? v.data() : "", v.size(), SQLITE_STATIC, SQLITE_UTF8));
    }
    void bind_blob(int index, std::string_view v) override {
        check(sqlite3_bind_blob64(statement_, index, v.data() ? v.data() : "", v.size(), SQLITE_STATIC));
    }
    void bind_null(int index) override { check(sqlite3_bind_null(statement_, index)); }
    bool step() override {
        int const rc = sqlite3_step(statement_);
        if (rc == SQLITE_ROW) return true;
        if (rc != SQLITE_DONE) throw_error(db_, sqlite3_extended_errcode(db_), sqlite3_sql(statement_));
        return false;
    }
    void reset() noexcept override { sqlite3_reset(statement_); }
    std::int64_t column_int(int column) override { return sqlite3_column_int64(statement_, column); }
    std::string_view column_bytes(int column) override {
        auto const* data = static_cast<char const*>(sqlite3_column_blob(statement_, column));
        return {data, data ? static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)) : 0};
    }
    bool column_null(int column) override { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
    std::int64_t changes() override { return sqlite3_changes64(db_); }

private:
    void check(int rc) {
        if (rc != SQLITE_OK) throw_error(db_, rc, "bind");
    }
    sqlite3* db_;
    sqlite3_stmt* statement_ = nullptr;
};

/// One prepared INSERT stepped per row: nothing is copied, and SQLite has no cheaper way.
class SqliteBulk final : public sql::Bulk {
public:
    explicit SqliteBulk(SqliteStatement& statement) : statement_(statement) {}
    ~SqliteBulk() override { statement_.reset(); }
    void add(std::int64_t value) override { statement_.bind_int(++next_, value); }
    void text(std::string_view value) override { statement_.bind_text(++next_, value); }
    void blob(std::string_view value) override { statement_.bind_blob(++next_, value); }
    void null() override { statement_.bind_null(++next_); }
    void end_row() override {
        statement_.step();
        inserted_.push_back(statement_.changes() > 0);
        statement_.reset();
        next_ = 0;
    }
    void finish(std::vector<bool>* inserted) override {
        if (inserted) *inserted = std::move(inserted_);
    }

private:
    SqliteStatement& statement_;
    int next_ = 0;
    std::vector<bool> inserted_;
};

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view t) const noexcept { return std::hash<std::string_view>()(t); }
};

class SqliteDatabase final : public sql::Database {
public:
    explicit SqliteDatabase(sqlite3* db) : db_(db) {}
    SqliteDatabase(SqliteDatabase const&) = delete;
    SqliteDatabase& operator=(SqliteDatabase const&) = delete;
    ~SqliteDatabase() override {
        statements_.clear();
        sqlite3_close_v2(db_);
    }
    sql::Query prepare(std::string_view text) override { return sql::Query(&statement(text)); }
    std::unique_ptr<sql::Bulk> bulk(sql::BulkInsert const& insert) override {
        std::string text = "insert into " + std::string(insert.into) + " values(";
        for (std::size_t i = 1; i <= insert.types.size(); ++i) text += (i > 1 ? ",$" : "$") + std::to_string(i);
        text += ") " + std::string(insert.tail);
        return std::make_unique<SqliteBulk>(statement(text));
    }
    void script(std::string const& text) override {
        int const rc = sqlite3_exec(db_, text.c_str(), nullptr, nullptr, nullptr);
        if (rc != SQLITE_OK) throw_error(db_, sqlite3_extended_errcode(db_), "script");
    }
    void begin(bool write) override { prepare(write ? "begin immediate" : "begin").run(); }
    void commit() override { prepare("commit").run(); }
    void rollback() noexcept override {
        if (sqlite3_get_autocommit(db_)) return; // SQLite has rolled back by itself (disk full, I/O error)
        sqlite3_exec(db_, "rollback", nullptr, nullptr, nullptr);
    }
    bool is_postgres() const noexcept override { return false; }

private:
    SqliteStatement& statement(std::string_view text) {
        auto found = statements_.find(text);
        if (found == statements_.end())
            found = statements_.emplace(std::string(text), std::make_unique<SqliteStatement>(db_, text)).first;
        return *found->second;
    }
    sqlite3* db_;
    std::unordered_map<std::string, std::unique_ptr<SqliteStatement>, TextHash, std::equal_to<>> statements_;
};

sqlite3* open_handle(std::string const& path, int flags) {
    sqlite3* db = nullptr;
    int const rc = sqlite3_open_v2(path.c_str(), &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
    if (rc != SQLITE_OK) {
        std::string const text = "cannot open " + path + ": " + (db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
        sqlite3_close(db);
        throw StoreUnavailable(text);
    }
    return db;
}

/// Makes the file with mode 0600 before SQLite opens it; the -wal and -shm files take over its mode.
void make_private(std::string const& path) {
    int const fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) throw StoreUnavailable("cannot open " + path + ": " + std::strerror(errno));
    ::close(fd);
}

} // namespace

std::unique_ptr<sql::Database> open(std::string const& path, Mode mode) {
    bool const writer = mode == Mode::writer;
    if (writer && path != ":memory:") make_private(path);
    auto db = std::make_unique<SqliteDatabase>(open_handle(path, writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY));
    try {
        db->script("pragma busy_timeout=5000; pragma foreign_keys=on; pragma temp_store=memory;");
        if (writer)
            db->script("pragma page_size=8192; pragma journal_mode=wal; pragma synchronous=full;"
                       "pragma cache_size=-65536; pragma wal_autocheckpoint=4000; pragma journal_size_limit=67108864;");
        else
            db->script("pragma query_only=on; pragma cache_size=-16384;");
    } catch (std::logic_error const& e) { // "file is not a database" arrives as a plain error
        throw StoreUnavailable(e.what());
    }
    return db;
}

void backup(std::string const& from, std::string const& to) {
    auto* const source = open_handle(from, SQLITE_OPEN_READONLY);
    sqlite3* target = nullptr;
    try {
        make_private(to);
        target = open_handle(to, SQLITE_OPEN_READWRITE);
    } catch (...) {
        sqlite3_close(source);
        throw;
    }
    auto* const copy = sqlite3_backup_init(target, "main", source, "main");
    int rc = copy ? sqlite3_backup_step(copy, -1) : sqlite3_errcode(target);
    if (copy) sqlite3_backup_finish(copy);
    sqlite3_close(target);
    sqlite3_close(source);
    if (rc != SQLITE_DONE) throw StoreUnavailable("backup to " + to + ": " + sqlite3_errstr(rc));
}

} // namespace tollgate::store::sqlite
