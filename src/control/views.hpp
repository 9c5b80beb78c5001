#pragma once
// The resources as the API shows them. Never a secret among the fields, so the audit log can keep them as they are.
// Private to control/.
#include <boost/json.hpp>
#include <string>

#include "control/context.hpp"
#include "store/account_store.hpp"
#include "store/key_store.hpp"
#include "store/ledger_store.hpp"
#include "store/record_store.hpp"
#include "store/service_token_store.hpp"

namespace tollgate::control {

boost::json::object account_json(Context& context, store::AccountRow const& row);
boost::json::object key_json(Context& context, store::KeyRow const& row);
boost::json::object service_token_json(store::ServiceTokenRow const& row);
boost::json::object transaction_json(store::TransactionRow const& row);
/// Only the buckets that are not zero.
boost::json::object usage_json(Usage const& usage);
boost::json::object record_json(RequestRecord const& record);
/// Rates of a charge by bucket or book unit: decimal strings, USD per million (token units) or per unit.
boost::json::object rates_json(std::vector<PriceLine> const& lines);
boost::json::object totals_json(store::UsageTotals const& totals);

boost::json::string money_json(Money amount);
/// In display credits: the amount divided by the value of one credit, at most 9 decimals, rounded half-even.
std::string format_credits(Money amount, Money usd_per_credit);

} // namespace tollgate::control
