#include <algorithm>
#include <unordered_map>

#include "store/sql/apply.hpp"
#include "store/sql/books.hpp"
#include "store/sql/record_scan.hpp"
#include "store/sql/rollups.hpp"
#include "store/sql/stores.hpp"

namespace tollgate::store::sql {
namespace {

/// Collects findings of one check up to its limit.
class Findings {
public:
    Findings(std::string check, int limit) : check_(std::move(check)), limit_(static_cast<std::size_t>(std::max(limit, 1))) {}
    void expect(bool good, std::string row, std::string const& message) {
        if (!good && out_.size() < limit_) out_.push_back({check_, std::move(row), message});
    }
    bool full() const { return out_.size() >= limit_; }
    std::vector<Finding> take() { return std::move(out_); }

private:
    std::string check_;
    std::size_t limit_;
    std::vector<Finding> out_;
};

std::string usd(std::int64_t nanos) { return format_usd(Money::from_nanos(nanos)); }
std::string differ(std::int64_t expected, std::int64_t found) {
    return "expected " + usd(expected) + " USD, found " + usd(found);
}

/// Runs a query that lists only what is wrong: column 0 names the row, 1 is expected, 2 was found.
void list_wrong(Database& db, Findings& out, std::string const& what, std::string_view sql) {
    auto query = db.prepare(sql);
    while (!out.full() && query.step())
        out.expect(false, what + std::to_string(query.i64(0)), differ(query.i64(1), query.i64(2)));
}

/// Every request id that was ever claimed has its record: a record taken out afterwards is named by what is left of it.
std::vector<Finding> check_complete(Database& db, int limit) {
    Findings found("records are complete", limit);
    auto query = db.prepare("select u.record_id, u.uid from record_uid u left join record r on r.id = u.record_id "
                            "where r.id is null order by u.record_id");
    while (!found.full() && query.step())
        found.expect(false, "record " + std::to_string(query.i64(0)),
                     "missing; its request came at " + format_rfc3339(time_of_uid(query.i64(1))));
    return found.take();
}

void append(std::vector<Finding>& all, std::vector<Finding> more) {
    all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

} // namespace

std::vector<Finding> SqlVerifyStore::check_ledger(int limit) {
    return db_.read([&](Database& db) {
        std::vector<Finding> all;
        auto const check = [&](std::string name, std::string const& what, std::string_view sql) {
            Findings found(std::move(name), limit);
            list_wrong(db, found, what, sql);
            append(all, found.take());
        };
        check("debits equal credits", "sum over ledger accounts, difference ",
              "select 0, cast(sum(debits_posted) as bigint), cast(sum(credits_posted) as bigint) from ledger_account "
              "having sum(debits_posted) <> sum(credits_posted)");
        check("ledger account debits", "ledger account ",
              "select a.id, coalesce(t.s, 0), a.debits_posted from ledger_account a left join (select debit_account as d, "
              "cast(sum(amount) as bigint) as s from transfer group by debit_account) t on t.d = a.id "
              "where coalesce(t.s, 0) <> a.debits_posted order by a.id");
        check("ledger account credits", "ledger account ",
              "select a.id, coalesce(t.s, 0), a.credits_posted from ledger_account a left join (select credit_account as c, "
              "cast(sum(amount) as bigint) as s from transfer group by credit_account) t on t.c = a.id "
              "where coalesce(t.s, 0) <> a.credits_posted order by a.id");
        check("grants are never negative", "grant_",
              "select g.id, 0, a.credits_posted - a.debits_posted from credit_grant g join ledger_account a on a.id = "
              "g.ledger_account_id where a.credits_posted < a.debits_posted order by g.id");
        check("grants open with their amount", "grant_",
              "select g.id, g.amount, a.credits_posted from credit_grant g join ledger_account a on a.id = g.ledger_account_id "
              "where a.credits_posted <> g.amount order by g.id");
        check("open grants have something left", "grant_",
              "select g.id, g.is_open, a.credits_posted - a.debits_posted from credit_grant g join ledger_account a on a.id = "
              "g.ledger_account_id where (g.is_open = 1) <> (a.credits_posted > a.debits_posted) order by g.id");
        check("balance equals grants less overdraft", "acc_",
              "select w.account_id, coalesce(b.s, 0), w.balance from wallet w left join (select account_id, "
              "cast(sum(credits_posted - debits_posted) as bigint) as s from ledger_account where kind in (1, 2) "
              "group by account_id) b on b.account_id = w.account_id where coalesce(b.s, 0) <> w.balance order by w.account_id");
        check("balance equals transactions", "acc_",
              "select w.account_id, coalesce(t.s, 0), w.balance from wallet w left join (select account_id, "
              "cast(sum(amount) as bigint) as s from ledger_txn group by account_id) t on t.account_id = w.account_id "
              "where coalesce(t.s, 0) <> w.balance order by w.account_id");
        check("usage transactions equal record charges", "acc_",
              "select coalesce(t.a, r.a), coalesce(r.s, 0), coalesce(t.s, 0) from (select account_id as a, cast(-sum(amount) as "
              "bigint) as s from ledger_txn where kind = 1 group by account_id) t full join (select account_id as a, "
              "cast(sum(charge) as bigint) as s from record where charge > 0 group by account_id) r on r.a = t.a "
              "where coalesce(t.s, 0) <> coalesce(r.s, 0)");
        // Every transaction moves in the books what it says; money of the house moves against the account's own books.
        check("transactions equal their transfers", "txn_",
              "select t.id, coalesce(x.s, 0), t.amount from ledger_txn t left join (select f.txn_id as i, cast(sum(f.amount * "
              "((case when c.account_id <> 0 then 1 else 0 end) - (case when d.account_id <> 0 then 1 else 0 end))) as bigint) "
              "as s from transfer f join ledger_account d on d.id = f.debit_account join ledger_account c on c.id = "
              "f.credit_account group by f.txn_id) x on x.i = t.id where coalesce(x.s, 0) <> t.amount order by t.id");
        append(all, check_complete(db, limit));
        return all;
    });
}

std::vector<Finding> SqlVerifyStore::check_chains(int limit) {
    return db_.read([&](Database& db) {
        Findings found("balances chain", limit);
        std::unordered_map<std::int64_t, std::int64_t> balance;
        struct Posted {
            std::int64_t position, id, account, before, after;
        };
        std::vector<Posted> posted; // credits and the like: few beside records
        {
            auto query = db.prepare("select position, id, account_id, balance_before, balance_after from ledger_txn "
                                    "where kind <> 1 order by position");
            while (query.step()) posted.push_back({query.i64(0), query.i64(1), query.i64(2), query.i64(3), query.i64(4)});
        }
        std::size_t next = 0;
        auto const book_until = [&](std::int64_t position) {
            for (; next < posted.size() && posted[next].position < position; ++next) {
                auto const& p = posted[next];
                auto const expected = balance[p.account];
                found.expect(p.before == expected, format_id(TransactionId{p.id}), "balance before: " + differ(expected, p.before));
                balance[p.account] = p.after;
            }
        };
        std::int64_t after = 0;
        for (int rows = 1; rows > 0 && !found.full();) {
            rows = 0;
            auto query = db.prepare("select id, account_id, charge, balance_after, request_id from record where id > $1 order by id limit 5000");
            query.bind(after);
            for (; query.step(); ++rows) {
                after = query.i64(0);
                book_until(after);
                auto& now = balance[query.i64(1)];
                auto const expected = now - query.i64(2);
                if (query.i64(3) != expected) {
                    Uuid id;
                    auto const bytes = query.bytes(4);
                    std::copy_n(bytes.begin(), std::min<std::size_t>(bytes.size(), 16), id.bytes.begin());
                    found.expect(false, id.text(), "balance after: " + differ(expected, query.i64(3)));
                }
                now = query.i64(3);
            }
        }
        book_until(std::numeric_limits<std::int64_t>::max());
        if (!found.full()) {
            auto query = db.prepare("select account_id, balance from wallet order by account_id");
            while (query.step())
                found.expect(balance[query.i64(0)] == query.i64(1), format_id(AccountId{query.i64(0)}),
                             "balance after the last booking: " + differ(balance[query.i64(0)], query.i64(1)));
        }
        return found.take();
    });
}

std::vector<Finding> SqlVerifyStore::check_rollups(int limit) {
    return db_.read([&](Database& db) {
        using Map = std::unordered_map<std::int64_t, Sums>;
        Map hours, accounts, keys; // recomputed from the records
        std::unordered_map<std::int64_t, std::int64_t> spent;
        visit_run(db, dims_, 1, std::numeric_limits<std::int64_t>::max() - 1, false, [&](StoredRecord const& s) {
            auto const& r = s.record;
            hours[floor_div(r.time.ms, ms_per_hour)].add(r);
            accounts[r.account_id.value].add(r);
            keys[r.key_id.value].add(r);
            if (r.key_id && !r.charge.is_zero()) spent[r.key_id.value] += r.charge.nanos();
            return true;
        });
        Findings found("rollups equal records", limit);
        auto const compare = [&](std::string_view table, std::string_view group, Map const& expected) {
            auto rest = expected;
            auto query = db.prepare("select " + std::string(group) + ", " + sum_columns(true) + " from " + std::string(table) +
                                    " group by " + std::string(group));
            auto const row = [&](std::int64_t id) {
                return std::string(table) + " " + std::string(group) + " " + std::to_string(id);
            };
            while (query.step()) {
                auto const id = query.i64(0);
                auto const sums = Sums::of_row(query, 1);
                auto const& want = rest[id];
                for (std::size_t i = 0; i < rollup_columns.size(); ++i)
                    found.expect(sums.v[i] == want.v[i], row(id), std::string(rollup_columns[i]) + ": expected " +
                                                                      std::to_string(want.v[i]) + ", found " + std::to_string(sums.v[i]));
                rest.erase(id);
            }
            for (auto const& [id, sums] : rest) found.expect(false, row(id), "missing; " + std::to_string(sums.v[0]) + " requests");
        };
        compare("rollup_all", "hour", hours);
        compare("rollup_account", "account_id", accounts);
        compare("rollup_key", "key_id", keys);
        compare("rollup_key_hour", "key_id", keys);
        compare("rollup_key_day", "key_id", keys);
        auto query = db.prepare("select key_id, total from key_spend");
        while (query.step()) {
            auto const expected = spent[query.i64(0)];
            found.expect(expected == query.i64(1), "spend of " + format_id(KeyId{query.i64(0)}), differ(expected, query.i64(1)));
            spent.erase(query.i64(0));
        }
        for (auto const& [key, amount] : spent) found.expect(amount == 0, "spend of " + format_id(KeyId{key}), differ(amount, 0));
        return found.take();
    });
}

std::vector<Finding> SqlVerifyStore::check_holds(Timestamp older_than, int limit) {
    return db_.read([&](Database& db) {
        Findings found("holds", limit);
        std::vector<Uuid> ids;
        {
            auto query = db.prepare("select request_id from open_hold order by seq");
            while (query.step()) {
                Uuid id;
                auto const bytes = query.bytes(0);
                std::copy_n(bytes.begin(), std::min<std::size_t>(bytes.size(), 16), id.bytes.begin());
                ids.push_back(id);
            }
        }
        for (auto const& id : ids) {
            found.expect(find_record(db, id) == 0, id.text(), "the hold is open although the request has ended");
            found.expect(id.time_ms() >= older_than.ms, id.text(),
                         "the hold has been open since " + format_rfc3339(Timestamp{id.time_ms()}));
        }
        return found.take();
    });
}

} // namespace tollgate::store::sql
