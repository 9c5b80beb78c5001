// /api/usage: records of requests and sums over them.
#include <array>

#include "control/handlers.hpp"
#include "control/record_filter.hpp"
#include "control/reply.hpp"
#include "control/views.hpp"
#include "store/account_store.hpp"
#include "store/key_store.hpp"
#include "store/record_store.hpp"
#include "store/store.hpp"

namespace tollgate::control {
namespace json = boost::json;
namespace {
constexpr std::array<std::string_view, 6> dimensions{"model", "key", "account", "provider", "route", "outcome"};

json::object with_range(store::UsageFilter const& filter, json::object totals) {
    json::object body;
    body["start"] = time_json(filter.start);
    body["end"] = time_json(filter.end);
    for (auto& member : totals) body[member.key()] = std::move(member.value());
    return body;
}

Response rows_reply(json::array data) {
    json::object body;
    body["data"] = std::move(data);
    body["next_cursor"] = nullptr;
    return json_reply(200, body);
}

json::object breakdown_json(Context& context, store::BreakdownBy by, store::BreakdownRow const& row) {
    json::object out;
    if (by == store::BreakdownBy::key) {
        out["key"] = format_id(KeyId{row.id});
        auto const key = context.store.keys().get(KeyId{row.id});
        out["name"] = key ? json::value(json::string(key->name)) : json::value(nullptr);
    } else if (by == store::BreakdownBy::account) {
        out["key"] = format_id(AccountId{row.id});
        auto const account = context.store.accounts().get(AccountId{row.id});
        out["name"] = account ? json::value(json::string(account->name)) : json::value(nullptr);
    } else {
        out["key"] = row.name;
        out["name"] = row.name;
    }
    auto totals = totals_json(row.totals);
    for (auto& member : totals) out[member.key()] = std::move(member.value());
    return out;
}

store::BreakdownBy dimension_of(std::string_view name) {
    using enum store::BreakdownBy;
    constexpr std::array values{model, key, account, provider, route, outcome};
    for (std::size_t i = 0; i < dimensions.size(); ++i)
        if (dimensions[i] == name) return values[i];
    return model;
}
} // namespace

Result<Response> list_records(Call& call) {
    auto const query = Query::parse(call.request.query, {"limit", "cursor", "sort", "account_id", "key_id", "model", "route",
                                                         "provider", "status", "outcome", "start", "end"});
    if (!query) return Fail(query.error());
    auto const page = page_of(*query);
    if (!page) return Fail(page.error());
    auto const filter = record_filter(*query);
    if (!filter) return Fail(filter.error());
    return list_reply(call.context.store.records().list(*page, *filter),
                      [](store::StoredRecord const& row) { return record_json(row.record); });
}

Result<Response> get_record(Call& call) {
    if (auto ok = no_query(call); !ok) return Fail(ok.error());
    auto const id = parse_uuid(call.params.at(0));
    auto const row = id ? call.context.store.records().get(*id) : std::nullopt;
    if (!row) return fail(Errc::not_found, "there is no record of a request '" + call.params[0].substr(0, 64) + "'");
    return json_reply(200, record_json(row->record));
}

Result<Response> usage_summary(Call& call) {
    auto const query = Query::parse(call.request.query,
                                    {"account_id", "key_id", "model", "provider", "route", "outcome", "start", "end"});
    if (!query) return Fail(query.error());
    auto const filter = usage_filter(*query, call.context.clock.now());
    if (!filter) return Fail(filter.error());
    return json_reply(200, with_range(*filter, totals_json(call.context.store.records().summary(*filter))));
}

Result<Response> usage_timeseries(Call& call) {
    auto const query = Query::parse(call.request.query, {"granularity", "account_id", "key_id", "model", "provider", "route",
                                                         "outcome", "start", "end"});
    if (!query) return Fail(query.error());
    auto const filter = usage_filter(*query, call.context.clock.now());
    if (!filter) return Fail(filter.error());
    auto const granularity = query->find("granularity") ? query->text("granularity") : "day";
    if (granularity != "day" && granularity != "hour")
        return fail(Errc::invalid_request, "query parameter 'granularity' must be 'hour' or 'day'", "granularity");
    auto const step = granularity == "hour" ? store::TimeStep::hour : store::TimeStep::day;
    if (step == store::TimeStep::hour && filter->end->ms - filter->start->ms > 92ll * 86'400'000)
        return fail(Errc::invalid_request, "by hour at most 92 days; narrow 'start' and 'end', or take granularity=day",
                    "granularity");
    json::array data;
    for (auto const& point : call.context.store.records().timeseries(*filter, step, 0)) {
        json::object row;
        row["time"] = time_json(point.start);
        auto totals = totals_json(point.totals);
        for (auto& member : totals) row[member.key()] = std::move(member.value());
        data.push_back(std::move(row));
    }
    return rows_reply(std::move(data));
}

Result<Response> usage_breakdown(Call& call) {
    auto const query = Query::parse(call.request.query, {"by", "limit", "account_id", "key_id", "model", "provider", "route",
                                                         "outcome", "start", "end"});
    if (!query) return Fail(query.error());
    auto const filter = usage_filter(*query, call.context.clock.now());
    if (!filter) return Fail(filter.error());
    auto const by = query->text("by");
    if (std::find(dimensions.begin(), dimensions.end(), by) == dimensions.end())
        return fail(Errc::invalid_request,
                    "query parameter 'by' must be one of model, key, account, provider, route, outcome", "by");
    auto const limit = query->integer("limit", 1, store::page_limit_max);
    if (!limit) return Fail(limit.error());
    auto const dimension = dimension_of(by);
    json::array data;
    for (auto const& row : call.context.store.records().breakdown(*filter, dimension, static_cast<int>(limit->value_or(100))))
        data.push_back(breakdown_json(call.context, dimension, row));
    return rows_reply(std::move(data));
}

} // namespace tollgate::control
