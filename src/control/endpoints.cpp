#include "control/endpoints.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "control/handlers.hpp"
#include "control/query.hpp"

namespace tollgate::control {
namespace {
using enum Access;
constexpr auto reads = Effect::reads;
constexpr auto writes = Effect::writes;

constexpr std::array table{
    Endpoint{"GET", "/health", open, "", reads, health},
    Endpoint{"GET", "/health/detailed", open, "", reads, health_detailed},
    Endpoint{"GET", "/ready", open, "", reads, ready},
    Endpoint{"GET", "/metrics", open, "", reads, metrics},
    Endpoint{"GET", "/openapi.json", open, "", reads, openapi_json},
    Endpoint{"GET", "/docs", open, "", reads, docs_page},

    Endpoint{"GET", "/api/auth/me", any_token, "", reads, auth_me},
    Endpoint{"GET", "/api/service-tokens", scope, "admin", reads, list_service_tokens},
    Endpoint{"POST", "/api/service-tokens", scope, "admin", writes, create_service_token},
    Endpoint{"DELETE", "/api/service-tokens/{id}", scope, "admin", writes, revoke_service_token},

    Endpoint{"GET", "/api/accounts", scope, "accounts:read", reads, list_accounts},
    Endpoint{"POST", "/api/accounts", scope, "accounts:write", writes, create_account},
    Endpoint{"GET", "/api/accounts/{id}", scope, "accounts:read", reads, get_account},
    Endpoint{"PATCH", "/api/accounts/{id}", scope, "accounts:write", writes, update_account},
    Endpoint{"POST", "/api/accounts/{id}/credit", scope, "accounts:credit", writes, credit_account},
    Endpoint{"GET", "/api/accounts/{id}/transactions", scope, "accounts:read", reads, list_account_transactions},

    Endpoint{"GET", "/api/keys", scope, "keys:read", reads, list_keys},
    Endpoint{"POST", "/api/keys", scope, "keys:write", writes, create_key},
    Endpoint{"GET", "/api/keys/{id}", scope, "keys:read", reads, get_key},
    Endpoint{"PATCH", "/api/keys/{id}", scope, "keys:write", writes, update_key},
    Endpoint{"DELETE", "/api/keys/{id}", scope, "keys:write", writes, revoke_key},
    Endpoint{"POST", "/api/keys/{id}/rotate", scope, "keys:write", writes, rotate_key},
    Endpoint{"POST", "/api/keys/{id}/reveal", scope, "keys:reveal", Effect::reveals, reveal_key},
    Endpoint{"POST", "/api/token/import", scope, "keys:import", writes, import_token},

    Endpoint{"GET", "/api/providers", scope, "catalog:read", reads, list_providers},
    Endpoint{"POST", "/api/providers", scope, "catalog:write", writes, create_provider},
    Endpoint{"GET", "/api/providers/{id}", scope, "catalog:read", reads, get_provider},
    Endpoint{"PATCH", "/api/providers/{id}", scope, "catalog:write", writes, update_provider},
    Endpoint{"DELETE", "/api/providers/{id}", scope, "catalog:write", writes, delete_provider},
    Endpoint{"GET", "/api/models", scope, "catalog:read", reads, list_models},
    Endpoint{"POST", "/api/models", scope, "catalog:write", writes, create_model},
    Endpoint{"GET", "/api/models/{id}", scope, "catalog:read", reads, get_model},
    Endpoint{"PATCH", "/api/models/{id}", scope, "catalog:write", writes, update_model},
    Endpoint{"DELETE", "/api/models/{id}", scope, "catalog:write", writes, delete_model},
    Endpoint{"GET", "/api/prices", scope, "catalog:read", reads, list_prices},
    Endpoint{"POST", "/api/prices", scope, "catalog:write", writes, create_price},
    Endpoint{"GET", "/api/prices/feed", scope, "catalog:read", reads, price_feed},
    Endpoint{"GET", "/api/prices/{id}", scope, "catalog:read", reads, get_price},

    Endpoint{"GET", "/api/usage/records", scope, "usage:read", reads, list_records},
    Endpoint{"GET", "/api/usage/records/{request_id}", scope, "usage:read", reads, get_record},
    Endpoint{"GET", "/api/usage/summary", scope, "usage:read", reads, usage_summary},
    Endpoint{"GET", "/api/usage/timeseries", scope, "usage:read", reads, usage_timeseries},
    Endpoint{"GET", "/api/usage/breakdown", scope, "usage:read", reads, usage_breakdown},
    Endpoint{"GET", "/api/usage/export.csv", scope, "usage:read", reads, export_records},

    Endpoint{"POST", "/internal/billing/quote", scope, "billing:read", reads, quote},
    Endpoint{"GET", "/internal/billing/transactions", scope, "billing:read", reads, billing_transactions},
    Endpoint{"GET", "/internal/billing/summary", scope, "billing:read", reads, billing_summary},

    Endpoint{"GET", "/api/credits/balance", api_key, "accounts:read", reads, credits_balance},
    Endpoint{"GET", "/api/v1/key", api_key, "", reads, openrouter_key},
    Endpoint{"GET", "/api/v1/credits", api_key, "", reads, openrouter_credits},

    Endpoint{"GET", "/api/audit-logs", scope, "audit:read", reads, list_audit_logs},
};

constexpr std::array<std::string_view, 14> scope_names{
    "admin",       "accounts:read", "accounts:write", "accounts:credit", "keys:read",  "keys:write",   "keys:reveal",
    "keys:import", "catalog:read",  "catalog:write",  "usage:read",      "usage:write", "billing:read", "audit:read"};

std::vector<std::string_view> segments_of(std::string_view path) {
    std::vector<std::string_view> out;
    if (path.starts_with('/')) path.remove_prefix(1);
    if (path.ends_with('/')) path.remove_suffix(1);
    while (true) {
        auto const slash = path.find('/');
        out.push_back(path.substr(0, slash));
        if (slash == std::string_view::npos) return out;
        path.remove_prefix(slash + 1);
    }
}

/// A literal segment beats a {placeholder}, whatever the order of the table: /api/prices/feed is not a price id.
bool fits(std::vector<std::string_view> const& pattern, std::vector<std::string_view> const& path, int& literals) {
    if (pattern.size() != path.size()) return false;
    literals = 0;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i].starts_with('{')) {
            if (path[i].empty()) return false;
            continue;
        }
        if (pattern[i] != path[i]) return false;
        ++literals;
    }
    return true;
}
} // namespace

std::span<Endpoint const> endpoints() noexcept { return table; }
std::span<std::string_view const> scopes() noexcept { return scope_names; }

Match match_endpoint(std::string_view method, std::string_view path) {
    Match match;
    auto const wanted = method == "HEAD" ? std::string_view("GET") : method;
    auto const segments = segments_of(path);
    int best = -1;
    for (auto const& endpoint : table) {
        auto const pattern = segments_of(endpoint.path);
        int literals = 0;
        if (!fits(pattern, segments, literals)) continue;
        if (endpoint.method != wanted) {
            if (literals >= best && match.allow.find(endpoint.method) == std::string::npos)
                match.allow += (match.allow.empty() ? "" : ", ") + std::string(endpoint.method);
            continue;
        }
        if (literals <= best) continue;
        best = literals;
        match.endpoint = &endpoint;
        match.params.clear();
        for (std::size_t i = 0; i < pattern.size(); ++i)
            if (pattern[i].starts_with('{')) {
                auto decoded = percent_decode(segments[i], false);
                match.params.push_back(decoded ? std::move(*decoded) : std::string(segments[i]));
            }
    }
    if (match.endpoint) match.allow.clear();
    return match;
}

bool on_gateway_too(std::string_view path) {
    auto const match = match_endpoint("GET", path);
    if (!match.endpoint) return false;
    auto const& found = match.endpoint->path;
    return match.endpoint->access == api_key ||
           (match.endpoint->access == open && found != "/openapi.json" && found != "/docs");
}

void Call::audit(std::string action, std::string target, boost::json::object const* before,
                 boost::json::object const* after) {
    audit_action = std::move(action);
    audit_target = std::move(target);
    audit_before = before ? boost::json::serialize(*before) : std::string();
    audit_after = after ? boost::json::serialize(*after) : std::string();
}

} // namespace tollgate::control
