#include "store/sql/apply.hpp"
#include "store/sql/record_row.hpp"
#include "store/sql/record_scan.hpp"
#include "store/sql/stores.hpp"

namespace tollgate::store::sql {

std::optional<StoredRecord> SqlRecordStore::get(Uuid const& request_id) {
    return db_.read([&](Database& db) -> std::optional<StoredRecord> {
        auto const position = find_record(db, request_id);
        return position ? read_position(db, dims_, position) : std::nullopt;
    });
}

Page<StoredRecord> SqlRecordStore::list(PageRequest const& page, RecordFilter const& filter) {
    auto const limit = static_cast<std::size_t>(page_limit(page));
    return db_.read([&](Database& db) {
        Page<StoredRecord> out;
        RecordScan scan(db, dims_, filter);
        auto skip = page.offset;
        // One more than asked for is looked at, so that a last page says that it is the last.
        auto const take = [&](StoredRecord stored) {
            if (skip > 0) {
                --skip;
                return true;
            }
            if (out.rows.size() == limit) {
                out.next = out.rows.back().position;
                return false;
            }
            out.rows.push_back(std::move(stored));
            return true;
        };
        auto position = std::min(upper_bound(page) - 1, scan.range().high);
        if (scan.unindexed()) {
            visit_run(db, dims_, scan.range().low, position, true,
                      [&](StoredRecord const& stored) { return !scan.matches(stored) || take(stored); });
            return out;
        }
        for (; (position = scan.candidate(position)) > 0; --position) {
            if (skip > 0 && scan.exact()) {
                --skip;
                continue;
            }
            auto stored = read_position(db, dims_, position);
            if (stored && scan.matches(*stored) && !take(std::move(*stored))) break;
        }
        return out;
    });
}

void SqlRecordStore::for_each(Cursor after, std::function<bool(StoredRecord const&)> const& visit) {
    db_.read([&](Database& db) {
        visit_run(db, dims_, after + 1, std::numeric_limits<std::int64_t>::max() - 1, false, visit);
    });
}

Cursor SqlRecordStore::last_position() {
    return db_.read([&](Database& db) {
        auto query = db.prepare("select coalesce(max(id), 0) from record");
        query.step();
        return query.i64(0);
    });
}

} // namespace tollgate::store::sql
