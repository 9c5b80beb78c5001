#include "store/sql/books.hpp"

namespace tollgate::store::sql {

std::int64_t Books::take_positions(std::int64_t n) {
    auto query = db_.prepare("update counter set value = value + $1 where name = 'record' returning value");
    query.bind(n).step();
    auto const last = query.i64(0);
    query.run();
    return last;
}

std::int64_t Books::book(std::int64_t account, BookKind kind, std::string_view ref) {
    {
        auto query = db_.prepare("select id from ledger_account where account_id = $1 and kind = $2 and ref = $3");
        if (query.bind(account).bind(static_cast<std::int64_t>(kind)).bind(ref).step()) return query.i64(0);
    }
    auto query = db_.prepare("insert into ledger_account(account_id, kind, ref, floor) values($1, $2, $3, $4) returning id");
    query.bind(account).bind(static_cast<std::int64_t>(kind)).bind(ref);
    query.bind(kind == BookKind::grant ? std::optional<std::int64_t>(0) : std::nullopt);
    query.step();
    auto const id = query.i64(0);
    query.run();
    return id;
}

std::int64_t Books::insert(TransactionDraft const& d) {
    auto query = db_.prepare(
        "insert into ledger_txn(kind, account_id, business_key, reference, description, amount, balance_before, "
        "balance_after, position, records, booked_at) values($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11) returning id");
    query.bind(static_cast<std::int64_t>(d.kind)).bind(d.account).bind(d.business_key).bind(d.reference)
        .bind(d.description).bind(d.amount).bind(d.balance_before).bind(d.balance_before + d.amount).bind(d.position)
        .bind(d.records).bind(d.now);
    query.step();
    auto const id = query.i64(0);
    query.run();
    return id;
}

void Books::transfer_debit_side(std::int64_t txn, std::int64_t debit, std::int64_t credit, std::int64_t amount) {
    db_.prepare("insert into transfer(txn_id, debit_account, credit_account, amount) values($1, $2, $3, $4)")
        .bind(txn).bind(debit).bind(credit).bind(amount).run();
    db_.prepare("update ledger_account set debits_posted = debits_posted + $1 where id = $2").bind(amount).bind(debit).run();
}

void Books::credit_only(std::int64_t book, std::int64_t amount) {
    db_.prepare("update ledger_account set credits_posted = credits_posted + $1 where id = $2").bind(amount).bind(book).run();
}

void Books::transfer(std::int64_t txn, std::int64_t debit, std::int64_t credit, std::int64_t amount) {
    transfer_debit_side(txn, debit, credit, amount);
    credit_only(credit, amount);
}

Wallet Books::wallet(std::int64_t account) {
    auto query = db_.prepare("select balance, earned, spent from wallet where account_id = $1");
    if (!query.bind(account).step()) return {};
    return {query.i64(0), query.i64(1), query.i64(2)};
}

void Books::put_wallet(std::int64_t account, Wallet const& w) {
    db_.prepare("insert into wallet(account_id, balance, earned, spent) values($1, $2, $3, $4) on conflict(account_id) "
                "do update set balance = excluded.balance, earned = excluded.earned, spent = excluded.spent")
        .bind(account).bind(w.balance).bind(w.earned).bind(w.spent).run();
}

std::vector<OpenGrant> Books::open_grants(std::int64_t account) {
    auto query = db_.prepare(
        "select g.id, g.ledger_account_id, a.credits_posted - a.debits_posted from credit_grant g join ledger_account a "
        "on a.id = g.ledger_account_id where g.account_id = $1 and g.is_open = 1 "
        "order by g.priority, coalesce(g.expires_at, 9223372036854775807), g.created_at, g.id");
    query.bind(account);
    std::vector<OpenGrant> out;
    while (query.step()) out.push_back({query.i64(0), query.i64(1), query.i64(2)});
    return out;
}

void Books::close_grant(std::int64_t grant) {
    db_.prepare("update credit_grant set is_open = 0 where id = $1").bind(grant).run();
}

} // namespace tollgate::store::sql
