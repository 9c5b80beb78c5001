#pragma once
// Finding records by several conditions, newest first.
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "store/record_store.hpp"
#include "store/sql/database.hpp"
#include "store/sql/dims.hpp"
#include "store/sql/postings.hpp"
#include "store/sql/time_range.hpp"

namespace tollgate::store::sql {

/// Intersects the postings of all indexed conditions; what they do not decide is left to `matches`.
class RecordScan {
public:
    RecordScan(Database& db, Dims& dims, RecordFilter const& filter);
    void also(Dimension dimension, std::int64_t value) { readers_.emplace_back(db_, dimension, value); }

    /// The largest candidate number ≤ `position`; 0 = none.
    std::int64_t candidate(std::int64_t position);
    /// Every candidate matches: rows need not be read to be counted.
    bool exact() const { return exact_; }
    bool matches(StoredRecord const& stored) const;
    /// Every record is a candidate, so rows can be read in runs.
    bool unindexed() const { return readers_.empty(); }
    PositionRange range() const { return range_; }

private:
    Database& db_;
    RecordFilter filter_;
    std::vector<PostingReader> readers_;
    PositionRange range_;
    bool nothing_ = false;
    bool exact_ = true;
};

std::optional<StoredRecord> read_position(Database& db, Dims& dims, std::int64_t position);

/// Visits records with `low` ≤ number ≤ `high`, oldest or newest first, in runs of a thousand; until `visit` returns
/// false.
void visit_run(Database& db, Dims& dims, std::int64_t low, std::int64_t high, bool newest_first,
               std::function<bool(StoredRecord const&)> const& visit);

} // namespace tollgate::store::sql
