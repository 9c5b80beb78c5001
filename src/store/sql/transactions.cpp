#include "store/sql/postings.hpp"
#include "store/sql/record_scan.hpp"
#include "store/sql/stores.hpp"

namespace tollgate::store::sql {
namespace {

struct Posted {
    std::int64_t position;
    TransactionRow row;
};

/// Credits, refunds and the like of one account, newest first, read in small runs.
class PostedReader {
public:
    PostedReader(Database& db, std::int64_t account, std::int64_t below) : db_(db), account_(account), below_(below) {}
    /// Position of the next one; 0 = none left.
    std::int64_t peek() {
        if (at_ == run_.size() && !done_) load();
        return at_ < run_.size() ? run_[at_].position : 0;
    }
    TransactionRow take() { return std::move(run_[at_++].row); }

private:
    void load() {
        run_.clear();
        at_ = 0;
        auto query = db_.prepare("select id, kind, amount, balance_before, balance_after, reference, description, booked_at, "
                                 "position from ledger_txn where account_id = $1 and kind <> 1 and position < $2 "
                                 "order by position desc limit 100");
        query.bind(account_).bind(below_);
        while (query.step()) {
            Posted p;
            p.row.id = TransactionId{query.i64(0)};
            p.row.account_id = AccountId{account_};
            p.row.kind = static_cast<TransactionKind>(query.i64(1));
            p.row.amount = Money::from_nanos(query.i64(2));
            p.row.balance_before = Money::from_nanos(query.i64(3));
            p.row.balance_after = Money::from_nanos(query.i64(4));
            p.row.reference = query.str(5);
            p.row.description = query.str(6);
            p.row.created_at = Timestamp{query.i64(7)};
            p.position = below_ = query.i64(8);
            run_.push_back(std::move(p));
        }
        done_ = run_.size() < 100;
    }
    Database& db_;
    std::int64_t account_, below_;
    std::vector<Posted> run_;
    std::size_t at_ = 0;
    bool done_ = false;
};

TransactionRow usage_row(StoredRecord const& s) {
    TransactionRow t;
    t.account_id = s.record.account_id;
    t.kind = TransactionKind::usage;
    t.amount = -s.record.charge;
    t.balance_before = s.balance_before;
    t.balance_after = s.balance_after;
    t.reference = s.record.request_id.text();
    t.description = s.record.model.empty() ? s.record.route : s.record.model;
    t.key_id = s.record.key_id;
    t.created_at = s.record.time;
    return t;
}

} // namespace

Page<TransactionRow> SqlLedgerStore::transactions(PageRequest const& page, TransactionFilter const& filter) {
    auto const limit = static_cast<std::size_t>(page_limit(page));
    return db_.read([&](Database& db) {
        Page<TransactionRow> out;
        auto const below = upper_bound(page);
        RecordScan usage(db, dims_, {.account_id = {}, .key_id = filter.key_id, .start = filter.start, .end = filter.end});
        if (filter.account_id) usage.also(Dimension::account_charged, filter.account_id.value);
        // Without an account only the key's own usage is asked for; then a charge of zero is not a transaction.
        bool const countable = usage.exact() && filter.account_id;
        PostedReader posted(db, filter.key_id ? -1 : filter.account_id.value, below);
        auto skip = page.offset;
        std::int64_t last = 0;
        auto const take = [&](std::int64_t position, auto&& make) {
            if (skip > 0) {
                --skip;
                return true;
            }
            if (out.rows.size() == limit) {
                out.next = last;
                return false;
            }
            out.rows.push_back(make());
            last = position;
            return true;
        };
        auto record = usage.unindexed() ? 0 : usage.candidate(below - 1);
        while (record > 0 || posted.peek() > 0) {
            if (auto const position = posted.peek(); position > record) {
                auto row = posted.take();
                if (in_range(row.created_at, filter.start, filter.end) && !take(position, [&] { return std::move(row); })) break;
                continue;
            }
            if (skip > 0 && countable) {
                --skip;
            } else {
                auto const stored = read_position(db, dims_, record);
                if (stored && usage.matches(*stored) && !stored->record.charge.is_zero() &&
                    !take(record, [&] { return usage_row(*stored); }))
                    break;
            }
            record = usage.candidate(record - 1);
        }
        return out;
    });
}

} // namespace tollgate::store::sql
