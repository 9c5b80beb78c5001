#include "store/sql/stores.hpp"

#include <algorithm>
#include <unordered_map>

#include "store/sql/apply.hpp"
#include "store/sql/books.hpp"
#include "store/sql/postings.hpp"
#include "store/sql/record_row.hpp"
#include "store/sql/rollups.hpp"
#include "store/sql/time_range.hpp"

namespace tollgate::store::sql {
namespace {

constexpr std::string_view transaction_columns =
    "id, account_id, kind, amount, balance_before, balance_after, reference, description, booked_at, position";

TransactionRow read_transaction(Query& row) {
    TransactionRow t;
    t.id = TransactionId{row.i64(0)};
    t.account_id = AccountId{row.i64(1)};
    t.kind = static_cast<TransactionKind>(row.i64(2));
    t.amount = Money::from_nanos(row.i64(3));
    t.balance_before = Money::from_nanos(row.i64(4));
    t.balance_after = Money::from_nanos(row.i64(5));
    t.reference = row.str(6);
    t.description = row.str(7);
    t.created_at = Timestamp{row.i64(8)};
    return t;
}

std::optional<TransactionRow> find_by_key(Database& db, std::string_view business_key) {
    auto query = db.prepare("select " + std::string(transaction_columns) + " from ledger_txn where business_key = $1");
    if (!query.bind(business_key).step()) return std::nullopt;
    return read_transaction(query);
}

std::optional<TransactionRow> find_by_id(Database& db, std::int64_t id) {
    auto query = db.prepare("select " + std::string(transaction_columns) + " from ledger_txn where id = $1");
    if (!query.bind(id).step()) return std::nullopt;
    return read_transaction(query);
}

constexpr int default_priority(GrantKind kind) {
    return kind == GrantKind::promo ? 10 : kind == GrantKind::goodwill ? 20 : 50;
}

constexpr std::size_t reference_max = 255; // bytes; it stands in a unique index

Result<void> check_request(CreditRequest const& r) {
    bool const known = r.kind == TransactionKind::purchase || r.kind == TransactionKind::bonus ||
                       r.kind == TransactionKind::adjustment || r.kind == TransactionKind::refund;
    if (!known) return fail(Errc::invalid_request, "kind must be purchase, bonus, adjustment or refund", "kind");
    if (r.amount.is_zero()) return fail(Errc::invalid_request, "amount must not be zero", "amount");
    if (r.amount.is_negative() && r.kind != TransactionKind::adjustment)
        return fail(Errc::invalid_request, "amount must be positive: only an adjustment may be negative", "amount");
    return {};
}

/// Credit coming in: a new grant, out of which an overdraft is repaid first.
void post_incoming(Books& books, Database& db, CreditRequest const& r, std::int64_t txn, std::int64_t owed) {
    auto const kind = r.grant.value_or(r.kind == TransactionKind::purchase ? GrantKind::paid
                                       : r.kind == TransactionKind::bonus  ? GrantKind::promo
                                                                           : GrantKind::goodwill);
    auto const source = r.kind == TransactionKind::purchase ? BookKind::external_cash
                        : r.kind == TransactionKind::bonus  ? BookKind::promo_expense
                                                            : BookKind::adjustment;
    auto const amount = r.amount.nanos();
    auto const repaid = std::min(owed, amount);
    auto const book = books.book(r.account_id.value, BookKind::grant, std::to_string(txn));
    books.transfer(txn, books.book(0, source, ""), book, amount);
    if (repaid > 0) books.transfer(txn, book, books.book(r.account_id.value, BookKind::overdraft, ""), repaid);
    db.prepare("insert into credit_grant(account_id, ledger_account_id, txn_id, kind, amount, priority, expires_at, "
               "created_at, reference, is_open) values($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)")
        .bind(r.account_id.value).bind(book).bind(txn).bind(static_cast<std::int64_t>(kind)).bind(amount)
        .bind(std::int64_t{r.priority.value_or(default_priority(kind))})
        .bind(r.expires_at ? std::optional(r.expires_at->ms) : std::nullopt).bind(r.now.ms)
        .bind(std::string_view(r.reference)).bind(std::int64_t{repaid < amount}).run();
}

/// Credit going out again: a refund takes paid grants, newest first; a negative adjustment burns in the usual order.
struct Outgoing {
    std::vector<OpenGrant> grants;
    std::int64_t available = 0;
};
Outgoing outgoing_grants(Books& books, Database& db, CreditRequest const& r) {
    Outgoing out;
    if (r.kind == TransactionKind::adjustment) {
        out.grants = books.open_grants(r.account_id.value);
    } else {
        auto query = db.prepare(
            "select g.id, g.ledger_account_id, a.credits_posted - a.debits_posted from credit_grant g join ledger_account "
            "a on a.id = g.ledger_account_id where g.account_id = $1 and g.is_open = 1 and g.kind = 0 order by g.id desc");
        query.bind(r.account_id.value);
        while (query.step()) out.grants.push_back({query.i64(0), query.i64(1), query.i64(2)});
    }
    for (auto const& g : out.grants) out.available += g.remaining;
    return out;
}

void post_outgoing(Books& books, Outgoing const& out, std::int64_t txn, std::int64_t target, std::int64_t amount) {
    for (auto const& grant : out.grants) {
        if (amount == 0) return;
        auto const part = std::min(amount, grant.remaining);
        books.transfer(txn, grant.book, target, part);
        if (part == grant.remaining) books.close_grant(grant.grant);
        amount -= part;
    }
}

std::int64_t owed_by(Database& db, std::int64_t account) {
    auto query = db.prepare("select debits_posted - credits_posted from ledger_account where account_id = $1 and kind = $2");
    return query.bind(account).bind(static_cast<std::int64_t>(BookKind::overdraft)).step() ? query.i64(0) : 0;
}

bool account_exists(Database& db, std::int64_t id) {
    auto query = db.prepare("select 1 from account where id = $1");
    return query.bind(id).step();
}

Result<TransactionRow> post(Database& db, CreditRequest const& r) {
    if (r.reference.size() > reference_max)
        return fail(Errc::invalid_request, "reference must not be longer than 255 bytes", "reference");
    Books books(db);
    auto const account = r.account_id.value;
    auto const position = books.take_positions(1);
    auto const key = r.reference.empty() ? "credit:" + std::to_string(account) + ":#" + std::to_string(position)
                                         : "credit:" + std::to_string(account) + ":=" + r.reference;
    if (auto first = find_by_key(db, key)) {
        first->existed = true;
        return *first;
    }
    if (auto valid = check_request(r); !valid) return Fail(valid.error());
    if (!account_exists(db, account)) return fail(Errc::not_found, "no such account: '" + format_id(r.account_id) + "'");
    bool const incoming = r.kind != TransactionKind::refund && !r.amount.is_negative();
    auto const size = r.amount.is_negative() ? (-r.amount).nanos() : r.amount.nanos();
    Outgoing out;
    if (!incoming) {
        out = outgoing_grants(books, db, r);
        if (out.available < size)
            return fail(Errc::insufficient_credits,
                        std::string(r.kind == TransactionKind::refund ? "a refund is at most the unspent paid credit: "
                                                                      : "an adjustment is at most the unspent credit: ") +
                            format_usd(Money::from_nanos(out.available)) + " USD is left",
                        "amount");
    }
    auto wallet = books.wallet(account);
    auto const change = incoming ? size : -size;
    auto const txn = books.insert({.kind = r.kind, .account = account, .business_key = key, .reference = r.reference,
                                   .description = r.description, .amount = change, .balance_before = wallet.balance,
                                   .position = position, .records = 0, .now = r.now.ms});
    if (incoming)
        post_incoming(books, db, r, txn, owed_by(db, account));
    else
        post_outgoing(books, out, txn,
                      books.book(0, r.kind == TransactionKind::refund ? BookKind::external_cash : BookKind::adjustment, ""),
                      size);
    wallet.balance += change;
    if (incoming) wallet.earned += size;
    books.put_wallet(account, wallet);
    return *find_by_id(db, txn);
}

/// Takes what is left of one expired grant.
TransactionRow expire(Database& db, std::int64_t grant, std::int64_t account, std::int64_t book, std::int64_t remaining,
                      Timestamp now) {
    Books books(db);
    auto const position = books.take_positions(1);
    auto const key = "expire:" + std::to_string(grant);
    auto wallet = books.wallet(account);
    auto const reference = format_id(GrantId{grant});
    auto const txn = books.insert({.kind = TransactionKind::expiry, .account = account, .business_key = key,
                                   .reference = reference, .description = "expired credit", .amount = -remaining,
                                   .balance_before = wallet.balance, .position = position, .records = 0, .now = now.ms});
    books.transfer(txn, book, books.book(0, BookKind::breakage, ""), remaining);
    books.close_grant(grant);
    wallet.balance -= remaining;
    books.put_wallet(account, wallet);
    return *find_by_id(db, txn);
}

} // namespace

Result<TransactionRow> SqlLedgerStore::post_credit(CreditRequest const& request) {
    try {
        return db_.write([&](Database& db) { return post(db, request); });
    } catch (ConstraintViolation const& e) {
        return refused_text(e);
    }
}

std::vector<TransactionRow> SqlLedgerStore::expire_grants(Timestamp now) {
    return db_.write([&](Database& db) {
        struct Due {
            std::int64_t grant, account, book, remaining;
        };
        std::vector<Due> due;
        {
            auto query = db.prepare(
                "select g.id, g.account_id, g.ledger_account_id, a.credits_posted - a.debits_posted from credit_grant g "
                "join ledger_account a on a.id = g.ledger_account_id where g.is_open = 1 and g.expires_at is not null and "
                "g.expires_at <= $1 order by g.expires_at, g.id limit 1000");
            query.bind(now.ms);
            while (query.step()) due.push_back({query.i64(0), query.i64(1), query.i64(2), query.i64(3)});
        }
        std::vector<TransactionRow> out;
        for (auto const& d : due) out.push_back(expire(db, d.grant, d.account, d.book, d.remaining, now));
        return out;
    });
}

std::vector<GrantRow> SqlLedgerStore::grants(AccountId account) {
    return db_.read([&](Database& db) {
        auto query = db.prepare(
            "select g.id, g.kind, g.priority, g.amount, a.credits_posted - a.debits_posted, g.expires_at, g.created_at, "
            "g.reference from credit_grant g join ledger_account a on a.id = g.ledger_account_id where g.account_id = $1 "
            "and g.is_open = 1 order by g.priority, coalesce(g.expires_at, 9223372036854775807), g.created_at, g.id");
        query.bind(account.value);
        std::vector<GrantRow> out;
        while (query.step()) {
            GrantRow g;
            g.id = GrantId{query.i64(0)};
            g.account_id = account;
            g.kind = static_cast<GrantKind>(query.i64(1));
            g.priority = static_cast<int>(query.i64(2));
            g.amount = Money::from_nanos(query.i64(3));
            g.remaining = Money::from_nanos(query.i64(4));
            if (auto const at = query.opt(5)) g.expires_at = Timestamp{*at};
            g.created_at = Timestamp{query.i64(6)};
            g.reference = query.str(7);
            out.push_back(std::move(g));
        }
        return out;
    });
}

AccountBalance SqlLedgerStore::balance(AccountId account) {
    return db_.read([&](Database& db) {
        auto const w = Books(db).wallet(account.value);
        return AccountBalance{account, Money::from_nanos(w.balance), Money::from_nanos(w.earned), Money::from_nanos(w.spent)};
    });
}

std::vector<AccountBalance> SqlLedgerStore::balances() {
    return db_.read([&](Database& db) {
        auto query = db.prepare("select account_id, balance, earned, spent from wallet order by account_id");
        std::vector<AccountBalance> out;
        while (query.step())
            out.push_back({AccountId{query.i64(0)}, Money::from_nanos(query.i64(1)), Money::from_nanos(query.i64(2)),
                           Money::from_nanos(query.i64(3))});
        return out;
    });
}

Result<ApplyResult> SqlLedgerStore::apply(ApplyBatch const& batch) {
    return db_.write([&](Database& db) -> Result<ApplyResult> {
        dims_.forget_uncertain();
        return apply_batch(db, dims_, batch);
    });
}

JournalMark SqlLedgerStore::mark(std::string const& node) {
    return db_.read([&](Database& db) { return read_mark(db, node); });
}

std::vector<HoldRow> SqlLedgerStore::open_holds() {
    return db_.read([&](Database& db) {
        auto query = db.prepare("select request_id, account_id, key_id, amount, seq, draft, progress from open_hold order by seq");
        std::vector<HoldRow> out;
        while (query.step()) {
            HoldRow h;
            auto const id = query.bytes(0);
            std::copy_n(id.begin(), std::min(id.size(), h.request_id.bytes.size()), h.request_id.bytes.begin());
            h.account_id = AccountId{query.i64(1)};
            h.key_id = KeyId{query.i64(2)};
            h.amount = Money::from_nanos(query.i64(3));
            h.seq = static_cast<std::uint64_t>(query.i64(4));
            h.draft = query.str(5);
            h.progress = query.str(6);
            out.push_back(std::move(h));
        }
        return out;
    });
}

std::vector<KeySpend> SqlLedgerStore::key_spends(Timestamp now) {
    return db_.read([&](Database& db) {
        auto const windows = spend_windows(now);
        std::vector<KeySpend> out;
        std::unordered_map<std::int64_t, std::size_t> at;
        auto totals = db.prepare("select key_id, total from key_spend order by key_id");
        while (totals.step()) {
            at.emplace(totals.i64(0), out.size());
            out.push_back({KeyId{totals.i64(0)}, {}, {}, {}, Money::from_nanos(totals.i64(1))});
        }
        auto days = db.prepare("select day, key_id, charge from rollup_key_day where day >= $1 and day <= $2");
        days.bind(std::min(windows.week, windows.month)).bind(windows.day);
        while (days.step())
            if (auto const found = at.find(days.i64(1)); found != at.end())
                add_spend(out[found->second], windows, days.i64(0), days.i64(2));
        return out;
    });
}

KeySpend SqlLedgerStore::key_spend(KeyId key, Timestamp now) {
    return db_.read([&](Database& db) {
        auto const windows = spend_windows(now);
        KeySpend out{key, {}, {}, {}, {}};
        {
            auto total = db.prepare("select total from key_spend where key_id = $1");
            if (total.bind(key.value).step()) out.total = Money::from_nanos(total.i64(0));
        }
        auto hours = db.prepare("select hour, charge from rollup_key where key_id = $1 and hour >= $2 and hour < $3");
        hours.bind(key.value).bind(std::min(windows.week, windows.month) * hours_per_day).bind((windows.day + 1) * hours_per_day);
        while (hours.step()) add_spend(out, windows, floor_div(hours.i64(0), hours_per_day), hours.i64(1));
        return out;
    });
}

} // namespace tollgate::store::sql
