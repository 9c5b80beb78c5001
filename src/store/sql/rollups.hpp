#pragma once
// Hourly sums over records, kept at the grains the dashboards ask for.
#include <array>
#include <cstdint>
#include <unordered_map>

#include "store/record_store.hpp"
#include "store/sql/database.hpp"
#include "store/sql/record_row.hpp"
#include "store/sql/rollup_columns.hpp"

namespace tollgate::store::sql {

inline constexpr std::int64_t ms_per_minute = 60'000, ms_per_hour = 3'600'000, hours_per_day = 24;

/// Rounds toward minus infinity, so that clocks before 1970 cannot confuse anything.
constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

/// One row of sums, in the order of `rollup_columns`.
struct Sums {
    std::array<std::int64_t, rollup_columns.size()> v{};
    void add(RequestRecord const& record);
    void add(Sums const& other);
    static Sums of_row(Query& row, int first_column);
    UsageTotals totals() const;
};
/// "requests, errors, …" for reading; each as `cast(sum(x) as bigint)` when `summed`.
std::string sum_columns(bool summed);

/// Collects one batch and adds it to the rollup tables.
class RollupBatch {
public:
    void add(RequestRecord const& record, RecordDims const& dims);
    void write(Database& db) const;

private:
    struct Key {
        std::int64_t key, account, hour, model, provider, route, outcome;
        friend bool operator==(Key const&, Key const&) = default;
    };
    struct Hash {
        std::size_t operator()(Key const& k) const noexcept;
    };
    std::unordered_map<Key, Sums, Hash> groups_;
};

} // namespace tollgate::store::sql
