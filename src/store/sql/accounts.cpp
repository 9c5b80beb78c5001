#include "store/sql/paging.hpp"
#include "store/sql/text.hpp"

namespace tollgate::store::sql {
namespace {

std::string const columns = "id, name, coalesce(external_id, ''), kind, multiplier, overdraft, suspended, created_at";

AccountRow read_account(Query& q) {
    AccountRow a;
    a.id = AccountId{q.i64(0)};
    a.name = q.str(1);
    a.external_id = q.str(2);
    a.kind = static_cast<AccountKind>(q.i64(3));
    a.multiplier = Multiplier::from_ppb(q.i64(4));
    a.overdraft = Money::from_nanos(q.i64(5));
    a.suspended = q.i64(6) != 0;
    a.created_at = Timestamp{q.i64(7)};
    return a;
}

std::optional<AccountRow> by_external(Database& db, std::string_view external_id) {
    if (external_id.empty()) return std::nullopt;
    auto query = db.prepare("select " + columns + " from account where external_id = $1");
    if (!query.bind(external_id).step()) return std::nullopt;
    return read_account(query);
}

Query& bind_fields(Query& q, AccountRow const& a) {
    q.bind(std::string_view(a.name));
    if (a.external_id.empty())
        q.null();
    else
        q.bind(std::string_view(a.external_id));
    return q.bind(static_cast<std::int64_t>(a.kind)).bind(a.multiplier.ppb()).bind(a.overdraft.nanos())
        .bind(std::int64_t{a.suspended});
}

AccountRow insert(Database& db, AccountRow row) {
    auto query = db.prepare("insert into account(name, external_id, kind, multiplier, overdraft, suspended, created_at) "
                            "values($1,$2,$3,$4,$5,$6,$7) returning id");
    bind_fields(query, row).bind(row.created_at.ms).step();
    row.id = AccountId{query.i64(0)};
    query.run();
    return row;
}

Fail taken(AccountRow const& row) {
    return fail(Errc::conflict, "external_id '" + row.external_id + "' belongs to another account", "external_id");
}

} // namespace

Result<AccountRow> SqlAccountStore::create(AccountRow const& row) {
    try {
        return db_.write([&](Database& db) -> Result<AccountRow> {
            if (by_external(db, row.external_id)) return taken(row);
            return insert(db, row);
        });
    } catch (ConstraintViolation const& e) {
        if (e.unique) return taken(row);
        return refused_text(e);
    }
}

AccountRow SqlAccountStore::find_or_create(AccountRow const& row, bool& created) {
    created = false;
    if (auto found = find_external(row.external_id)) return *found;
    auto made = create(row);
    created = made.has_value();
    if (made) return *made;
    if (auto found = find_external(row.external_id)) return *found; // another process was quicker
    throw StoreUnavailable("account could not be made: " + made.error().message + " " + made.error().detail);
}

std::optional<AccountRow> SqlAccountStore::get(AccountId id) {
    return db_.read([&](Database& db) -> std::optional<AccountRow> {
        auto query = db.prepare("select " + columns + " from account where id = $1");
        if (!query.bind(id.value).step()) return std::nullopt;
        return read_account(query);
    });
}

std::optional<AccountRow> SqlAccountStore::find_external(std::string_view external_id) {
    return db_.read([&](Database& db) { return by_external(db, external_id); });
}

Page<AccountRow> SqlAccountStore::list(PageRequest const& page, std::string_view q) {
    return db_.read([&](Database& db) {
        auto const pattern = contains_pattern(q);
        auto query = db.prepare("select " + columns + " from account where id < $1 and (lower(name) like $2 escape '\\' or "
                                "lower(coalesce(external_id, '')) like $2 escape '\\') order by id desc limit $3 offset $4");
        query.bind(upper_bound(page)).bind(std::string_view(pattern)).bind(std::int64_t{page_limit(page)} + 1).bind(page.offset);
        return read_page<AccountRow>(query, page_limit(page), read_account, [](auto const& a) { return a.id.value; });
    });
}

Result<void> SqlAccountStore::update(AccountRow const& row) {
    try {
        return db_.write([&](Database& db) -> Result<void> {
            if (auto const other = by_external(db, row.external_id); other && other->id != row.id) return taken(row);
            auto query = db.prepare("update account set name = $1, external_id = $2, kind = $3, multiplier = $4, "
                                    "overdraft = $5, suspended = $6 where id = $7");
            if (bind_fields(query, row).bind(row.id.value).run() == 0)
                return fail(Errc::not_found, "no such account: '" + format_id(row.id) + "'");
            return {};
        });
    } catch (ConstraintViolation const& e) {
        if (e.unique) return taken(row);
        return refused_text(e);
    }
}

void SqlAccountStore::for_each(std::function<void(AccountRow const&)> const& visit) {
    db_.read([&](Database& db) {
        std::int64_t after = 0;
        for (int rows = 1; rows > 0;) {
            rows = 0;
            auto query = db.prepare("select " + columns + " from account where id > $1 order by id limit 5000");
            query.bind(after);
            for (; query.step(); ++rows) {
                auto const account = read_account(query);
                after = account.id.value;
                visit(account);
            }
        }
    });
}

} // namespace tollgate::store::sql
