#include "store/sql/paging.hpp"
#include "store/sql/text.hpp"

namespace tollgate::store::sql {

AuditId SqlAuditStore::append(AuditRow const& row) {
    return db_.write([&](Database& db) {
        auto query = db.prepare("insert into audit(at, actor, action, resource, before_json, after_json, ip, request_id) "
                                "values($1,$2,$3,$4,$5,$6,$7,$8) returning id");
        query.bind(row.at.ms);
        for (auto const* text : {&row.actor, &row.action, &row.resource, &row.before_json, &row.after_json, &row.ip, &row.request_id})
            query.bind(std::string_view(*text));
        query.step();
        AuditId const id{query.i64(0)};
        query.run();
        return id;
    });
}

Page<AuditRow> SqlAuditStore::list(PageRequest const& page, AuditFilter const& filter) {
    return db_.read([&](Database& db) {
        std::string text = "select id, at, actor, action, resource, before_json, after_json, ip, request_id from audit "
                           "where id < $1";
        auto const pattern = contains_pattern(filter.q);
        int n = 3;
        auto const exact = [&](std::string_view column, std::string const& value) {
            if (!value.empty()) text += " and " + std::string(column) + " = $" + std::to_string(++n);
        };
        exact("actor", filter.actor);
        exact("action", filter.action);
        exact("resource", filter.resource);
        if (filter.start) text += " and at >= $" + std::to_string(++n);
        if (filter.end) text += " and at < $" + std::to_string(++n);
        if (!filter.q.empty()) {
            auto const like = " like $" + std::to_string(++n) + " escape '\\'";
            text += " and (lower(actor)" + like + " or lower(action)" + like + " or lower(resource)" + like + ")";
        }
        auto query = db.prepare(text + " order by id desc limit $2 offset $3");
        query.bind(upper_bound(page)).bind(std::int64_t{page_limit(page)} + 1).bind(page.offset);
        for (auto const* value : {&filter.actor, &filter.action, &filter.resource})
            if (!value->empty()) query.bind(std::string_view(*value));
        if (filter.start) query.bind(filter.start->ms);
        if (filter.end) query.bind(filter.end->ms);
        if (!filter.q.empty()) query.bind(std::string_view(pattern));
        return read_page<AuditRow>(
            query, page_limit(page),
            [](Query& q) {
                return AuditRow{AuditId{q.i64(0)}, Timestamp{q.i64(1)}, q.str(2), q.str(3), q.str(4),
                                q.str(5), q.str(6), q.str(7), q.str(8)};
            },
            [](auto const& a) { return a.id.value; });
    });
}

} // namespace tollgate::store::sql
