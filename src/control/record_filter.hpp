#pragma once
// Query parameters that choose records, shared by lists, sums and the export. Private to control/.
#include "base/error.hpp"
#include "control/query.hpp"
#include "store/record_store.hpp"

namespace tollgate::control {

/// Errors: invalid_request naming the parameter.
Result<store::RecordFilter> record_filter(Query const& query);
/// For sums: the last 30 days unless start or end say otherwise, so that no dashboard scans everything by accident.
Result<store::UsageFilter> usage_filter(Query const& query, Timestamp now);

} // namespace tollgate::control
