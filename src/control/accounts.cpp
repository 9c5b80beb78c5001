// /api/accounts: who pays, and credit.
#include <array>

#include "control/handlers.hpp"
#include "control/reply.hpp"
#include "control/sync.hpp"
#include "control/views.hpp"
#include "ledger/ledger.hpp"
#include "store/account_store.hpp"
#include "store/ledger_store.hpp"
#include "store/store.hpp"

namespace tollgate::control {
namespace json = boost::json;
namespace {
constexpr std::array<std::string_view, 3> kinds{"tenant", "team", "personal"};
constexpr std::array<std::string_view, 4> credit_kinds{"purchase", "bonus", "adjustment", "refund"};
constexpr std::int64_t id_max = 1'000'000'000'000'000'000;

/// Fills `row` with what the body has; the same for POST and PATCH.
void read_account(Fields& in, store::AccountRow& row) {
    if (auto v = in.maybe_text("name", 1, 200)) row.name = *v;
    if (in.is_null("external_id")) {
        row.external_id.clear();
    } else if (auto external = in.maybe_text("external_id", 1, 255)) {
        row.external_id = *external;
    }
    if (auto v = in.maybe_choice("kind", kinds)) row.kind = *store::account_kind_from_name(*v);
    if (auto v = in.maybe_multiplier("multiplier")) row.multiplier = *v;
    if (auto v = in.maybe_money("overdraft", Money())) row.overdraft = *v;
    if (auto v = in.maybe_flag("suspended")) row.suspended = *v;
}

Result<store::AccountRow> account_of(Call const& call) {
    auto const id = parse_id<AccountTag>(call.params.at(0));
    if (!id) return Fail(id.error());
    auto row = call.context.store.accounts().get(*id);
    if (!row) return fail(Errc::not_found, "there is no account '" + call.params[0] + "'");
    return *row;
}
} // namespace

Result<Response> list_accounts(Call& call) {
    auto const query = Query::parse(call.request.query, {"limit", "cursor", "sort", "q"});
    if (!query) return Fail(query.error());
    auto const page = page_of(*query);
    if (!page) return Fail(page.error());
    auto const rows = call.context.store.accounts().list(*page, query->text("q"));
    return list_reply(rows, [&](auto const& row) { return account_json(call.context, row); });
}

Result<Response> create_account(Call& call) {
    auto const body = body_of(call);
    if (!body) return Fail(body.error());
    Fields in(*body, {"name", "external_id", "kind", "multiplier", "overdraft", "suspended"});
    store::AccountRow row;
    in.text("name", 1, 200);
    read_account(in, row);
    if (!in.ok()) return in.error();
    row.created_at = call.context.clock.now();
    auto made = call.context.store.accounts().create(row);
    if (!made) return Fail(made.error());
    publish_account(call.context, *made);
    auto const shown = account_json(call.context, *made);
    call.audit("account.create", format_id(made->id), nullptr, &shown);
    return json_reply(201, shown);
}

Result<Response> get_account(Call& call) {
    if (auto ok = no_query(call); !ok) return Fail(ok.error());
    auto const row = account_of(call);
    if (!row) return Fail(row.error());
    return json_reply(200, account_json(call.context, *row));
}

Result<Response> update_account(Call& call) {
    auto row = account_of(call);
    if (!row) return Fail(row.error());
    auto const body = body_of(call);
    if (!body) return Fail(body.error());
    auto const before = account_json(call.context, *row);
    Fields in(*body, {"name", "external_id", "kind", "multiplier", "overdraft", "suspended"});
    read_account(in, *row);
    if (!in.ok()) return in.error();
    if (auto done = call.context.store.accounts().update(*row); !done) return Fail(done.error());
    publish_account(call.context, *row);
    auto const after = account_json(call.context, *row);
    call.audit("account.update", format_id(row->id), &before, &after);
    return json_reply(200, after);
}

Result<Response> credit_account(Call& call) {
    auto const row = account_of(call);
    if (!row) return Fail(row.error());
    auto const body = body_of(call);
    if (!body) return Fail(body.error());
    Fields in(*body, {"amount", "kind", "reference", "description"});
    store::CreditRequest credit;
    auto const kind = in.choice("kind", credit_kinds);
    credit.reference = in.text("reference", 1, 255);
    credit.description = in.maybe_text("description", 0, 1000).value_or("");
    if (!in.has("amount")) in.refuse("amount", "'amount' is missing; write USD as a string such as \"25\"");
    auto const amount = in.maybe_money("amount", Money::from_nanos(kind == "adjustment" ? -id_max : 1));
    if (amount && amount->is_zero()) in.refuse("amount", "'amount' must not be zero");
    if (!in.ok()) return in.error();
    credit.account_id = row->id;
    credit.kind = *store::transaction_kind_from_name(kind);
    credit.amount = *amount;
    credit.now = call.context.clock.now();
    auto const posted = call.context.ledger.credit(credit);
    if (!posted) return Fail(posted.error());
    auto const shown = transaction_json(*posted);
    if (!posted->existed) call.audit("account.credit", format_id(row->id), nullptr, &shown);
    return json_reply(200, shown);
}

Result<Response> list_account_transactions(Call& call) {
    auto const row = account_of(call);
    if (!row) return Fail(row.error());
    auto const query = Query::parse(call.request.query, {"limit", "cursor", "sort", "start", "end"});
    if (!query) return Fail(query.error());
    auto const page = page_of(*query);
    if (!page) return Fail(page.error());
    store::TransactionFilter filter;
    filter.account_id = row->id;
    auto const range = range_of(*query);
    if (!range) return Fail(range.error());
    filter.start = range->start;
    filter.end = range->end;
    return list_reply(call.context.store.ledger().transactions(*page, filter), transaction_json);
}

} // namespace tollgate::control
