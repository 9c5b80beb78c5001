#include <algorithm>

#include "store/sql/paging.hpp"
#include "store/sql/text.hpp"

namespace tollgate::store::sql {
namespace {

Fail name_taken(std::string_view what, std::string const& name) {
    return fail(Errc::conflict, "a " + std::string(what) + " named '" + name + "' exists already", "name");
}

bool name_in_use(Database& db, std::string_view sql, std::string const& name, std::int64_t own_id) {
    auto query = db.prepare(sql);
    return query.bind(std::string_view(name)).step() && query.i64(0) != own_id;
}
constexpr std::string_view provider_by_name = "select id from provider where name = $1";
constexpr std::string_view model_by_name = "select id from model where name = $1";

/// $1 … $7
Query& bind_provider(Query& q, ProviderRow const& p, std::string const& expose) {
    return q.bind(std::string_view(p.name)).bind(std::string_view(p.kind)).bind(std::string_view(p.base_url))
        .blob(p.sealed_api_key).bind(std::string_view(p.options_json)).bind(std::string_view(expose))
        .bind(std::int64_t{p.enabled});
}

/// $1 … $7
Query& bind_model(Query& q, ModelRow const& m) {
    return q.bind(std::string_view(m.name)).bind(std::string_view(m.targets_json)).bind(std::string_view(m.price_json))
        .bind(m.multiplier.ppb()).bind(std::string_view(m.strategy)).bind(std::string_view(m.options_json))
        .bind(std::int64_t{m.enabled});
}

PriceVersionRow read_price(Query& q) {
    PriceVersionRow p;
    p.id = PriceVersionId{q.i64(0)};
    auto const hash = q.bytes(1);
    std::copy_n(hash.begin(), std::min(hash.size(), p.hash.size()), p.hash.begin());
    p.scope = q.str(2);
    p.source = q.str(3);
    p.effective_from = Timestamp{q.i64(4)};
    p.created_at = Timestamp{q.i64(5)};
    p.body = q.str(6);
    return p;
}

PriceVersionId put_price(Database& db, PriceVersionRow const& row) {
    std::string_view const hash(reinterpret_cast<char const*>(row.hash.data()), row.hash.size());
    auto const existing = [&] {
        auto query = db.prepare("select id from price_version where hash = $1");
        return PriceVersionId{query.blob(hash).step() ? query.i64(0) : 0};
    };
    if (auto const id = existing()) return id;
    db.prepare("insert into price_version(hash, scope, source, effective_from, created_at, body) values($1,$2,$3,$4,$5,$6) "
               "on conflict(hash) do nothing")
        .blob(hash).bind(std::string_view(row.scope)).bind(std::string_view(row.source)).bind(row.effective_from.ms)
        .bind(row.created_at.ms).bind(std::string_view(row.body)).run();
    return existing();
}

} // namespace

Result<ProviderRow> SqlCatalogStore::create_provider(ProviderRow const& row) {
    try {
        return db_.write([&](Database& db) -> Result<ProviderRow> {
            if (name_in_use(db, provider_by_name, row.name, 0)) return name_taken("provider", row.name);
            auto const expose = join_list(row.expose);
            auto made = row;
            auto query = db.prepare("insert into provider(name, kind, base_url, sealed_api_key, options_json, expose, enabled, "
                                    "created_at) values($1,$2,$3,$4,$5,$6,$7,$8) returning id");
            bind_provider(query, row, expose).bind(row.created_at.ms).step();
            made.id = ProviderId{query.i64(0)};
            query.run();
            return made;
        });
    } catch (ConstraintViolation const& e) {
        return refused_text(e);
    }
}

Result<void> SqlCatalogStore::update_provider(ProviderRow const& row) {
    try {
        return db_.write([&](Database& db) -> Result<void> {
            if (name_in_use(db, provider_by_name, row.name, row.id.value)) return name_taken("provider", row.name);
            auto const expose = join_list(row.expose);
            auto query = db.prepare("update provider set name = $1, kind = $2, base_url = $3, sealed_api_key = $4, "
                                    "options_json = $5, expose = $6, enabled = $7 where id = $8");
            if (bind_provider(query, row, expose).bind(row.id.value).run() == 0)
                return fail(Errc::not_found, "no such provider: '" + format_id(row.id) + "'");
            return {};
        });
    } catch (ConstraintViolation const& e) {
        return refused_text(e);
    }
}

Result<void> SqlCatalogStore::remove_provider(ProviderId id) {
    return db_.write([&](Database& db) -> Result<void> {
        if (db.prepare("delete from provider where id = $1").bind(id.value).run() == 0)
            return fail(Errc::not_found, "no such provider: '" + format_id(id) + "'");
        return {};
    });
}

std::vector<ProviderRow> SqlCatalogStore::providers() {
    return db_.read([&](Database& db) {
        auto q = db.prepare("select id, name, kind, base_url, sealed_api_key, options_json, expose, enabled, created_at "
                            "from provider order by id");
        std::vector<ProviderRow> out;
        while (q.step())
            out.push_back({ProviderId{q.i64(0)}, q.str(1), q.str(2), q.str(3), q.str(4), q.str(5), split_list(q.bytes(6)),
                           q.i64(7) != 0, Timestamp{q.i64(8)}});
        return out;
    });
}

Result<ModelRow> SqlCatalogStore::create_model(ModelRow const& row) {
    try {
        return db_.write([&](Database& db) -> Result<ModelRow> {
            if (name_in_use(db, model_by_name, row.name, 0)) return name_taken("model", row.name);
            auto made = row;
            auto query = db.prepare("insert into model(name, targets_json, price_json, multiplier, strategy, options_json, "
                                    "enabled, created_at) values($1,$2,$3,$4,$5,$6,$7,$8) returning id");
            bind_model(query, row).bind(row.created_at.ms).step();
            made.id = ModelId{query.i64(0)};
            query.run();
            return made;
        });
    } catch (ConstraintViolation const& e) {
        return refused_text(e);
    }
}

Result<void> SqlCatalogStore::update_model(ModelRow const& row) {
    try {
        return db_.write([&](Database& db) -> Result<void> {
            if (name_in_use(db, model_by_name, row.name, row.id.value)) return name_taken("model", row.name);
            auto query = db.prepare("update model set name = $1, targets_json = $2, price_json = $3, multiplier = $4, "
                                    "strategy = $5, options_json = $6, enabled = $7 where id = $8");
            if (bind_model(query, row).bind(row.id.value).run() == 0)
                return fail(Errc::not_found, "no such model: '" + format_id(row.id) + "'");
            return {};
        });
    } catch (ConstraintViolation const& e) {
        return refused_text(e);
    }
}

Result<void> SqlCatalogStore::remove_model(ModelId id) {
    return db_.write([&](Database& db) -> Result<void> {
        if (db.prepare("delete from model where id = $1").bind(id.value).run() == 0)
            return fail(Errc::not_found, "no such model: '" + format_id(id) + "'");
        return {};
    });
}

std::vector<ModelRow> SqlCatalogStore::models() {
    return db_.read([&](Database& db) {
        auto q = db.prepare("select id, name, targets_json, price_json, multiplier, strategy, options_json, enabled, created_at "
                            "from model order by id");
        std::vector<ModelRow> out;
        while (q.step())
            out.push_back({ModelId{q.i64(0)}, q.str(1), q.str(2), q.str(3), Multiplier::from_ppb(q.i64(4)), q.str(5),
                           q.str(6), q.i64(7) != 0, Timestamp{q.i64(8)}});
        return out;
    });
}

PriceVersionId SqlCatalogStore::put_price_version(PriceVersionRow const& row) {
    return db_.write([&](Database& db) { return put_price(db, row); });
}

std::vector<PriceVersionId> SqlCatalogStore::put_price_versions(std::vector<PriceVersionRow> const& rows) {
    return db_.write([&](Database& db) {
        std::vector<PriceVersionId> ids;
        for (auto const& row : rows) ids.push_back(put_price(db, row));
        return ids;
    });
}

std::optional<PriceVersionRow> SqlCatalogStore::price_version(PriceVersionId id) {
    return db_.read([&](Database& db) -> std::optional<PriceVersionRow> {
        auto query = db.prepare("select id, hash, scope, source, effective_from, created_at, body from price_version where id = $1");
        if (!query.bind(id.value).step()) return std::nullopt;
        return read_price(query);
    });
}

Page<PriceVersionRow> SqlCatalogStore::price_versions(PageRequest const& page, std::string_view scope, bool with_body) {
    return db_.read([&](Database& db) {
        std::string text = "select id, hash, scope, source, effective_from, created_at, ";
        text += with_body ? "body" : "''";
        text += " from price_version where id < $1";
        if (!scope.empty()) text += " and scope = $4";
        auto query = db.prepare(text + " order by id desc limit $2 offset $3");
        query.bind(upper_bound(page)).bind(std::int64_t{page_limit(page)} + 1).bind(page.offset);
        if (!scope.empty()) query.bind(scope);
        return read_page<PriceVersionRow>(query, page_limit(page), read_price, [](auto const& p) { return p.id.value; });
    });
}

std::optional<std::string> SqlCatalogStore::setting(std::string_view key) {
    return db_.read([&](Database& db) -> std::optional<std::string> {
        auto query = db.prepare("select value from setting where key = $1");
        if (!query.bind(key).step()) return std::nullopt;
        return query.str(0);
    });
}

std::vector<std::pair<std::string, std::string>> SqlCatalogStore::settings() {
    return db_.read([&](Database& db) {
        auto query = db.prepare("select key, value from setting order by key");
        std::vector<std::pair<std::string, std::string>> out;
        while (query.step()) out.emplace_back(query.str(0), query.str(1));
        return out;
    });
}

void SqlCatalogStore::put_setting(std::string_view key, std::string_view value) {
    db_.write([&](Database& db) {
        db.prepare("insert into setting(key, value) values($1, $2) on conflict(key) do update set value = excluded.value")
            .bind(key).bind(value).run();
    });
}

} // namespace tollgate::store::sql
