#include "store/sql/rollups.hpp"

#include <algorithm>
#include <vector>

namespace tollgate::store::sql {
namespace {

/// "on conflict(keys) do update set requests = rollup_x.requests + excluded.requests, …"
std::string upsert_tail(std::string const& table, std::string const& keys) {
    std::string tail = "on conflict(" + keys + ") do update set ";
    for (std::size_t i = 0; i < rollup_columns.size(); ++i) {
        std::string const c(rollup_columns[i]), ours = table + "." + c, theirs = "excluded." + c;
        if (i) tail += ", ";
        tail += i == latency_max_column
                    ? c + " = case when " + ours + " > " + theirs + " then " + ours + " else " + theirs + " end"
                    : c + " = " + ours + " + " + theirs;
    }
    return tail;
}

struct Table {
    std::string into, types, tail;
    Table(std::string const& name, std::string const& keys)
        : into(name + "(" + keys + ", " + sum_columns(false) + ")"),
          types(static_cast<std::size_t>(std::count(keys.begin(), keys.end(), ',')) + 1 + rollup_columns.size(), 'i'),
          tail(upsert_tail(name, keys)) {}
};

template <std::size_t N>
using Row = std::pair<std::array<std::int64_t, N>, Sums>;

/// Adds up rows of equal key and writes them in key order: neighbours in the table are touched once.
template <std::size_t N>
void write_table(Database& db, Table const& table, std::vector<Row<N>>& rows) {
    std::sort(rows.begin(), rows.end(), [](auto const& a, auto const& b) { return a.first < b.first; });
    auto const bulk = db.bulk({table.into, table.types, table.tail});
    for (std::size_t i = 0; i < rows.size();) {
        auto sums = rows[i].second;
        auto const& key = rows[i].first;
        std::size_t next = i + 1;
        for (; next < rows.size() && rows[next].first == key; ++next) sums.add(rows[next].second);
        for (auto const k : key) bulk->add(k);
        for (auto const s : sums.v) bulk->add(s);
        bulk->end_row();
        i = next;
    }
    bulk->finish();
}

} // namespace

void Sums::add(RequestRecord const& r) {
    std::array<std::int64_t, rollup_columns.size()> const one{
        1,
        r.status >= 400 ? 1 : 0,
        r.usage.input_total(),
        r.usage.output_total(),
        r.usage[Bucket::cache_read],
        r.usage[Bucket::cache_write_5m] + r.usage[Bucket::cache_write_1h],
        r.usage[Bucket::reasoning],
        r.cost.nanos(),
        r.charge.nanos(),
        r.latency_ms,
        r.latency_ms,
        r.first_byte_ms,
        r.first_byte_ms > 0 ? 1 : 0};
    add(Sums{one});
}

void Sums::add(Sums const& other) {
    for (std::size_t i = 0; i < v.size(); ++i)
        v[i] = i == latency_max_column ? std::max(v[i], other.v[i]) : v[i] + other.v[i];
}

Sums Sums::of_row(Query& row, int first_column) {
    Sums s;
    for (std::size_t i = 0; i < s.v.size(); ++i) s.v[i] = row.i64(first_column + static_cast<int>(i));
    return s;
}

UsageTotals Sums::totals() const {
    return {.requests = v[0], .errors = v[1], .input = v[2], .output = v[3], .cache_read = v[4], .cache_write = v[5],
            .reasoning = v[6], .cost = Money::from_nanos(v[7]), .charge = Money::from_nanos(v[8]),
            .latency_ms_sum = v[9], .latency_ms_max = v[10], .first_byte_ms_sum = v[11], .first_byte_count = v[12]};
}

std::string sum_columns(bool summed) {
    std::string out;
    for (std::size_t i = 0; i < rollup_columns.size(); ++i) {
        std::string const c(rollup_columns[i]);
        if (i) out += ", ";
        // The cast keeps the sum an integer on PostgreSQL, whose sum(bigint) is numeric.
        out += !summed ? c : std::string("cast(") + (i == latency_max_column ? "max(" : "sum(") + c + ") as bigint)";
    }
    return out;
}

std::size_t RollupBatch::Hash::operator()(Key const& k) const noexcept {
    std::uint64_t h = 0;
    for (auto const v : {k.key, k.account, k.hour, k.model, k.provider, k.route, k.outcome}) {
        h = (h ^ static_cast<std::uint64_t>(v)) * 0x9e3779b97f4a7c15ULL;
        h ^= h >> 29;
    }
    return static_cast<std::size_t>(h);
}

void RollupBatch::add(RequestRecord const& r, RecordDims const& d) {
    groups_[Key{r.key_id.value, r.account_id.value, floor_div(r.time.ms, ms_per_hour), d.model, d.provider, d.route,
                static_cast<std::int64_t>(r.outcome)}]
        .add(r);
}

void RollupBatch::write(Database& db) const {
    static Table const by_key("rollup_key", "key_id, hour, model, provider, route, outcome"),
        by_account("rollup_account", "account_id, hour, model, provider, route, outcome"),
        all("rollup_all", "hour, model, provider, route, outcome"),
        key_hour("rollup_key_hour", "hour, account_id, key_id"), key_day("rollup_key_day", "day, account_id, key_id");
    std::vector<Row<6>> keys, accounts;
    std::vector<Row<5>> everything;
    std::vector<Row<3>> hours, days;
    for (auto const& [k, sums] : groups_) {
        keys.push_back({{k.key, k.hour, k.model, k.provider, k.route, k.outcome}, sums});
        accounts.push_back({{k.account, k.hour, k.model, k.provider, k.route, k.outcome}, sums});
        everything.push_back({{k.hour, k.model, k.provider, k.route, k.outcome}, sums});
        hours.push_back({{k.hour, k.account, k.key}, sums});
        days.push_back({{floor_div(k.hour, hours_per_day), k.account, k.key}, sums});
    }
    write_table(db, by_key, keys);
    write_table(db, by_account, accounts);
    write_table(db, all, everything);
    write_table(db, key_hour, hours);
    write_table(db, key_day, days);
}

} // namespace tollgate::store::sql
