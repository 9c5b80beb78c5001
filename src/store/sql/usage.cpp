// Sums over records: whole hours come from the rollups, the edges of a range from the records themselves.
#include <algorithm>
#include <functional>
#include <map>

#include "store/sql/record_scan.hpp"
#include "store/sql/rollups.hpp"
#include "store/sql/stores.hpp"

namespace tollgate::store::sql {
namespace {

constexpr std::int64_t hour_min = -1'000'000'000, hour_max = 1'000'000'000;

struct Condition {
    std::string_view column;
    std::int64_t value;
};

/// A usage filter with its texts looked up and its range split into whole hours and edges.
struct Plan {
    bool nothing = false;
    std::vector<Condition> conditions; ///< on model, provider, route, outcome
    std::int64_t account = 0, key = 0;
    std::int64_t hour_first = hour_min, hour_end = hour_max; ///< [first, end)
    std::vector<std::pair<Timestamp, Timestamp>> edges;      ///< [start, end)
};

/// A bound inside an hour whose rest holds no record needs no edge: that is the usual "until now" and "since ever".
void plan_range(Database& db, Plan& plan, std::optional<Timestamp> start, std::optional<Timestamp> end) {
    if (!start && !end) return;
    auto query = db.prepare("select min(minute), max(minute) from record_minute");
    query.step();
    if (query.is_null(0)) {
        plan.nothing = true;
        return;
    }
    auto const oldest = query.i64(0) * ms_per_minute, newest = (query.i64(1) + 1) * ms_per_minute;
    auto const from = start ? std::max(start->ms, floor_div(oldest, ms_per_hour) * ms_per_hour) : oldest;
    auto const to = end ? std::min(end->ms, (floor_div(newest - 1, ms_per_hour) + 1) * ms_per_hour) : newest;
    plan.nothing = from >= to;
    plan.hour_first = from <= oldest ? floor_div(from, ms_per_hour) : floor_div(from - 1, ms_per_hour) + 1;
    plan.hour_end = to >= newest ? floor_div(to - 1, ms_per_hour) + 1 : floor_div(to, ms_per_hour);
    auto const inner_from = plan.hour_first * ms_per_hour, inner_to = plan.hour_end * ms_per_hour;
    if (plan.hour_first > plan.hour_end) { // both ends inside one hour
        plan.edges.emplace_back(Timestamp{from}, Timestamp{to});
        plan.hour_end = plan.hour_first;
        return;
    }
    if (from < inner_from) plan.edges.emplace_back(Timestamp{from}, Timestamp{inner_from});
    if (to > inner_to) plan.edges.emplace_back(Timestamp{inner_to}, Timestamp{to});
}

Plan make_plan(Database& db, Dims& dims, UsageFilter const& filter) {
    Plan plan;
    auto const text = [&](std::string_view column, std::optional<std::string> const& value) {
        if (!value) return;
        auto const number = value->empty() ? 0 : dims.find(db, *value);
        plan.nothing = plan.nothing || (number == 0 && !value->empty());
        plan.conditions.push_back({column, number});
    };
    text("model", filter.model);
    text("provider", filter.provider);
    text("route", filter.route);
    if (filter.outcome) plan.conditions.push_back({"outcome", static_cast<std::int64_t>(*filter.outcome)});
    plan.account = filter.account_id.value;
    plan.key = filter.key_id.value;
    if (plan.key) { // rollup_key has no account: a key of another account has no usage here
        auto owner = db.prepare("select account_id from api_key where id = $1");
        auto const account = owner.bind(plan.key).step() ? owner.i64(0) : plan.account;
        plan.nothing = plan.nothing || (plan.account && plan.account != account);
        plan.account = account;
    }
    if (!plan.nothing) plan_range(db, plan, filter.start, filter.end);
    return plan;
}

/// One value per row of sums: the grouping column, or 0.
using Collect = std::function<void(std::int64_t group, Sums const&)>;

struct Source {
    std::string_view table, scope; ///< scope: column bound to an id, or empty
    std::int64_t id = 0;
    std::string_view time = "hour";
    std::int64_t first = 0, end = 0;
};

void read_sums(Database& db, Source const& source, std::vector<Condition> const& conditions, std::string_view group,
               Collect const& collect) {
    std::string text = "select " + (group.empty() ? std::string("0") : std::string(group)) + ", " + sum_columns(true) +
                       " from " + std::string(source.table) + " where " + std::string(source.time) + " >= $1 and " +
                       std::string(source.time) + " < $2";
    int n = 2;
    if (!source.scope.empty()) text += " and " + std::string(source.scope) + " = $" + std::to_string(++n);
    for (auto const& c : conditions) text += " and " + std::string(c.column) + " = $" + std::to_string(++n);
    if (!group.empty()) text += " group by " + std::string(group);
    auto query = db.prepare(text);
    query.bind(source.first).bind(source.end);
    if (!source.scope.empty()) query.bind(source.id);
    for (auto const& c : conditions) query.bind(c.value);
    while (query.step())
        if (!query.is_null(1)) collect(query.i64(0), Sums::of_row(query, 1));
}

Source source_of(Plan const& plan) {
    if (plan.key) return {"rollup_key", "key_id", plan.key, "hour", plan.hour_first, plan.hour_end};
    if (plan.account) return {"rollup_account", "account_id", plan.account, "hour", plan.hour_first, plan.hour_end};
    return {"rollup_all", "", 0, "hour", plan.hour_first, plan.hour_end};
}

/// The records of the edges, through the same indexes as lists.
void read_edges(Database& db, Dims& dims, Plan const& plan, UsageFilter const& filter,
                std::function<void(StoredRecord const&)> const& visit) {
    for (auto const& [start, end] : plan.edges) {
        RecordFilter const f{.account_id = filter.account_id, .key_id = filter.key_id, .model = filter.model,
                             .route = filter.route, .provider = filter.provider, .status = {},
                             .outcome = filter.outcome, .start = start, .end = end};
        RecordScan scan(db, dims, f);
        auto const once = [&](StoredRecord const& stored) {
            if (scan.matches(stored)) visit(stored);
            return true;
        };
        if (scan.unindexed()) {
            visit_run(db, dims, scan.range().low, scan.range().high, true, once);
            continue;
        }
        for (auto at = scan.candidate(scan.range().high); at > 0; at = scan.candidate(at - 1))
            if (auto const stored = read_position(db, dims, at)) once(*stored);
    }
}

Sums sums_of(RequestRecord const& r) {
    Sums s;
    s.add(r);
    return s;
}

/// By key or account over all: whole days from the daily table, the hours around them from the hourly one.
void read_by_owner(Database& db, Plan const& plan, std::string_view group, Collect const& collect) {
    std::string_view const scope = plan.account ? "account_id" : "";
    auto const day_first = floor_div(plan.hour_first + hours_per_day - 1, hours_per_day);
    auto const day_end = floor_div(plan.hour_end, hours_per_day);
    auto const hours = [&](std::int64_t first, std::int64_t end) {
        if (first < end) read_sums(db, {"rollup_key_hour", scope, plan.account, "hour", first, end}, {}, group, collect);
    };
    if (day_first >= day_end) return hours(plan.hour_first, plan.hour_end);
    hours(plan.hour_first, day_first * hours_per_day);
    read_sums(db, {"rollup_key_day", scope, plan.account, "day", day_first, day_end}, {}, group, collect);
    hours(day_end * hours_per_day, plan.hour_end);
}

/// With conditions that the owner tables do not carry: each owner that was active, one by one.
void read_by_owner_filtered(Database& db, Plan const& plan, BreakdownBy by, Collect const& collect) {
    std::vector<std::int64_t> owners;
    if (by == BreakdownBy::account && plan.account) {
        owners.push_back(plan.account);
    } else {
        Plan bare;
        bare.account = plan.account;
        bare.hour_first = plan.hour_first;
        bare.hour_end = plan.hour_end;
        read_by_owner(db, bare, by == BreakdownBy::key ? "key_id" : "account_id",
                      [&](std::int64_t id, Sums const&) { owners.push_back(id); });
        std::sort(owners.begin(), owners.end());
        owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
    }
    bool const keys = by == BreakdownBy::key;
    for (auto const owner : owners)
        read_sums(db, {keys ? "rollup_key" : "rollup_account", keys ? "key_id" : "account_id", owner, "hour",
                       plan.hour_first, plan.hour_end},
                  plan.conditions, "", [&](std::int64_t, Sums const& s) { collect(owner, s); });
}

std::string_view group_column(BreakdownBy by) {
    switch (by) {
    case BreakdownBy::model: return "model";
    case BreakdownBy::provider: return "provider";
    case BreakdownBy::route: return "route";
    case BreakdownBy::outcome: return "outcome";
    case BreakdownBy::key: return "key_id";
    case BreakdownBy::account: return "account_id";
    }
    return "";
}

} // namespace

UsageTotals SqlRecordStore::summary(UsageFilter const& filter) {
    return db_.read([&](Database& db) {
        Sums sums;
        auto const plan = make_plan(db, dims_, filter);
        if (plan.nothing) return sums.totals();
        read_sums(db, source_of(plan), plan.conditions, "", [&](std::int64_t, Sums const& s) { sums.add(s); });
        read_edges(db, dims_, plan, filter, [&](StoredRecord const& r) { sums.add(r.record); });
        return sums.totals();
    });
}

std::vector<TimePoint> SqlRecordStore::timeseries(UsageFilter const& filter, TimeStep step, int utc_offset_minutes) {
    return db_.read([&](Database& db) {
        std::map<std::int64_t, Sums> points; // by start, in hours since 1970
        auto const offset = floor_div(utc_offset_minutes, 60);
        auto const slot = [&](std::int64_t hour) {
            return step == TimeStep::hour ? hour : floor_div(hour + offset, hours_per_day) * hours_per_day - offset;
        };
        auto const plan = make_plan(db, dims_, filter);
        if (!plan.nothing) {
            read_sums(db, source_of(plan), plan.conditions, "hour",
                      [&](std::int64_t hour, Sums const& s) { points[slot(hour)].add(s); });
            read_edges(db, dims_, plan, filter, [&](StoredRecord const& r) {
                points[slot(floor_div(r.record.time.ms, ms_per_hour))].add(r.record);
            });
        }
        std::vector<TimePoint> out;
        for (auto const& [hour, sums] : points) out.push_back({Timestamp{hour * ms_per_hour}, sums.totals()});
        return out;
    });
}

std::vector<BreakdownRow> SqlRecordStore::breakdown(UsageFilter const& filter, BreakdownBy by, int limit) {
    return db_.read([&](Database& db) {
        bool const by_owner = by == BreakdownBy::key || by == BreakdownBy::account;
        std::map<std::int64_t, Sums> groups;    // by number of the text, outcome or owner
        std::map<std::string, Sums> unnumbered; // texts met in edges only go by themselves
        auto const collect = [&](std::int64_t group, Sums const& s) { groups[group].add(s); };
        auto const plan = make_plan(db, dims_, filter);
        if (!plan.nothing) {
            if (by_owner && plan.key) {
                auto const id = by == BreakdownBy::key ? plan.key : plan.account;
                read_sums(db, source_of(plan), plan.conditions, "", [&](std::int64_t, Sums const& s) { collect(id, s); });
            } else if (by_owner && plan.conditions.empty()) {
                read_by_owner(db, plan, group_column(by), collect);
            } else if (by_owner) {
                read_by_owner_filtered(db, plan, by, collect);
            } else {
                read_sums(db, source_of(plan), plan.conditions, group_column(by), collect);
            }
            read_edges(db, dims_, plan, filter, [&](StoredRecord const& s) {
                auto const& r = s.record;
                auto const one = sums_of(r);
                switch (by) {
                case BreakdownBy::model: unnumbered[has_dims(r) ? r.model : ""].add(one); break;
                case BreakdownBy::provider: unnumbered[has_dims(r) ? r.provider : ""].add(one); break;
                case BreakdownBy::route: unnumbered[has_dims(r) ? r.route : ""].add(one); break;
                case BreakdownBy::outcome: collect(static_cast<std::int64_t>(r.outcome), one); break;
                case BreakdownBy::key: collect(r.key_id.value, one); break;
                case BreakdownBy::account: collect(r.account_id.value, one); break;
                }
            });
        }
        std::vector<BreakdownRow> out;
        bool const texts = !by_owner && by != BreakdownBy::outcome;
        for (auto const& [group, sums] : groups) {
            if (texts)
                unnumbered[dims_.text(db, group)].add(sums);
            else
                out.push_back({by_owner ? "" : std::string(outcome_name(static_cast<Outcome>(group))),
                               by_owner ? group : 0, sums.totals()});
        }
        for (auto const& [name, sums] : unnumbered) out.push_back({name, 0, sums.totals()});
        std::stable_sort(out.begin(), out.end(), [](auto const& a, auto const& b) {
            return std::pair(a.totals.charge, a.totals.requests) > std::pair(b.totals.charge, b.totals.requests);
        });
        if (limit > 0 && out.size() > static_cast<std::size_t>(limit)) out.resize(static_cast<std::size_t>(limit));
        return out;
    });
}

} // namespace tollgate::store::sql
