#include <algorithm>

#include "store/sql/paging.hpp"
#include "store/sql/text.hpp"

namespace tollgate::store::sql {
namespace {

std::string const columns =
    "id, account_id, team_id, user_id, name, hash, prefix, sealed, scopes, models, routes, allowed_ips, tags, rpm, tpm, "
    "concurrency, cap_day, cap_week, cap_month, cap_total, expires_at, enabled, revoked_at, created_at, last_used_at, "
    "previous_hash, previous_until";

KeyHash read_hash(std::string_view bytes) {
    KeyHash hash{};
    std::copy_n(bytes.begin(), std::min(bytes.size(), hash.size()), hash.begin());
    return hash;
}
std::string_view hash_bytes(KeyHash const& hash) { return {reinterpret_cast<char const*>(hash.data()), hash.size()}; }

std::optional<Money> money_at(Query& q, int column) {
    auto const v = q.opt(column);
    return v ? std::optional(Money::from_nanos(*v)) : std::nullopt;
}
std::optional<Timestamp> time_at(Query& q, int column) {
    auto const v = q.opt(column);
    return v ? std::optional(Timestamp{*v}) : std::nullopt;
}
std::optional<std::int64_t> nanos(std::optional<Money> m) { return m ? std::optional(m->nanos()) : std::nullopt; }
std::optional<std::int64_t> millis(std::optional<Timestamp> t) { return t ? std::optional(t->ms) : std::nullopt; }

KeyRow read_key(Query& q) {
    KeyRow k;
    k.id = KeyId{q.i64(0)};
    k.account_id = AccountId{q.i64(1)};
    k.team_id = TeamId{q.i64(2)};
    k.user_id = UserId{q.i64(3)};
    k.name = q.str(4);
    k.hash = read_hash(q.bytes(5));
    k.prefix = q.str(6);
    k.sealed = q.str(7);
    k.scopes = split_list(q.bytes(8));
    k.models = split_list(q.bytes(9));
    k.routes = split_list(q.bytes(10));
    k.allowed_ips = split_list(q.bytes(11));
    k.tags = split_list(q.bytes(12));
    k.limits = {q.i64(13), q.i64(14), q.i64(15)};
    k.caps = {money_at(q, 16), money_at(q, 17), money_at(q, 18), money_at(q, 19)};
    k.expires_at = time_at(q, 20);
    k.enabled = q.i64(21) != 0;
    k.revoked_at = time_at(q, 22);
    k.created_at = Timestamp{q.i64(23)};
    k.last_used_at = time_at(q, 24);
    if (!q.is_null(25)) k.previous_hash = read_hash(q.bytes(25));
    k.previous_until = time_at(q, 26);
    return k;
}

/// The texts of a key's lists, alive while a query is bound to them.
struct Lists {
    explicit Lists(KeyRow const& k)
        : scopes(join_list(k.scopes)), models(join_list(k.models)), routes(join_list(k.routes)),
          allowed_ips(join_list(k.allowed_ips)), tags(join_list(k.tags)) {}
    std::string scopes, models, routes, allowed_ips, tags;
};

/// $1 … $16: team, user, name, five lists, limits, caps, expiry, enabled.
Query& bind_editable(Query& q, KeyRow const& k, Lists const& l) {
    q.bind(k.team_id.value).bind(k.user_id.value).bind(std::string_view(k.name));
    for (auto const* list : {&l.scopes, &l.models, &l.routes, &l.allowed_ips, &l.tags}) q.bind(std::string_view(*list));
    q.bind(k.limits.rpm).bind(k.limits.tpm).bind(k.limits.concurrency);
    q.bind(nanos(k.caps.day)).bind(nanos(k.caps.week)).bind(nanos(k.caps.month)).bind(nanos(k.caps.total));
    return q.bind(millis(k.expires_at)).bind(std::int64_t{k.enabled});
}

std::optional<KeyRow> by_id(Database& db, KeyId id) {
    auto query = db.prepare("select " + columns + " from api_key where id = $1");
    if (!query.bind(id.value).step()) return std::nullopt;
    return read_key(query);
}

bool hash_taken(Database& db, KeyHash const& hash) {
    auto query = db.prepare("select 1 from api_key where hash = $1 or previous_hash = $1");
    return query.blob(hash_bytes(hash)).step();
}

Fail no_such_key(KeyId id) { return fail(Errc::not_found, "no such key: '" + format_id(id) + "'"); }

} // namespace

Result<KeyRow> SqlKeyStore::create(KeyRow const& row) {
    try {
        return db_.write([&](Database& db) -> Result<KeyRow> {
            {
                auto account = db.prepare("select 1 from account where id = $1");
                if (!account.bind(row.account_id.value).step())
                    return fail(Errc::not_found, "no such account: '" + format_id(row.account_id) + "'", "account_id");
            }
            if (hash_taken(db, row.hash)) return fail(Errc::conflict, "this key is registered already", "key");
            Lists const lists(row);
            auto made = row;
            {
                auto query = db.prepare(
                    "insert into api_key(team_id, user_id, name, scopes, models, routes, allowed_ips, tags, rpm, tpm, "
                    "concurrency, cap_day, cap_week, cap_month, cap_total, expires_at, enabled, account_id, hash, prefix, "
                    "sealed, created_at, revoked_at, last_used_at) values($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,"
                    "$15,$16,$17,$18,$19,$20,$21,$22,$23,$24) returning id");
                bind_editable(query, row, lists).bind(row.account_id.value).blob(hash_bytes(row.hash))
                    .bind(std::string_view(row.prefix)).blob(row.sealed).bind(row.created_at.ms)
                    .bind(millis(row.revoked_at)).bind(millis(row.last_used_at)).step();
                made.id = KeyId{query.i64(0)};
                query.run();
            }
            made.previous_hash.reset();
            made.previous_until.reset();
            return made;
        });
    } catch (ConstraintViolation const& e) {
        if (e.unique) return fail(Errc::conflict, "this key is registered already", "key");
        return refused_text(e);
    }
}

std::optional<KeyRow> SqlKeyStore::get(KeyId id) {
    return db_.read([&](Database& db) { return by_id(db, id); });
}

std::optional<KeyRow> SqlKeyStore::find_hash(KeyHash const& hash) {
    return db_.read([&](Database& db) -> std::optional<KeyRow> {
        auto query = db.prepare("select " + columns + " from api_key where hash = $1");
        if (!query.blob(hash_bytes(hash)).step()) return std::nullopt;
        return read_key(query);
    });
}

Page<KeyRow> SqlKeyStore::list(PageRequest const& page, KeyFilter const& filter) {
    return db_.read([&](Database& db) {
        auto const contains = contains_pattern(filter.q), starts = starts_pattern(filter.q);
        std::string text = "select " + columns + " from api_key where id < $1 and (lower(name) like $2 escape '\\' or "
                           "lower(prefix) like $3 escape '\\')";
        if (!filter.include_revoked) text += " and revoked_at is null";
        if (filter.account_id) text += " and account_id = $6";
        auto query = db.prepare(text + " order by id desc limit $4 offset $5");
        query.bind(upper_bound(page)).bind(std::string_view(contains)).bind(std::string_view(starts))
            .bind(std::int64_t{page_limit(page)} + 1).bind(page.offset);
        if (filter.account_id) query.bind(filter.account_id.value);
        return read_page<KeyRow>(query, page_limit(page), read_key, [](auto const& k) { return k.id.value; });
    });
}

Result<void> SqlKeyStore::update(KeyRow const& row) {
    try {
        return db_.write([&](Database& db) -> Result<void> {
            Lists const lists(row);
            auto query = db.prepare("update api_key set team_id = $1, user_id = $2, name = $3, scopes = $4, models = $5, "
                                    "routes = $6, allowed_ips = $7, tags = $8, rpm = $9, tpm = $10, concurrency = $11, "
                                    "cap_day = $12, cap_week = $13, cap_month = $14, cap_total = $15, expires_at = $16, "
                                    "enabled = $17 where id = $18");
            if (bind_editable(query, row, lists).bind(row.id.value).run() == 0) return no_such_key(row.id);
            return {};
        });
    } catch (ConstraintViolation const& e) {
        return refused_text(e);
    }
}

Result<KeyRow> SqlKeyStore::revoke(KeyId id, Timestamp at) {
    return db_.write([&](Database& db) -> Result<KeyRow> {
        db.prepare("update api_key set revoked_at = $1 where id = $2 and revoked_at is null").bind(at.ms).bind(id.value).run();
        auto row = by_id(db, id);
        if (!row) return no_such_key(id);
        return *std::move(row);
    });
}

Result<KeyRow> SqlKeyStore::rotate(KeyId id, KeyHash const& hash, std::string const& prefix, std::string const& sealed,
                                   std::optional<Timestamp> old_valid_until) {
    return db_.write([&](Database& db) -> Result<KeyRow> {
        auto const before = by_id(db, id);
        if (!before) return no_such_key(id);
        if (before->revoked_at) return fail(Errc::conflict, "a revoked key cannot be rotated: make a new one");
        if (hash_taken(db, hash)) return fail(Errc::conflict, "this key is registered already", "key");
        auto query = db.prepare("update api_key set hash = $1, prefix = $2, sealed = $3, previous_hash = $4, "
                                "previous_until = $5 where id = $6");
        query.blob(hash_bytes(hash)).bind(std::string_view(prefix)).blob(sealed);
        if (old_valid_until)
            query.blob(hash_bytes(before->hash)).bind(old_valid_until->ms);
        else
            query.null().null();
        query.bind(id.value).run();
        return *by_id(db, id);
    });
}

void SqlKeyStore::for_each_key(std::function<void(KeyRow&&)> const& visit) {
    db_.read([&](Database& db) {
        std::int64_t after = 0;
        for (int rows = 1; rows > 0;) {
            rows = 0;
            auto query = db.prepare("select " + columns + " from api_key where id > $1 and revoked_at is null order by id limit 5000");
            query.bind(after);
            for (; query.step(); ++rows) {
                auto key = read_key(query);
                after = key.id.value;
                visit(std::move(key));
            }
        }
    });
}

void SqlKeyStore::touch_used(std::span<KeyUse const> uses) {
    if (uses.empty()) return;
    std::vector<KeyUse> sorted(uses.begin(), uses.end()); // in id order, so that rows are locked in one order
    std::sort(sorted.begin(), sorted.end(), [](auto const& a, auto const& b) { return a.id < b.id; });
    db_.write([&](Database& db) {
        for (auto const& use : sorted)
            db.prepare("update api_key set last_used_at = $1 where id = $2 and coalesce(last_used_at, 0) < $1")
                .bind(use.at.ms).bind(use.id.value).run();
    });
}

} // namespace tollgate::store::sql
