#pragma once
// `tenant_id` of the billing endpoints: an account's id or its external id. Private to control/.
#include "base/error.hpp"
#include "control/context.hpp"
#include "store/account_store.hpp"

namespace tollgate::control {

/// The external id wins when a text is both. Errors: not_found, naming the parameter.
Result<store::AccountRow> tenant_of(Context& context, std::string_view tenant_id);

} // namespace tollgate::control
