#include "control/views.hpp"

#include "config/config.hpp"
#include "control/reply.hpp"
#include "identity/key_activity.hpp"
#include "ledger/ledger.hpp"
#include "pricing/price_text.hpp"

namespace tollgate::control {
namespace json = boost::json;
namespace {
json::value limit_json(std::int64_t limit) { return limit > 0 ? json::value(limit) : json::value(nullptr); }
json::value cap_json(std::optional<Money> const& cap) {
    if (!cap) return nullptr;
    return money_json(*cap);
}
json::string text(std::string_view s) { return json::string(s.data(), s.size()); }
} // namespace

json::string money_json(Money amount) { return text(format_usd(amount)); }

std::string format_credits(Money amount, Money usd_per_credit) {
    constexpr int decimals = 9;
    auto const scaled = static_cast<__int128>(amount.nanos()) * 1'000'000'000;
    auto const rate = usd_per_credit.nanos() > 0 ? usd_per_credit.nanos() : 10'000'000;
    return format_scaled(divide_half_even(scaled, rate), decimals);
}

json::object account_json(Context& context, store::AccountRow const& row) {
    auto const wallet = context.ledger.wallet(row.id);
    json::object out;
    out["id"] = format_id(row.id);
    out["name"] = row.name;
    out["external_id"] = text_or_null(row.external_id);
    out["kind"] = text(store::account_kind_name(row.kind));
    out["multiplier"] = format_multiplier(row.multiplier);
    out["overdraft"] = money_json(row.overdraft);
    out["suspended"] = row.suspended;
    out["balance"] = money_json(wallet.balance);
    out["held"] = money_json(wallet.held);
    out["credits"] = format_credits(wallet.balance, context.config.credits.usd_per_credit);
    out["created_at"] = time_json(row.created_at);
    return out;
}

json::object key_json(Context& context, store::KeyRow const& row) {
    json::object out;
    out["id"] = format_id(row.id);
    out["name"] = row.name;
    out["account_id"] = format_id(row.account_id);
    out["team_id"] = id_json(row.team_id);
    out["user_id"] = id_json(row.user_id);
    out["prefix"] = row.prefix;
    out["scopes"] = texts_json(row.scopes);
    out["models"] = texts_json(row.models);
    out["routes"] = texts_json(row.routes);
    out["allowed_ips"] = texts_json(row.allowed_ips);
    out["limits"] = json::object{{"rpm", limit_json(row.limits.rpm)},
                                 {"tpm", limit_json(row.limits.tpm)},
                                 {"concurrency", limit_json(row.limits.concurrency)}};
    out["caps"] = json::object{{"day", cap_json(row.caps.day)},
                               {"week", cap_json(row.caps.week)},
                               {"month", cap_json(row.caps.month)},
                               {"total", cap_json(row.caps.total)}};
    out["expires_at"] = time_json(row.expires_at);
    out["tags"] = texts_json(row.tags);
    out["enabled"] = row.enabled && !row.revoked_at;
    out["revoked_at"] = time_json(row.revoked_at);
    auto last_used = row.last_used_at;
    if (auto const live = context.activity.last_used(row.id); live.ms > 0 && (!last_used || *last_used < live))
        last_used = live;
    out["last_used_at"] = time_json(last_used);
    out["created_at"] = time_json(row.created_at);
    auto const spend = context.ledger.key_spend(row.id);
    out["spent"] = json::object{{"day", money_json(spend.day)},
                                {"week", money_json(spend.week)},
                                {"month", money_json(spend.month)},
                                {"total", money_json(spend.total)}};
    return out;
}

json::object service_token_json(store::ServiceTokenRow const& row) {
    json::object out;
    out["id"] = format_id(row.id);
    out["name"] = row.name;
    out["prefix"] = row.prefix;
    out["scopes"] = texts_json(row.scopes);
    out["created_at"] = time_json(row.created_at);
    out["expires_at"] = time_json(row.expires_at);
    out["revoked_at"] = time_json(row.revoked_at);
    return out;
}

json::object transaction_json(store::TransactionRow const& row) {
    json::object out;
    out["id"] = store::transaction_public_id(row);
    out["account_id"] = format_id(row.account_id);
    out["kind"] = text(store::transaction_kind_name(row.kind));
    out["amount"] = money_json(row.amount);
    out["balance_before"] = money_json(row.balance_before);
    out["balance_after"] = money_json(row.balance_after);
    out["reference"] = row.reference;
    out["description"] = row.description;
    if (row.key_id) out["key_id"] = format_id(row.key_id);
    out["created_at"] = time_json(row.created_at);
    return out;
}

json::object usage_json(Usage const& usage) {
    json::object out;
    for (std::size_t i = 0; i < bucket_count; ++i)
        if (usage.quantity[i] != 0) out[text(bucket_names[i])] = usage.quantity[i];
    return out;
}

json::object rates_json(std::vector<PriceLine> const& lines) {
    auto const value = stored_json(pricing::rates_json(lines));
    return value.is_object() ? value.as_object() : json::object();
}

json::object record_json(RequestRecord const& r) {
    json::object out;
    out["request_id"] = r.request_id.text();
    out["time"] = time_json(r.time);
    out["account_id"] = format_id(r.account_id);
    out["team_id"] = id_json(r.team_id);
    out["user_id"] = id_json(r.user_id);
    out["key_id"] = format_id(r.key_id);
    out["key_name"] = r.key_name;
    out["surface"] = text(surface_name(r.surface));
    out["method"] = r.method;
    out["path"] = r.path;
    out["route"] = text_or_null(r.route);
    out["model"] = text_or_null(r.model);
    out["provider"] = text_or_null(r.provider);
    out["provider_model"] = text_or_null(r.provider_model);
    out["status"] = r.status;
    out["outcome"] = text(outcome_name(r.outcome));
    out["error_type"] = text_or_null(r.error_type);
    out["streamed"] = r.streamed;
    out["cached"] = r.cached;
    out["attempts"] = r.attempts;
    out["latency_ms"] = r.latency_ms;
    out["first_byte_ms"] = r.first_byte_ms;
    out["upstream_ms"] = r.upstream_ms;
    out["overhead_us"] = r.overhead_us;
    // The four that every client sums are always there; other buckets when they were used.
    json::object usage{{"input", r.usage[Bucket::input]},
                       {"output", r.usage[Bucket::output]},
                       {"cache_read", r.usage[Bucket::cache_read]},
                       {"cache_write_5m", r.usage[Bucket::cache_write_5m]},
                       {"cache_write_1h", r.usage[Bucket::cache_write_1h]},
                       {"reasoning", r.usage[Bucket::reasoning]}};
    for (auto const& member : usage_json(r.usage)) usage[member.key()] = member.value();
    out["usage"] = std::move(usage);
    out["usage_source"] = text(usage_source_name(r.usage_source));
    out["price"] = rates_json(r.lines);
    out["price_version"] = id_json(r.price_version);
    out["multiplier"] = format_multiplier(r.multiplier);
    out["cost"] = money_json(r.cost);
    out["charge"] = money_json(r.charge);
    out["provider_reported_cost"] =
        r.has_provider_reported_cost ? json::value(money_json(r.provider_reported_cost)) : json::value(nullptr);
    out["client_ip"] = r.client_ip;
    out["country"] = text_or_null(r.country);
    out["user_agent"] = r.user_agent;
    out["request_bytes"] = r.request_bytes;
    out["response_bytes"] = r.response_bytes;
    out["tags"] = texts_json(r.tags);
    out["user"] = text_or_null(r.user);
    out["session"] = text_or_null(r.session);
    return out;
}

json::object totals_json(store::UsageTotals const& t) {
    json::object out;
    out["requests"] = t.requests;
    out["errors"] = t.errors;
    out["input_tokens"] = t.input;
    out["output_tokens"] = t.output;
    out["cache_read_tokens"] = t.cache_read;
    out["cache_write_tokens"] = t.cache_write;
    out["reasoning_tokens"] = t.reasoning;
    out["cost"] = money_json(t.cost);
    out["charge"] = money_json(t.charge);
    out["avg_latency_ms"] = t.requests > 0 ? t.latency_ms_sum / t.requests : 0;
    out["max_latency_ms"] = t.latency_ms_max;
    out["avg_first_byte_ms"] = t.first_byte_count > 0 ? t.first_byte_ms_sum / t.first_byte_count : 0;
    return out;
}

} // namespace tollgate::control
