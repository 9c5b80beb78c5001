#include "store/sql/postings.hpp"

#include <algorithm>

#include "store/sql/bytes.hpp"

namespace tollgate::store::sql {

void PostingBatch::put(Dimension dimension, std::int64_t value, std::int64_t id) {
    if (value == 0) return;
    auto const [slot, fresh] =
        at_.try_emplace(static_cast<std::uint64_t>(value) << 4 | static_cast<std::uint64_t>(dimension), lists_.size());
    if (fresh) {
        lists_.push_back({static_cast<std::uint8_t>(dimension), value, id, id, 1, {}});
        return;
    }
    auto& list = lists_[slot->second];
    put_varint(list.ids, static_cast<std::uint64_t>(id - list.last));
    list.last = id;
    ++list.n;
}

void PostingBatch::add(RequestRecord const& r, RecordDims const& d, std::int64_t id) {
    put(Dimension::account, r.account_id.value, id);
    put(Dimension::key, r.key_id.value, id);
    put(Dimension::model, d.model, id);
    put(Dimension::provider, d.provider, id);
    put(Dimension::route, d.route, id);
    if (r.status != 200) put(Dimension::status, r.status, id);
    if (r.outcome != Outcome::success) put(Dimension::outcome, static_cast<std::int64_t>(r.outcome), id);
    if (!r.charge.is_zero()) put(Dimension::account_charged, r.account_id.value, id);
}

void PostingBatch::write(Database& db) {
    std::sort(lists_.begin(), lists_.end(), [](List const& a, List const& b) {
        return std::pair(a.dimension, a.value) < std::pair(b.dimension, b.value);
    });
    auto const bulk = db.bulk({"posting(dimension, value, first_id, n, ids)", "iiiib", ""});
    for (auto const& list : lists_) {
        bulk->add(list.dimension);
        bulk->add(list.value);
        bulk->add(list.first);
        bulk->add(list.n);
        bulk->blob(list.ids);
        bulk->end_row();
    }
    bulk->finish();
    at_.clear();
    lists_.clear();
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
