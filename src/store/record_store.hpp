#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "store/page.hpp"
#include "types/ids.hpp"
#include "types/record.hpp"

namespace tollgate::store {

/// A stored record and the account's balance around its charge.
struct StoredRecord {
    Cursor position = 0;          ///< order of booking; rises
    RequestRecord record;
    Money balance_before;
    Money balance_after;
};

/// All given conditions must hold. Times are the request's own time, [start, end).
struct RecordFilter {
    AccountId account_id;
    KeyId key_id;
    std::optional<std::string> model, route, provider;
    std::optional<int> status;
    std::optional<Outcome> outcome;
    std::optional<Timestamp> start, end;
};

/// The same, for sums. Statuses are not kept in rollups.
struct UsageFilter {
    AccountId account_id;
    KeyId key_id;
    std::optional<std::string> model, route, provider;
    std::optional<Outcome> outcome;
    std::optional<Timestamp> start, end;
};

struct UsageTotals {
    std::int64_t requests = 0;
    std::int64_t errors = 0;      ///< status ≥ 400
    std::int64_t input = 0;       ///< all input tokens, cache and media included
    std::int64_t output = 0;      ///< all output tokens
    std::int64_t cache_read = 0;  ///< part of input
    std::int64_t cache_write = 0; ///< part of input
    std::int64_t reasoning = 0;   ///< part of output
    Money cost;
    Money charge;
    std::int64_t latency_ms_sum = 0;
    std::int64_t latency_ms_max = 0;
    std::int64_t first_byte_ms_sum = 0; ///< over requests that sent a byte
    std::int64_t first_byte_count = 0;
};

enum class TimeStep { hour, day };
struct TimePoint {
    Timestamp start;              ///< of the hour or day
    UsageTotals totals;
};

enum class BreakdownBy { model, provider, route, outcome, key, account };
struct BreakdownRow {
    std::string name;             ///< model, provider, route or outcome; else empty
    std::int64_t id = 0;          ///< KeyId or AccountId value; else 0
    UsageTotals totals;
};

/// Requests stand in the order they were booked (when they ended), newest first.
class RecordStore {
public:
    virtual ~RecordStore() = default;
    virtual std::optional<StoredRecord> get(Uuid const& request_id) = 0;
    virtual Page<StoredRecord> list(PageRequest const& page, RecordFilter const& filter) = 0;
    /// Exact over any range: whole hours from rollups, the edges from the records themselves.
    virtual UsageTotals summary(UsageFilter const& filter) = 0;
    /// Steps with something in them, oldest first. `utc_offset_minutes` moves where days begin (whole hours only).
    virtual std::vector<TimePoint> timeseries(UsageFilter const& filter, TimeStep step, int utc_offset_minutes) = 0;
    /// Dearest first (by charge, then requests), at most `limit`.
    virtual std::vector<BreakdownRow> breakdown(UsageFilter const& filter, BreakdownBy by, int limit) = 0;
    /// Every record from `after` (exclusive) on, oldest first; for verify and export. Stops when `visit` returns false.
    virtual void for_each(Cursor after, std::function<bool(StoredRecord const&)> const& visit) = 0;
    /// Highest position booked; 0 = none.
    virtual Cursor last_position() = 0;
};

} // namespace tollgate::store
