#pragma once
// A record as a row: searched fields are columns, the rest is packed into `detail`.
#include <string>

#include "store/record_store.hpp"
#include "store/sql/database.hpp"
#include "store/sql/dims.hpp"

namespace tollgate::store::sql {

/// Columns of a record in the order `read_record` expects; queries select exactly these.
inline constexpr std::string_view record_columns =
    "id, request_id, time, account_id, key_id, model, provider, route, status, outcome, cost, charge, balance_after, "
    "latency_ms, detail";

/// Numbers of the searched texts of a record.
struct RecordDims {
    std::int64_t model = 0, provider = 0, route = 0;
};
/// A call that named something unknown (404) gets no numbers: what strangers make up must not grow the dictionary or
/// the rollups. Its texts are packed into `detail` instead.
bool has_dims(RequestRecord const& record) noexcept;
RecordDims dims_of(RequestRecord const& record, Database& db, Dims& dims);

/// Appends the packed form of everything that is not a column. Writer thread.
void pack_detail(std::string& out, RequestRecord const& record, RecordDims const& numbers, Database& db, Dims& dims);

/// The record in the current row. Throws StoreUnavailable when `detail` is damaged.
StoredRecord read_record(Query& row, Database& db, Dims& dims);

std::string_view as_bytes(Uuid const& id) noexcept;

} // namespace tollgate::store::sql
