#include "store/sql/record_scan.hpp"

#include <algorithm>

#include "store/sql/record_row.hpp"

namespace tollgate::store::sql {

RecordScan::RecordScan(Database& db, Dims& dims, RecordFilter const& filter) : db_(db), filter_(filter) {
    auto const text = [&](Dimension dimension, std::optional<std::string> const& value) {
        if (!value) return;
        if (value->empty()) {
            exact_ = false;
            return;
        }
        auto const number = dims.find(db, *value);
        nothing_ = nothing_ || number == 0;
        also(dimension, number);
    };
    if (filter.key_id) also(Dimension::key, filter.key_id.value);
    if (filter.account_id) also(Dimension::account, filter.account_id.value);
    if (filter.status && *filter.status != 200) also(Dimension::status, *filter.status);
    if (filter.outcome && *filter.outcome != Outcome::success)
        also(Dimension::outcome, static_cast<std::int64_t>(*filter.outcome));
    text(Dimension::route, filter.route);
    text(Dimension::provider, filter.provider);
    text(Dimension::model, filter.model);
    if ((filter.status && *filter.status == 200) || (filter.outcome && *filter.outcome == Outcome::success) ||
        filter.start || filter.end)
        exact_ = false;
    range_ = positions_in(db, filter.start, filter.end);
}

std::int64_t RecordScan::candidate(std::int64_t position) {
    position = std::min(position, range_.high);
    if (nothing_) return 0;
    for (std::size_t agreed = 0, i = 0; agreed < readers_.size(); i = (i + 1) % readers_.size()) {
        if (position < range_.low) return 0;
        auto const found = readers_[i].seek(position);
        if (found == 0) return 0;
        agreed = found == position ? agreed + 1 : 1;
        position = found;
    }
    return position < range_.low ? 0 : position;
}

bool RecordScan::matches(StoredRecord const& stored) const {
    auto const& r = stored.record;
    return (!filter_.account_id || r.account_id == filter_.account_id) && (!filter_.key_id || r.key_id == filter_.key_id) &&
           (!filter_.model || r.model == *filter_.model) && (!filter_.route || r.route == *filter_.route) &&
           (!filter_.provider || r.provider == *filter_.provider) && (!filter_.status || r.status == *filter_.status) &&
           (!filter_.outcome || r.outcome == *filter_.outcome) && in_range(r.time, filter_.start, filter_.end);
}

std::optional<StoredRecord> read_position(Database& db, Dims& dims, std::int64_t position) {
    static std::string const text = "select " + std::string(record_columns) + " from record where id = $1";
    auto query = db.prepare(text);
    if (!query.bind(position).step()) return std::nullopt;
    return read_record(query, db, dims);
}

void visit_run(Database& db, Dims& dims, std::int64_t low, std::int64_t high, bool newest_first,
               std::function<bool(StoredRecord const&)> const& visit) {
    static std::string const head = "select " + std::string(record_columns) + " from record where id >= $1 and id <= $2 order by id ",
                             down = head + "desc limit 1000", up = head + "limit 1000";
    for (int rows = 1000; rows == 1000 && low <= high;) {
        rows = 0;
        auto query = db.prepare(newest_first ? down : up);
        query.bind(low).bind(high);
        while (query.step()) {
            ++rows;
            auto const stored = read_record(query, db, dims);
            if (newest_first)
                high = stored.position - 1;
            else
                low = stored.position + 1;
            if (!visit(stored)) return;
        }
    }
}

} // namespace tollgate::store::sql
