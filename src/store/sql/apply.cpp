#include "store/sql/apply.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "store/sql/books.hpp"
#include "store/sql/postings.hpp"
#include "store/sql/record_row.hpp"
#include "store/sql/rollups.hpp"

namespace tollgate::store::sql {
namespace {

constexpr std::int64_t uid_epoch_ms = 1'577'836'800'000; // 2020-01-01; 41 bits of milliseconds last until 2089
constexpr int uid_tail_bits = 22;

/// The request id stored under a record number; empty view = none.
bool record_has_id(Database& db, std::int64_t record, Uuid const& id) {
    auto query = db.prepare("select request_id from record where id = $1");
    return query.bind(record).step() && query.bytes(0) == as_bytes(id);
}

/// One batch on its way into the tables.
class Application {
public:
    Application(Database& db, Dims& dims, ApplyBatch const& batch) : db_(db), dims_(dims), batch_(batch), books_(db) {}

    ApplyResult run() {
        ApplyResult result{.applied = true, .mark = batch_.to};
        if (!batch_.records.empty()) {
            auto const n = static_cast<std::int64_t>(batch_.records.size());
            first_ = books_.take_positions(n) - n + 1;
            result.duplicates = claim_ids();
            result.inserted = batch_.records.size() - result.duplicates;
            write_records();
            postings_.write(db_);
            rollups_.write(db_);
            post_usage();
            write_key_spends();
            write_minutes();
        }
        write_holds();
        write_replays();
        write_mark();
        return result;
    }

private:
    struct Spender {
        Wallet wallet;
        std::int64_t opening = 0; ///< balance before the batch
        std::int64_t charged = 0;
        std::int64_t records = 0;
    };

    /// Claims every request id; marks those that are in the store already. Returns how many were.
    std::size_t claim_ids() {
        auto const n = batch_.records.size();
        duplicate_.assign(n, false);
        std::vector<std::pair<std::int64_t, std::size_t>> order; // by uid: neighbours in the table
        order.reserve(n);
        for (std::size_t i = 0; i < n; ++i) order.emplace_back(uid_of(batch_.records[i].request_id), i);
        std::sort(order.begin(), order.end());
        auto const bulk = db_.bulk({"record_uid(uid, record_id)", "ii", "on conflict do nothing"});
        for (auto const& [uid, i] : order) {
            bulk->add(uid);
            bulk->add(first_ + static_cast<std::int64_t>(i));
            bulk->end_row();
        }
        std::vector<bool> inserted;
        bulk->finish(&inserted);
        std::size_t duplicates = 0;
        for (std::size_t k = 0; k < n; ++k)
            if (!inserted[k] && !claim_next(order[k].first, order[k].second)) {
                duplicate_[order[k].second] = true;
                ++duplicates;
            }
        return duplicates;
    }

    /// The uid is taken: by the same request (false) or by another that shares it (true, stored under a later uid).
    bool claim_next(std::int64_t uid, std::size_t i) {
        auto const& id = batch_.records[i].request_id;
        for (;; ++uid) {
            std::int64_t holder = 0;
            {
                auto query = db_.prepare("select record_id from record_uid where uid = $1");
                if (query.bind(uid).step()) holder = query.i64(0);
            }
            if (holder == 0) {
                db_.prepare("insert into record_uid(uid, record_id) values($1, $2)")
                    .bind(uid).bind(first_ + static_cast<std::int64_t>(i)).run();
                return true;
            }
            bool const in_batch = holder >= first_; // not in the record table yet
            if (in_batch ? batch_.records[static_cast<std::size_t>(holder - first_)].request_id == id
                         : record_has_id(db_, holder, id))
                return false;
        }
    }

    void write_records() {
        auto const bulk = db_.bulk({"record(id, request_id, time, account_id, key_id, model, provider, route, status, "
                                    "outcome, cost, charge, balance_after, latency_ms, detail)",
                                    "ibiiiiiiiiiiiib", ""});
        std::string detail;
        for (std::size_t i = 0; i < batch_.records.size(); ++i) {
            if (duplicate_[i]) continue;
            auto const& r = batch_.records[i];
            auto const id = first_ + static_cast<std::int64_t>(i);
            auto const numbers = dims_of(r, db_, dims_);
            detail.clear();
            pack_detail(detail, r, numbers, db_, dims_);
            auto const balance_after = charge(r);
            bulk->add(id);
            bulk->blob(as_bytes(r.request_id));
            for (auto const v : {r.time.ms, r.account_id.value, r.key_id.value, numbers.model, numbers.provider,
                                 numbers.route, std::int64_t{r.status}, static_cast<std::int64_t>(r.outcome),
                                 r.cost.nanos(), r.charge.nanos(), balance_after, r.latency_ms})
                bulk->add(v);
            bulk->blob(detail);
            bulk->end_row();
            postings_.add(r, numbers, id);
            rollups_.add(r, numbers);
            auto& minute = minutes_[floor_div(r.time.ms, ms_per_minute)];
            if (minute.first == 0) minute.first = id;
            minute.second = id;
        }
        bulk->finish();
    }

    /// Books one charge in memory; returns the balance after it.
    std::int64_t charge(RequestRecord const& r) {
        auto const account = r.account_id.value;
        auto found = spenders_.find(account);
        if (found == spenders_.end()) {
            Spender s{.wallet = books_.wallet(account)};
            s.opening = s.wallet.balance;
            found = spenders_.emplace(account, s).first;
        }
        auto& s = found->second;
        if (auto const amount = r.charge.nanos(); amount > 0) {
            s.wallet.balance -= amount;
            s.wallet.spent += amount;
            s.charged += amount;
            ++s.records;
            if (r.key_id) key_spends_[r.key_id.value] += amount;
        }
        return s.wallet.balance;
    }

    void post_usage() {
        auto const key_head = "usage:" + batch_.node + ":" + std::to_string(batch_.from.seq + 1) + "-" +
                              std::to_string(batch_.to.seq) + ":";
        auto const last = first_ + static_cast<std::int64_t>(batch_.records.size()) - 1;
        std::int64_t revenue = 0, earned = 0;
        for (auto const& [account, s] : spenders_) {
            if (s.charged == 0) continue;
            if (revenue == 0) revenue = books_.book(0, BookKind::revenue, batch_.node);
            auto const key = key_head + std::to_string(account);
            auto const txn = books_.insert({.kind = TransactionKind::usage, .account = account, .business_key = key,
                                            .reference = key, .description = {}, .amount = -s.charged,
                                            .balance_before = s.opening, .position = last, .records = s.records,
                                            .now = batch_.now.ms});
            burn(account, s.charged, txn, revenue);
            books_.put_wallet(account, s.wallet);
            earned += s.charged;
        }
        if (revenue) books_.credit_only(revenue, earned);
    }

    void burn(std::int64_t account, std::int64_t amount, std::int64_t txn, std::int64_t revenue) {
        for (auto const& grant : books_.open_grants(account)) {
            auto const part = std::min(amount, grant.remaining);
            if (part > 0) books_.transfer_debit_side(txn, grant.book, revenue, part);
            if (part == grant.remaining) books_.close_grant(grant.grant);
            amount -= part;
            if (amount == 0) return;
        }
        books_.transfer_debit_side(txn, books_.book(account, BookKind::overdraft, ""), revenue, amount);
    }

    void write_key_spends() {
        auto const bulk = db_.bulk({"key_spend(key_id, total)", "ii",
                                    "on conflict(key_id) do update set total = key_spend.total + excluded.total"});
        for (auto const& [key, amount] : key_spends_) {
            bulk->add(key);
            bulk->add(amount);
            bulk->end_row();
        }
        bulk->finish();
    }

    void write_minutes() {
        auto const bulk = db_.bulk({"record_minute(minute, min_id, max_id)", "iii",
                                    "on conflict(minute) do update set max_id = excluded.max_id"});
        for (auto const& [minute, range] : minutes_) {
            bulk->add(minute);
            bulk->add(range.first);
            bulk->add(range.second);
            bulk->end_row();
        }
        bulk->finish();
    }

    void write_holds() {
        for (auto const& id : batch_.closed_holds)
            db_.prepare("delete from open_hold where request_id = $1").blob(as_bytes(id)).run();
        for (auto const& h : batch_.holds)
            db_.prepare("insert into open_hold(request_id, account_id, key_id, amount, seq, draft, progress) "
                        "values($1,$2,$3,$4,$5,$6,$7) on conflict(request_id) do update set amount = excluded.amount, "
                        "progress = excluded.progress")
                .blob(as_bytes(h.request_id)).bind(h.account_id.value).bind(h.key_id.value).bind(h.amount.nanos())
                .bind(static_cast<std::int64_t>(h.seq)).blob(h.draft).blob(h.progress).run();
    }

    void write_replays() {
        for (auto const& r : batch_.replays)
            db_.prepare("insert into replay(key_id, idempotency_key, request_hash, sealed, expires_at) "
                        "values($1,$2,$3,$4,$5) on conflict(key_id, idempotency_key) do update set request_hash = "
                        "excluded.request_hash, sealed = excluded.sealed, expires_at = excluded.expires_at")
                .bind(r.key_id.value).blob(r.idempotency_key).blob(r.request_hash).blob(r.sealed)
                .bind(r.expires_at.ms).run();
    }

    void write_mark() {
        db_.prepare("insert into journal_mark(node, segment, frame_end, seq) values($1,$2,$3,$4) on conflict(node) do "
                    "update set segment = excluded.segment, frame_end = excluded.frame_end, seq = excluded.seq")
            .bind(std::string_view(batch_.node)).bind(static_cast<std::int64_t>(batch_.to.segment))
            .bind(static_cast<std::int64_t>(batch_.to.offset)).bind(static_cast<std::int64_t>(batch_.to.seq)).run();
    }

    Database& db_;
    Dims& dims_;
    ApplyBatch const& batch_;
    Books books_;
    PostingBatch postings_;
    RollupBatch rollups_;
    std::int64_t first_ = 0; ///< number of the batch's first record
    std::vector<bool> duplicate_;
    std::map<std::int64_t, Spender> spenders_;   ///< in account order, so that rows are locked in one order
    std::map<std::int64_t, std::int64_t> key_spends_;
    std::map<std::int64_t, std::pair<std::int64_t, std::int64_t>> minutes_; ///< first and last record number
};

} // namespace

std::int64_t uid_of(Uuid const& id) noexcept {
    auto const ms = std::clamp<std::int64_t>(id.time_ms() - uid_epoch_ms, 0, (std::int64_t{1} << 41) - 1);
    std::int64_t const tail = (id.bytes[13] & 0x3f) << 16 | id.bytes[14] << 8 | id.bytes[15];
    return ms << uid_tail_bits | tail;
}

Timestamp time_of_uid(std::int64_t uid) noexcept { return Timestamp{(uid >> uid_tail_bits) + uid_epoch_ms}; }

std::int64_t find_record(Database& db, Uuid const& id) {
    for (auto uid = uid_of(id);; ++uid) {
        std::int64_t record = 0;
        {
            auto query = db.prepare("select record_id from record_uid where uid = $1");
            if (!query.bind(uid).step()) return 0;
            record = query.i64(0);
        }
        if (record_has_id(db, record, id)) return record;
    }
}

JournalMark read_mark(Database& db, std::string_view node) {
    auto query = db.prepare("select segment, frame_end, seq from journal_mark where node = $1");
    if (!query.bind(node).step()) return {};
    return {static_cast<std::uint64_t>(query.i64(0)), static_cast<std::uint64_t>(query.i64(1)),
            static_cast<std::uint64_t>(query.i64(2))};
}

Result<ApplyResult> apply_batch(Database& db, Dims& dims, ApplyBatch const& batch) {
    if (auto const mark = read_mark(db, batch.node); !(mark == batch.from)) return ApplyResult{.applied = false, .mark = mark};
    for (auto const& r : batch.records)
        if (r.charge.is_negative() || r.cost.is_negative())
            return fail(Errc::invalid_request, "record " + r.request_id.text() + " has a negative charge or cost");
    return Application(db, dims, batch).run();
}

} // namespace tollgate::store::sql
