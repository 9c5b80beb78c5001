#include "store/sql/stores.hpp"

namespace tollgate::store::sql {
namespace {

enum State : std::int64_t { in_flight = 0, finished = 1 };

ReplayRow read_replay(Query& q) {
    return {KeyId{q.i64(0)}, q.str(1), q.str(2), q.str(3), Timestamp{q.i64(4)}};
}

} // namespace

IdempotencyBegin SqlIdempotencyStore::begin(std::string_view scope, std::string_view key, std::string_view request_hash,
                                            Timestamp now, std::int64_t claim_ttl_ms, std::int64_t keep_ms) {
    using Found = IdempotencyBegin::State;
    return db_.write([&](Database& db) {
        // An entry that no longer counts makes room first; then whoever inserts owns the claim.
        db.prepare("delete from idempotency where scope = $1 and key = $2 and (at < $3 or (state = 0 and at < $4))")
            .bind(scope).bind(key).bind(now.ms - keep_ms).bind(now.ms - claim_ttl_ms).run();
        auto const claimed =
            db.prepare("insert into idempotency(scope, key, request_hash, state, status, content_type, body, at) "
                       "values($1, $2, $3, 0, 0, '', $4, $5) on conflict(scope, key) do nothing")
                .bind(scope).bind(key).blob(request_hash).blob("").bind(now.ms).run();
        if (claimed > 0) return IdempotencyBegin{Found::fresh, {}};
        auto query = db.prepare("select request_hash, state, status, content_type, body from idempotency where scope = $1 "
                                "and key = $2");
        if (!query.bind(scope).bind(key).step()) return IdempotencyBegin{Found::in_flight, {}};
        if (query.bytes(0) != request_hash) return IdempotencyBegin{Found::mismatch, {}};
        if (query.i64(1) == in_flight) return IdempotencyBegin{Found::in_flight, {}};
        return IdempotencyBegin{Found::replay, {static_cast<int>(query.i64(2)), query.str(3), query.str(4)}};
    });
}

void SqlIdempotencyStore::finish(std::string_view scope, std::string_view key, KeptAnswer const& answer, Timestamp now) {
    db_.write([&](Database& db) {
        db.prepare("update idempotency set state = 1, status = $1, content_type = $2, body = $3, at = $4 "
                   "where scope = $5 and key = $6")
            .bind(std::int64_t{answer.status}).bind(std::string_view(answer.content_type)).blob(answer.body).bind(now.ms)
            .bind(scope).bind(key).run();
    });
}

void SqlIdempotencyStore::abandon(std::string_view scope, std::string_view key) {
    db_.write([&](Database& db) {
        db.prepare("delete from idempotency where scope = $1 and key = $2 and state = 0").bind(scope).bind(key).run();
    });
}

std::optional<ReplayRow> SqlIdempotencyStore::replay(KeyId key, std::string_view idempotency_key, Timestamp now) {
    return db_.read([&](Database& db) -> std::optional<ReplayRow> {
        auto query = db.prepare("select key_id, idempotency_key, request_hash, sealed, expires_at from replay "
                                "where key_id = $1 and idempotency_key = $2 and expires_at > $3");
        if (!query.bind(key.value).blob(idempotency_key).bind(now.ms).step()) return std::nullopt;
        return read_replay(query);
    });
}

std::vector<ReplayRow> SqlIdempotencyStore::replays(Timestamp now) {
    return db_.read([&](Database& db) {
        auto query = db.prepare("select key_id, idempotency_key, request_hash, sealed, expires_at from replay where expires_at > $1");
        query.bind(now.ms);
        std::vector<ReplayRow> out;
        while (query.step()) out.push_back(read_replay(query));
        return out;
    });
}

std::size_t SqlIdempotencyStore::purge(Timestamp now, int limit) {
    return db_.write([&](Database& db) {
        auto const kept = db.prepare("delete from idempotency where (scope, key) in (select scope, key from idempotency "
                                     "where at < $1 order by at limit $2)")
                              .bind(now.ms - 86'400'000).bind(std::int64_t{limit}).run();
        auto const replays = db.prepare("delete from replay where (key_id, idempotency_key) in (select key_id, "
                                        "idempotency_key from replay where expires_at <= $1 order by expires_at limit $2)")
                                 .bind(now.ms).bind(std::int64_t{limit}).run();
        return static_cast<std::size_t>(kept + replays);
    });
}

} // namespace tollgate::store::sql
