#pragma once
#include <limits>
#include <optional>

#include "store/ledger_store.hpp"
#include "store/sql/database.hpp"

namespace tollgate::store::sql {

/// Record numbers that may fall into [start, end): records are numbered when they end, so this is a hull, and each
/// row's own time still decides. Empty when low > high.
struct PositionRange {
    std::int64_t low = 1;
    std::int64_t high = std::numeric_limits<std::int64_t>::max() - 1;
};
PositionRange positions_in(Database& db, std::optional<Timestamp> start, std::optional<Timestamp> end);

inline bool in_range(Timestamp t, std::optional<Timestamp> start, std::optional<Timestamp> end) {
    return (!start || t >= *start) && (!end || t < *end);
}

/// First UTC days (since 1970) of the windows that contain `now`.
struct SpendWindows {
    std::int64_t day, week, month;
};
SpendWindows spend_windows(Timestamp now);
void add_spend(KeySpend& spend, SpendWindows const& windows, std::int64_t day, std::int64_t charge);

} // namespace tollgate::store::sql
