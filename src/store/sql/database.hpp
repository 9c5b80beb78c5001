#pragma once
// One database connection, as small as the portable queries need it: prepared statements with `$1 … $n`, typed
// columns, transactions, bulk inserts. Two drivers implement it. A connection and everything made from it belong to
// one thread at a time.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.hpp"

namespace tollgate::store::sql {

/// A constraint refused a statement (unique, check, append-only trigger). On PostgreSQL the transaction is then
/// dead, so expected conflicts are looked for first or written as ON CONFLICT; this one ends the transaction.
class ConstraintViolation : public std::runtime_error {
public:
    ConstraintViolation(bool unique_, std::string const& what_arg) : std::runtime_error(what_arg), unique(unique_) {}
    bool unique; ///< a unique index; else check, trigger, not null
};

/// A prepared statement of one driver, kept in its connection's cache.
class Statement {
public:
    virtual ~Statement() = default;
    virtual void bind_int(int index, std::int64_t value) = 0; ///< index from 1
    virtual void bind_text(int index, std::string_view value) = 0;
    virtual void bind_blob(int index, std::string_view value) = 0;
    virtual void bind_null(int index) = 0;
    virtual bool step() = 0;
    virtual void reset() noexcept = 0;
    virtual std::int64_t column_int(int column) = 0; ///< column from 0; NULL reads as 0
    virtual std::string_view column_bytes(int column) = 0; ///< text or blob; valid until the next step; NULL = empty
    virtual bool column_null(int column) = 0;
    virtual std::int64_t changes() = 0;
};

/// A use of a prepared statement: bind in order, then step. Text and blobs given to bind must live until the last
/// step. One statement (same SQL text) has one use at a time.
class Query {
public:
    explicit Query(Statement* statement) : statement_(statement) {}
    Query(Query&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)), next_(other.next_) {}
    Query& operator=(Query&&) = delete;
    ~Query() {
        if (statement_) statement_->reset();
    }
    Query& bind(std::int64_t v) { return statement_->bind_int(++next_, v), *this; }
    Query& bind(std::string_view text) { return statement_->bind_text(++next_, text), *this; }
    Query& blob(std::string_view bytes) { return statement_->bind_blob(++next_, bytes), *this; }
    Query& null() { return statement_->bind_null(++next_), *this; }
    Query& bind(std::optional<std::int64_t> v) { return v ? bind(*v) : null(); }
    /// Next row; false = done. A statement that changes data runs to its end at the first step without RETURNING.
    bool step() { return statement_->step(); }
    /// Runs to the end; how many rows changed.
    std::int64_t run() {
        while (statement_->step()) {}
        return statement_->changes();
    }
    /// Ready to bind again.
    Query& again() {
        statement_->reset();
        next_ = 0;
        return *this;
    }
    std::int64_t i64(int column) { return statement_->column_int(column); }
    std::optional<std::int64_t> opt(int column) {
        return statement_->column_null(column) ? std::nullopt : std::optional(statement_->column_int(column));
    }
    std::string_view bytes(int column) { return statement_->column_bytes(column); }
    std::string str(int column) { return std::string(statement_->column_bytes(column)); }
    bool is_null(int column) { return statement_->column_null(column); }

private:
    Statement* statement_;
    int next_ = 0;
};

/// Many rows into one table with one statement text. Values are given column by column, row after row.
class Bulk {
public:
    virtual ~Bulk() = default;
    virtual void add(std::int64_t value) = 0;
    virtual void text(std::string_view value) = 0;  ///< must live until end_row
    virtual void blob(std::string_view value) = 0;  ///< must live until end_row
    virtual void null() = 0;
    virtual void end_row() = 0;
    /// Sends what is left. `inserted`: per row, whether it was inserted (false = ON CONFLICT DO NOTHING met another).
    virtual void finish(std::vector<bool>* inserted = nullptr) = 0;
};

/// Columns of a bulk insert: 'i' bigint, 't' text, 'b' blob.
struct BulkInsert {
    std::string_view into;    ///< "record_uid(uid, record_id)"
    std::string_view types;   ///< "ii"
    std::string_view tail;    ///< "on conflict do nothing", or empty
};

class Database {
public:
    virtual ~Database() = default;
    /// Throws StoreUnavailable, or std::logic_error when the SQL itself is wrong.
    virtual Query prepare(std::string_view sql) = 0;
    virtual std::unique_ptr<Bulk> bulk(BulkInsert const& insert) = 0;
    /// Several statements without parameters.
    virtual void script(std::string const& sql) = 0;
    virtual void begin(bool write) = 0;
    virtual void commit() = 0;
    virtual void rollback() noexcept = 0;
    virtual bool is_postgres() const noexcept = 0;
};

/// Rolled back unless committed.
class Transaction {
public:
    Transaction(Database& db, bool write) : db_(&db) { db.begin(write); }
    Transaction(Transaction const&) = delete;
    Transaction& operator=(Transaction const&) = delete;
    ~Transaction() {
        if (db_) db_->rollback();
    }
    void commit() {
        auto* const db = std::exchange(db_, nullptr);
        try {
            db->commit();
        } catch (...) {
            db->rollback();
            throw;
        }
    }

private:
    Database* db_;
};

} // namespace tollgate::store::sql
