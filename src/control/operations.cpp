// /health, /ready, /metrics and the audit log.
#include <array>

#include "control/handlers.hpp"
#include "control/reply.hpp"
#include "store/audit_store.hpp"
#include "store/store.hpp"

namespace tollgate::control {
namespace json = boost::json;
namespace {
/// The parts that /health/detailed always names; one without a probe is disabled.
constexpr std::array<std::string_view, 7> parts{"database", "journal",       "providers", "redis",
                                                "clickhouse", "cloudflare_kv", "clerk"};

std::string_view health_name(Health health) {
    switch (health) {
    case Health::healthy: return "healthy";
    case Health::degraded: return "degraded";
    case Health::unhealthy: return "unhealthy";
    case Health::disabled: return "disabled";
    }
    return "unhealthy";
}

HealthCheck run(HealthProbe const& probe) {
    try {
        return probe.check();
    } catch (std::exception const&) { // what() may name hosts or paths, and this endpoint is open
        return {Health::unhealthy, {}};
    }
}

/// The database is asked here, so that no caller forgets it.
HealthCheck database(Context& context) {
    auto const started_ns = context.clock.steady_ns();
    context.store.ping();
    auto const ms = (context.clock.steady_ns() - started_ns) / 1'000'000;
    return {Health::healthy, {{"backend", context.store.backend()}, {"response_ms", std::to_string(ms)}}};
}

struct Overall {
    Health health = Health::healthy;
    json::object checks;
};

Overall check_all(Context& context) {
    Overall all;
    auto take = [&](HealthProbe const& probe) {
        auto const check = run(probe);
        json::object row;
        row["status"] = health_name(check.status);
        for (auto const& [key, value] : check.facts) row[key] = value;
        all.checks[probe.name] = std::move(row);
        if (check.status == Health::unhealthy)
            all.health = probe.needed || all.health == Health::unhealthy ? Health::unhealthy : Health::degraded;
        else if (check.status == Health::degraded && all.health == Health::healthy)
            all.health = Health::degraded;
    };
    take({"database", true, [&] { return database(context); }});
    for (auto const& probe : context.probes) take(probe);
    for (auto const part : parts)
        if (!all.checks.contains(json::string_view(part.data(), part.size())))
            all.checks[json::string_view(part.data(), part.size())] = json::object{{"status", "disabled"}};
    return all;
}

Response status_reply(Health health, json::object body) {
    body["status"] = health_name(health);
    return json_reply(health == Health::unhealthy ? 503 : 200, body);
}
} // namespace

Result<Response> health(Call&) { return status_reply(Health::healthy, {}); }

Result<Response> health_detailed(Call& call) {
    auto all = check_all(call.context);
    json::object body;
    body["status"] = nullptr; // first in the text
    body["checks"] = std::move(all.checks);
    return status_reply(all.health, std::move(body));
}

Result<Response> ready(Call& call) {
    if (call.context.accepting && !call.context.accepting()) return status_reply(Health::unhealthy, {});
    return status_reply(check_all(call.context).health, {});
}

Result<Response> metrics(Call& call) {
    MetricsWriter writer;
    for (auto const& write : call.context.metrics) write(writer);
    Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = writer.text();
    return response;
}

Result<Response> list_audit_logs(Call& call) {
    auto const query = Query::parse(call.request.query, {"limit", "cursor", "sort", "q", "actor", "action", "target", "start", "end"});
    if (!query) return Fail(query.error());
    auto const page = page_of(*query);
    if (!page) return Fail(page.error());
    auto const range = range_of(*query);
    if (!range) return Fail(range.error());
    store::AuditFilter filter;
    filter.actor = query->text("actor");
    filter.action = query->text("action");
    filter.resource = query->text("target");
    filter.q = query->text("q");
    filter.start = range->start;
    filter.end = range->end;
    return list_reply(call.context.store.audit().list(*page, filter), [](store::AuditRow const& row) {
        json::object out;
        out["id"] = format_id(row.id);
        out["time"] = time_json(row.at);
        out["actor"] = row.actor;
        out["action"] = row.action;
        out["target"] = row.resource;
        out["before"] = stored_json(row.before_json);
        out["after"] = stored_json(row.after_json);
        out["client_ip"] = row.ip;
        out["request_id"] = row.request_id;
        return out;
    });
}

} // namespace tollgate::control
