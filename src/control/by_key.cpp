// What the holder of an API key can ask about it and its account.
#include "config/config.hpp"
#include "control/handlers.hpp"
#include "control/reply.hpp"
#include "control/views.hpp"
#include "ledger/ledger.hpp"
#include "store/account_store.hpp"
#include "store/key_store.hpp"
#include "store/ledger_store.hpp"
#include "store/store.hpp"

namespace tollgate::control {
namespace json = boost::json;
namespace {
/// OpenRouter's clients expect JSON numbers; the exact decimal is written as one, so no float comes near it.
std::string number(Money amount) { return format_usd(amount); }

Response raw_json(std::string body) {
    Response response;
    response.body = std::move(body);
    return response;
}

Money smallest_left(store::KeyRow const& key, ledger::KeySpendView const& spend, Money available) {
    auto left = available;
    auto consider = [&](std::optional<Money> const& cap, Money spent) {
        if (cap && *cap - spent < left) left = *cap - spent;
    };
    consider(key.caps.day, spend.day);
    consider(key.caps.week, spend.week);
    consider(key.caps.month, spend.month);
    consider(key.caps.total, spend.total);
    return left < Money() ? Money() : left;
}
} // namespace

Result<Response> credits_balance(Call& call) {
    auto const query = Query::parse(call.request.query, {"account_id"});
    if (!query) return Fail(query.error());
    auto const asked = id_of<AccountTag>(*query, "account_id");
    if (!asked) return Fail(asked.error());
    auto id = call.actor.account_id;
    if (call.actor.kind == Actor::Kind::api_key) {
        if (*asked && *asked != id) return fail(Errc::forbidden, "an API key shows its own account only", "account_id");
    } else {
        if (!*asked) return fail(Errc::invalid_request, "with a token, give 'account_id'", "account_id");
        id = *asked;
        if (!call.context.store.accounts().get(id))
            return fail(Errc::not_found, "there is no account '" + format_id(id) + "'", "account_id");
    }
    auto const wallet = call.context.ledger.wallet(id);
    auto const booked = call.context.store.ledger().balance(id);
    json::object body;
    body["balance"] = money_json(wallet.balance);
    body["credits"] = format_credits(wallet.balance, call.context.config.credits.usd_per_credit);
    body["held"] = money_json(wallet.held);
    body["total_earned"] = money_json(booked.earned);
    body["total_spent"] = money_json(booked.spent);
    return json_reply(200, body);
}

Result<Response> openrouter_key(Call& call) {
    if (auto ok = no_query(call); !ok) return Fail(ok.error());
    auto const key = call.context.store.keys().get(call.actor.key_id);
    if (!key) return fail(Errc::unavailable, "the key's row cannot be read");
    auto const spend = call.context.ledger.key_spend(key->id);
    auto const wallet = call.context.ledger.wallet(key->account_id);
    // The cap that resets soonest is the one OpenRouter's shape has room for.
    std::optional<Money> limit = key->caps.day;
    std::string_view reset = limit ? "\"daily\"" : "null";
    auto next = [&](std::optional<Money> const& cap, std::string_view name) {
        if (limit || !cap) return;
        limit = cap;
        reset = name;
    };
    next(key->caps.week, "\"weekly\"");
    next(key->caps.month, "\"monthly\"");
    next(key->caps.total, "null");
    std::string out = "{\"data\":{\"label\":" + json::serialize(json::string(key->name));
    out += ",\"limit\":" + (limit ? number(*limit) : std::string("null"));
    out += ",\"limit_remaining\":" +
           (limit ? number(smallest_left(*key, spend, wallet.available())) : std::string("null"));
    out += ",\"limit_reset\":" + std::string(reset);
    out += ",\"usage\":" + number(spend.total);
    out += ",\"usage_daily\":" + number(spend.day);
    out += ",\"usage_weekly\":" + number(spend.week);
    out += ",\"usage_monthly\":" + number(spend.month);
    out += ",\"byok_usage\":0,\"is_free_tier\":false,\"is_management_key\":false,\"is_provisioning_key\":false";
    out += ",\"expires_at\":" + json::serialize(time_json(key->expires_at));
    out += "}}";
    return raw_json(std::move(out));
}

Result<Response> openrouter_credits(Call& call) {
    if (auto ok = no_query(call); !ok) return Fail(ok.error());
    auto const booked = call.context.store.ledger().balance(call.actor.account_id);
    return raw_json("{\"data\":{\"total_credits\":" + number(booked.earned) +
                    ",\"total_usage\":" + number(booked.spent) + "}}");
}

} // namespace tollgate::control
