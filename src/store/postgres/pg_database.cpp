#include "store/postgres/pg_database.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <libpq-fe.h>
#include <unordered_map>
#include <unordered_set>

#include "base/check.hpp"
#include "store/postgres/pg_wire.hpp"
#include "store/postgres/utf8.hpp"

namespace tollgate::store::postgres {
namespace {

struct FreeResult {
    void operator()(PGresult* r) const { PQclear(r); }
};
using ResultPtr = std::unique_ptr<PGresult, FreeResult>;
struct FreeConnection {
    void operator()(PGconn* c) const { PQfinish(c); }
};
using ConnectionPtr = std::unique_ptr<PGconn, FreeConnection>;

/// libpq's messages end in newlines and may span lines.
std::string one_line(char const* text) {
    std::string out(text ? text : "");
    while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
    std::replace(out.begin(), out.end(), '\n', ' ');
    return out;
}

ConnectionPtr connect(std::string const& url) {
    // The URL stands last: what it says wins over these defaults.
    std::array<char const*, 5> const keys{"connect_timeout", "application_name", "client_encoding", "dbname", nullptr};
    std::array<char const*, 5> const values{"5", "tollgate", "UTF8", url.c_str(), nullptr};
    ConnectionPtr connection(PQconnectdbParams(keys.data(), values.data(), 1));
    if (!connection || PQstatus(connection.get()) != CONNECTION_OK)
        throw StoreUnavailable("postgres: " + one_line(connection ? PQerrorMessage(connection.get()) : "out of memory"));
    PQsetNoticeProcessor(connection.get(), [](void*, char const*) {}, nullptr);
    return connection;
}

class PgDatabase;

/// Parameters are kept in wire form until the first step; the whole result is read at once, so queries that may
/// return many rows are paged by their callers.
class PgStatement final : public sql::Statement {
public:
    PgStatement(PgDatabase& db, std::string_view text) : db_(db), text_(text) {}
    void bind_int(int index, std::int64_t v) override {
        auto& p = at(index);
        p.integer.clear();
        put_i64(p.integer, v);
        p.oid = oid_int8;
        p.null = false;
    }
    /// A search for bytes that no text can hold must find nothing rather than fail, so they are replaced.
    void bind_text(int index, std::string_view v) override {
        if (is_utf8(v)) return bind_view(index, v, oid_text);
        at(index).replaced = to_utf8(v);
        bind_view(index, at(index).replaced, oid_text);
        at(index).is_replaced = true;
    }
    void bind_blob(int index, std::string_view v) override { bind_view(index, v, oid_bytea); }
    void bind_bytes(int index, std::string_view v, unsigned oid) { bind_view(index, v, oid); }
    void bind_null(int index) override {
        auto& p = at(index);
        p.null = true;
        p.oid = 0;
    }
    bool step() override;
    void reset() noexcept override {
        result_.reset();
        row_ = -1;
    }
    std::int64_t column_int(int column) override {
        if (column_null(column)) return 0;
        return read_int(column_bytes(column));
    }
    std::string_view column_bytes(int column) override {
        return {PQgetvalue(result_.get(), row_, column),
                static_cast<std::size_t>(PQgetlength(result_.get(), row_, column))};
    }
    bool column_null(int column) override { return PQgetisnull(result_.get(), row_, column) != 0; }
    std::int64_t changes() override {
        char const* const text = result_ ? PQcmdTuples(result_.get()) : "";
        return *text ? std::strtoll(text, nullptr, 10) : 0;
    }

private:
    struct Parameter {
        std::string integer;  ///< wire form, when oid is int8
        std::string replaced; ///< the text instead of one that was not UTF-8
        bool is_replaced = false;
        std::string_view view;
        unsigned oid = 0;
        bool null = true;
    };
    void bind_view(int index, std::string_view v, unsigned oid) {
        auto& p = at(index);
        p.view = v;
        p.oid = oid;
        p.null = false;
        p.is_replaced = false;
    }
    Parameter& at(int index) {
        if (parameters_.size() < static_cast<std::size_t>(index)) parameters_.resize(static_cast<std::size_t>(index));
        return parameters_[static_cast<std::size_t>(index) - 1];
    }

    PgDatabase& db_;
    std::string text_;
    std::vector<Parameter> parameters_;
    /// Server-side names by the types of the parameters: a NULL has no type of its own, and a statement prepared
    /// with one guess must not be fed another. Ends with the connection it was prepared on.
    std::unordered_map<std::string, std::string> prepared_;
    std::uint64_t prepared_on_ = 0;
    ResultPtr result_;
    int row_ = -1;
};

/// Rows are collected into one array per column and sent as INSERT … SELECT FROM unnest(…).
class PgBulk final : public sql::Bulk {
public:
    PgBulk(PgDatabase& db, sql::BulkInsert const& insert);
    void add(std::int64_t value) override {
        if (column_ == 0) first_.push_back(value);
        columns_[column_++].add_int(value);
    }
    void text(std::string_view value) override { columns_[column_++].add_bytes(value); }
    void blob(std::string_view value) override { columns_[column_++].add_bytes(value); }
    void null() override { columns_[column_++].add_null(); }
    void end_row() override {
        TOLLGATE_CHECK(column_ == columns_.size(), "a bulk row has a value for every column");
        column_ = 0;
        if (++rows_ == 10'000) send();
    }
    void finish(std::vector<bool>* inserted) override {
        if (rows_) send();
        if (inserted) *inserted = std::move(inserted_);
    }

private:
    void send();
    PgDatabase& db_;
    std::string types_;
    std::string text_;
    std::vector<ArrayBuilder> columns_;
    std::vector<std::int64_t> first_;
    std::size_t column_ = 0;
    std::size_t rows_ = 0;
    std::vector<bool> inserted_;
};

class PgDatabase final : public sql::Database {
public:
    explicit PgDatabase(std::string url) : url_(std::move(url)), connection_(connect(url_)) {}
    sql::Query prepare(std::string_view text) override { return sql::Query(&statement(std::string(text))); }
    std::unique_ptr<sql::Bulk> bulk(sql::BulkInsert const& insert) override {
        return std::make_unique<PgBulk>(*this, insert);
    }
    void script(std::string const& text) override { check(ResultPtr(PQexec(live(), text.c_str())), text); }
    void begin(bool write) override {
        char const* const text = write ? "begin" : "begin isolation level repeatable read read only";
        reconnect_if_lost();
        try {
            check(ResultPtr(PQexec(live(), text)), "begin");
        } catch (StoreUnavailable const&) {
            if (connection_) throw;
            reconnect_if_lost(); // it was lost while idle and nothing has been asked of it yet
            check(ResultPtr(PQexec(live(), text)), "begin");
        }
    }
    void commit() override {
        ResultPtr result(PQexec(live(), "commit"));
        std::string const tag = result ? PQcmdStatus(result.get()) : "";
        check(std::move(result), "commit");
        if (tag != "COMMIT") throw StoreUnavailable("postgres: the transaction was rolled back at commit");
    }
    void rollback() noexcept override {
        if (connection_ && PQtransactionStatus(connection_.get()) != PQTRANS_IDLE)
            ResultPtr(PQexec(connection_.get(), "rollback"));
    }
    bool is_postgres() const noexcept override { return true; }

    PGconn* live() {
        if (!connection_ || PQstatus(connection_.get()) != CONNECTION_OK) lost("connection lost");
        return connection_.get();
    }
    std::uint64_t generation() const { return generation_; }
    std::string next_name() { return "s" + std::to_string(++names_); }
    PgStatement& statement(std::string text) {
        auto& slot = statements_[text];
        if (!slot) slot = std::make_unique<PgStatement>(*this, text);
        return *slot;
    }
    ResultPtr check(ResultPtr result, std::string_view doing) {
        auto const status = result ? PQresultStatus(result.get()) : PGRES_FATAL_ERROR;
        if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return result;
        char const* const field = result ? PQresultErrorField(result.get(), PG_DIAG_SQLSTATE) : nullptr;
        std::string const state = field ? field : "";
        std::string const text = "postgres: " + one_line(PQerrorMessage(connection_.get())) + " [" + state + "] in " +
                                 std::string(doing.substr(0, 200));
        if (PQstatus(connection_.get()) != CONNECTION_OK || state.empty()) lost(text);
        if (state.starts_with("23") || state == "P0001") throw sql::ConstraintViolation(state == "23505", text);
        if (state == "54000") throw sql::ConstraintViolation(false, text); // a text too long for its index
        // 42: wrong SQL, 22: wrong data. The rest (53 resources, 57 shutdown, 40 rollback, 58 system) is the server's.
        if (state.starts_with("42") || state.starts_with("22")) throw std::logic_error(text);
        throw StoreUnavailable(text);
    }

private:
    [[noreturn]] void lost(std::string const& why) {
        connection_.reset();
        throw StoreUnavailable(why.starts_with("postgres") ? why : "postgres: " + why);
    }
    void reconnect_if_lost() {
        if (connection_ && PQstatus(connection_.get()) == CONNECTION_OK) return;
        auto const now = std::chrono::steady_clock::now();
        if (now < next_try_) throw StoreUnavailable("postgres: connection lost, next try soon");
        next_try_ = now + backoff_;
        backoff_ = std::min(backoff_ * 2, std::chrono::milliseconds(5000));
        connection_ = connect(url_);
        ++generation_;
        backoff_ = std::chrono::milliseconds(100);
        next_try_ = {};
    }
    std::string url_;
    ConnectionPtr connection_;
    std::uint64_t generation_ = 1;
    std::uint64_t names_ = 0;
    std::chrono::milliseconds backoff_{100};
    std::chrono::steady_clock::time_point next_try_{};
    std::unordered_map<std::string, std::unique_ptr<PgStatement>> statements_;
};

bool PgStatement::step() {
    if (result_) return ++row_ < PQntuples(result_.get());
    auto* const connection = db_.live();
    if (prepared_on_ != db_.generation()) {
        prepared_.clear();
        prepared_on_ = db_.generation();
    }
    std::string signature;
    std::vector<Oid> oids;
    std::vector<char const*> values;
    std::vector<int> lengths, formats;
    for (auto const& p : parameters_) {
        signature += std::to_string(p.oid) + ',';
        oids.push_back(p.oid);
        auto const view = p.oid == oid_int8 ? std::string_view(p.integer)
                          : p.is_replaced   ? std::string_view(p.replaced)
                                            : p.view;
        values.push_back(p.null ? nullptr : view.data() ? view.data() : "");
        lengths.push_back(static_cast<int>(view.size()));
        formats.push_back(1);
    }
    int const n = static_cast<int>(parameters_.size());
    auto& name = prepared_[signature];
    if (name.empty()) {
        auto fresh = db_.next_name();
        db_.check(ResultPtr(PQprepare(connection, fresh.c_str(), text_.c_str(), n, oids.data())), text_);
        name = std::move(fresh);
    }
    result_ = db_.check(ResultPtr(PQexecPrepared(connection, name.c_str(), n, values.data(), lengths.data(),
                                                 formats.data(), 1)), text_);
    row_ = 0;
    return row_ < PQntuples(result_.get());
}

PgBulk::PgBulk(PgDatabase& db, sql::BulkInsert const& insert) : db_(db), types_(insert.types) {
    text_ = "insert into " + std::string(insert.into) + " select * from unnest(";
    for (std::size_t i = 0; i < types_.size(); ++i) {
        char const t = types_[i];
        text_ += (i ? ",$" : "$") + std::to_string(i + 1) +
                 (t == 'i' ? "::bigint[]" : t == 't' ? "::text[]" : "::bytea[]");
        columns_.emplace_back(t == 'i' ? oid_int8 : t == 't' ? oid_text : oid_bytea);
    }
    text_ += ") " + std::string(insert.tail);
    if (types_[0] == 'i' && insert.tail.find("do nothing") != std::string_view::npos) {
        auto const open = insert.into.find('(');
        text_ += " returning " + std::string(insert.into.substr(open + 1, insert.into.find(',') - open - 1));
    }
}

void PgBulk::send() {
    auto& statement = db_.statement(text_);
    std::vector<std::string> arrays;
    for (auto& c : columns_) {
        arrays.push_back(c.finish());
        c.clear();
    }
    for (std::size_t i = 0; i < arrays.size(); ++i)
        statement.bind_bytes(static_cast<int>(i) + 1, arrays[i],
                             types_[i] == 'i' ? oid_int8_array : types_[i] == 't' ? oid_text_array : oid_bytea_array);
    sql::Query query(&statement);
    if (text_.find(" returning ") != std::string::npos) {
        std::unordered_set<std::int64_t> kept;
        while (query.step()) kept.insert(query.i64(0));
        for (auto const v : first_) inserted_.push_back(kept.erase(v) > 0); // a second row of the same key was not
    } else {
        query.run();
        inserted_.insert(inserted_.end(), rows_, true);
    }
    first_.clear();
    rows_ = 0;
}

class PgAdvisoryLock final : public AdvisoryLock {
public:
    explicit PgAdvisoryLock(ConnectionPtr connection) : connection_(std::move(connection)) {}
    bool held() override {
        ResultPtr const result(PQexec(connection_.get(), "select 1"));
        return PQstatus(connection_.get()) == CONNECTION_OK && PQresultStatus(result.get()) == PGRES_TUPLES_OK;
    }

private:
    ConnectionPtr connection_;
};

} // namespace

std::unique_ptr<sql::Database> open(std::string const& url) { return std::make_unique<PgDatabase>(url); }

std::unique_ptr<AdvisoryLock> try_lock(std::string const& url, std::int64_t key) {
    auto connection = connect(url);
    auto const text = "select pg_try_advisory_lock(" + std::to_string(key) + ")";
    ResultPtr const result(PQexec(connection.get(), text.c_str()));
    if (PQresultStatus(result.get()) != PGRES_TUPLES_OK)
        throw StoreUnavailable("postgres: " + one_line(PQerrorMessage(connection.get())));
    if (std::string_view(PQgetvalue(result.get(), 0, 0)) != "t") return nullptr;
    return std::make_unique<PgAdvisoryLock>(std::move(connection));
}

} // namespace tollgate::store::postgres
