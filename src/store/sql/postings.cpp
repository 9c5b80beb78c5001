#include "store/sql/postings.hpp"

#include <algorithm>

#include "store/sql/bytes.hpp"

namespace tollgate::store::sql {

void PostingBatch::add(RequestRecord const& r, RecordDims const& d, std::int64_t id) {
    auto const put = [&](Dimension dimension, std::int64_t value) {
        if (value != 0) entries_.push_back({static_cast<std::uint8_t>(dimension), value, id});
    };
    put(Dimension::account, r.account_id.value);
    put(Dimension::key, r.key_id.value);
    put(Dimension::model, d.model);
    put(Dimension::provider, d.provider);
    put(Dimension::route, d.route);
    if (r.status != 200) put(Dimension::status, r.status);
    if (r.outcome != Outcome::success) put(Dimension::outcome, static_cast<std::int64_t>(r.outcome));
    if (!r.charge.is_zero()) put(Dimension::account_charged, r.account_id.value);
}

void PostingBatch::write(Database& db) {
    std::sort(entries_.begin(), entries_.end());
    auto const bulk = db.bulk({"posting(dimension, value, first_id, n, ids)", "iiiib", ""});
    std::string ids;
    for (std::size_t i = 0; i < entries_.size();) {
        auto const& first = entries_[i];
        ids.clear();
        auto last = first.id;
        std::size_t next = i + 1;
        for (; next < entries_.size() && entries_[next].dimension == first.dimension && entries_[next].value == first.value;
             ++next) {
            put_varint(ids, static_cast<std::uint64_t>(entries_[next].id - last));
            last = entries_[next].id;
        }
        bulk->add(first.dimension);
        bulk->add(first.value);
        bulk->add(first.id);
        bulk->add(static_cast<std::int64_t>(next - i));
        bulk->blob(ids);
        bulk->end_row();
        i = next;
    }
    bulk->finish();
    entries_.clear();
}

void PostingReader::load(std::int64_t id) {
    rows_.clear();
    auto query = db_->prepare("select first_id, ids from posting where dimension = $1 and value = $2 and first_id <= $3 "
                              "order by first_id desc limit 16");
    query.bind(static_cast<std::int64_t>(dimension_)).bind(value_).bind(id);
    while (query.step()) {
        std::vector<std::int64_t> ids{query.i64(0)};
        for (ByteReader in(query.bytes(1)); !in.at_end() && in.ok();)
            ids.push_back(ids.back() + static_cast<std::int64_t>(in.varint()));
        rows_.push_back(std::move(ids));
        if (rows_.back().size() > 256) break; // dense: more would seldom be used
    }
    std::reverse(rows_.begin(), rows_.end());
}

std::int64_t PostingReader::seek(std::int64_t id) {
    while (!rows_.empty() && rows_.back().front() > id) rows_.pop_back();
    if (rows_.empty()) load(id);
    if (rows_.empty()) return 0;
    auto const& ids = rows_.back();
    return *std::prev(std::upper_bound(ids.begin(), ids.end(), id));
}

} // namespace tollgate::store::sql
