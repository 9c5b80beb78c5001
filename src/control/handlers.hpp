#pragma once
// Every handler of the endpoint table, by the file it lives in. Private to control/.
#include "control/endpoints.hpp"

namespace tollgate::control {

// accounts.cpp
Result<Response> list_accounts(Call& call);
Result<Response> create_account(Call& call);
Result<Response> get_account(Call& call);
Result<Response> update_account(Call& call);
Result<Response> credit_account(Call& call);
Result<Response> list_account_transactions(Call& call);
// keys.cpp
Result<Response> list_keys(Call& call);
Result<Response> create_key(Call& call);
Result<Response> get_key(Call& call);
Result<Response> update_key(Call& call);
Result<Response> revoke_key(Call& call);
Result<Response> rotate_key(Call& call);
Result<Response> reveal_key(Call& call);
// import.cpp
Result<Response> import_token(Call& call);
// service_tokens.cpp
Result<Response> auth_me(Call& call);
Result<Response> list_service_tokens(Call& call);
Result<Response> create_service_token(Call& call);
Result<Response> revoke_service_token(Call& call);
// providers.cpp
Result<Response> list_providers(Call& call);
Result<Response> create_provider(Call& call);
Result<Response> get_provider(Call& call);
Result<Response> update_provider(Call& call);
Result<Response> delete_provider(Call& call);
// models.cpp
Result<Response> list_models(Call& call);
Result<Response> create_model(Call& call);
Result<Response> get_model(Call& call);
Result<Response> update_model(Call& call);
Result<Response> delete_model(Call& call);
// prices.cpp
Result<Response> list_prices(Call& call);
Result<Response> create_price(Call& call);
Result<Response> get_price(Call& call);
Result<Response> price_feed(Call& call);
// usage.cpp
Result<Response> list_records(Call& call);
Result<Response> get_record(Call& call);
Result<Response> usage_summary(Call& call);
Result<Response> usage_timeseries(Call& call);
Result<Response> usage_breakdown(Call& call);
// export.cpp
Result<Response> export_records(Call& call);
// billing.cpp
Result<Response> billing_transactions(Call& call);
Result<Response> billing_summary(Call& call);
// quote.cpp
Result<Response> quote(Call& call);
// by_key.cpp
Result<Response> credits_balance(Call& call);
Result<Response> openrouter_key(Call& call);
Result<Response> openrouter_credits(Call& call);
// operations.cpp
Result<Response> health(Call& call);
Result<Response> health_detailed(Call& call);
Result<Response> ready(Call& call);
Result<Response> metrics(Call& call);
Result<Response> list_audit_logs(Call& call);
// openapi.cpp
Result<Response> openapi_json(Call& call);
Result<Response> docs_page(Call& call);

} // namespace tollgate::control
