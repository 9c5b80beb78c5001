#include <algorithm>

#include "store/sql/paging.hpp"
#include "store/sql/text.hpp"

namespace tollgate::store::sql {
namespace {

std::string const columns = "id, name, hash, prefix, scopes, created_at, expires_at, revoked_at";

ServiceTokenRow read_token(Query& q) {
    ServiceTokenRow t;
    t.id = ServiceTokenId{q.i64(0)};
    t.name = q.str(1);
    auto const hash = q.bytes(2);
    std::copy_n(hash.begin(), std::min(hash.size(), t.hash.size()), t.hash.begin());
    t.prefix = q.str(3);
    t.scopes = split_list(q.bytes(4));
    t.created_at = Timestamp{q.i64(5)};
    if (auto const at = q.opt(6)) t.expires_at = Timestamp{*at};
    if (auto const at = q.opt(7)) t.revoked_at = Timestamp{*at};
    return t;
}

std::string_view hash_bytes(KeyHash const& hash) { return {reinterpret_cast<char const*>(hash.data()), hash.size()}; }

std::optional<ServiceTokenRow> by_id(Database& db, ServiceTokenId id) {
    auto query = db.prepare("select " + columns + " from service_token where id = $1");
    if (!query.bind(id.value).step()) return std::nullopt;
    return read_token(query);
}

} // namespace

Result<ServiceTokenRow> SqlServiceTokenStore::create(ServiceTokenRow const& row) {
    try {
        return db_.write([&](Database& db) -> Result<ServiceTokenRow> {
            auto const scopes = join_list(row.scopes);
            auto made = row;
            auto query = db.prepare("insert into service_token(name, hash, prefix, scopes, created_at, expires_at) "
                                    "values($1,$2,$3,$4,$5,$6) returning id");
            query.bind(std::string_view(row.name)).blob(hash_bytes(row.hash)).bind(std::string_view(row.prefix))
                .bind(std::string_view(scopes)).bind(row.created_at.ms)
                .bind(row.expires_at ? std::optional(row.expires_at->ms) : std::nullopt).step();
            made.id = ServiceTokenId{query.i64(0)};
            made.revoked_at.reset();
            query.run();
            return made;
        });
    } catch (ConstraintViolation const& e) {
        return refused_text(e);
    }
}

std::optional<ServiceTokenRow> SqlServiceTokenStore::get(ServiceTokenId id) {
    return db_.read([&](Database& db) { return by_id(db, id); });
}

std::optional<ServiceTokenRow> SqlServiceTokenStore::find_hash(KeyHash const& hash) {
    return db_.read([&](Database& db) -> std::optional<ServiceTokenRow> {
        auto query = db.prepare("select " + columns + " from service_token where hash = $1");
        if (!query.blob(hash_bytes(hash)).step()) return std::nullopt;
        return read_token(query);
    });
}

Page<ServiceTokenRow> SqlServiceTokenStore::list(PageRequest const& page) {
    return db_.read([&](Database& db) {
        auto query = db.prepare("select " + columns + " from service_token where id < $1 order by id desc limit $2 offset $3");
        query.bind(upper_bound(page)).bind(std::int64_t{page_limit(page)} + 1).bind(page.offset);
        return read_page<ServiceTokenRow>(query, page_limit(page), read_token, [](auto const& t) { return t.id.value; });
    });
}

Result<ServiceTokenRow> SqlServiceTokenStore::revoke(ServiceTokenId id, Timestamp at) {
    return db_.write([&](Database& db) -> Result<ServiceTokenRow> {
        db.prepare("update service_token set revoked_at = $1 where id = $2 and revoked_at is null")
            .bind(at.ms).bind(id.value).run();
        auto row = by_id(db, id);
        if (!row) return fail(Errc::not_found, "no such service token: '" + format_id(id) + "'");
        return *std::move(row);
    });
}

} // namespace tollgate::store::sql
