// /internal/billing/transactions and /summary: what portals read.
#include "control/handlers.hpp"
#include "control/record_filter.hpp"
#include "control/reply.hpp"
#include "control/tenant.hpp"
#include "control/views.hpp"
#include "ledger/ledger.hpp"
#include "store/account_store.hpp"
#include "store/key_store.hpp"
#include "store/ledger_store.hpp"
#include "store/store.hpp"

namespace tollgate::control {
namespace json = boost::json;
namespace {
constexpr int models_max = 100;
}

Result<store::AccountRow> tenant_of(Context& context, std::string_view tenant_id) {
    auto& accounts = context.store.accounts();
    if (auto row = accounts.find_external(tenant_id)) return *row;
    if (auto const id = parse_id<AccountTag>(tenant_id))
        if (auto row = accounts.get(*id)) return *row;
    return fail(Errc::not_found, "there is no tenant '" + std::string(tenant_id.substr(0, 64)) + "'", "tenant_id");
}

Result<Response> billing_transactions(Call& call) {
    auto const query =
        Query::parse(call.request.query, {"tenant_id", "api_key_id", "start", "end", "limit", "offset", "cursor"});
    if (!query) return Fail(query.error());
    auto const page = page_of(*query);
    if (!page) return Fail(page.error());
    auto const range = range_of(*query);
    if (!range) return Fail(range.error());
    store::TransactionFilter filter;
    filter.start = range->start;
    filter.end = range->end;
    auto const key = id_of<KeyTag>(*query, "api_key_id");
    if (!key) return Fail(key.error());
    filter.key_id = *key;
    if (auto const* tenant = query->find("tenant_id")) {
        auto const account = tenant_of(call.context, *tenant);
        if (!account) return Fail(account.error());
        filter.account_id = account->id;
    }
    if (!filter.account_id && !filter.key_id)
        return fail(Errc::invalid_request, "give 'tenant_id' or 'api_key_id'", "tenant_id");
    if (filter.key_id && !call.context.store.keys().get(filter.key_id))
        return fail(Errc::not_found, "there is no key '" + format_id(filter.key_id) + "'", "api_key_id");
    return list_reply(call.context.store.ledger().transactions(*page, filter), transaction_json);
}

Result<Response> billing_summary(Call& call) {
    auto const query = Query::parse(call.request.query, {"tenant_id", "start", "end"});
    if (!query) return Fail(query.error());
    auto filter = usage_filter(*query, call.context.clock.now());
    if (!filter) return Fail(filter.error());
    json::object body;
    body["tenant_id"] = nullptr;
    body["start"] = time_json(filter->start);
    body["end"] = time_json(filter->end);
    if (auto const* tenant = query->find("tenant_id")) {
        auto const account = tenant_of(call.context, *tenant);
        if (!account) return Fail(account.error());
        filter->account_id = account->id;
        auto const wallet = call.context.ledger.wallet(account->id);
        auto const booked = call.context.store.ledger().balance(account->id);
        body["tenant_id"] = format_id(account->id);
        body["external_id"] = text_or_null(account->external_id);
        body["balance"] = money_json(wallet.balance);
        body["held"] = money_json(wallet.held);
        body["total_earned"] = money_json(booked.earned);
        body["total_spent"] = money_json(booked.spent);
    }
    auto& records = call.context.store.records();
    auto totals = totals_json(records.summary(*filter));
    for (auto& member : totals) body[member.key()] = std::move(member.value());
    json::array by_model;
    for (auto const& row : records.breakdown(*filter, store::BreakdownBy::model, models_max)) {
        auto out = totals_json(row.totals);
        out["model"] = row.name;
        by_model.push_back(std::move(out));
    }
    body["by_model"] = std::move(by_model);
    return json_reply(200, body);
}

} // namespace tollgate::control
