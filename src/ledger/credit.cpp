// The control side's half of the ledger: money coming in and being taken back.
#include <algorithm>

#include "ledger/ledger.hpp"

namespace tollgate::ledger {

namespace {

constexpr int posted_pages_max = 5; ///< of 1,000 transactions, searched for a repeated refund

bool takes_credit(store::CreditRequest const& r) {
    return r.kind == store::TransactionKind::refund ||
           (r.kind == store::TransactionKind::adjustment && r.amount.is_negative());
}

} // namespace

/// Changes the wallet by what was booked, and gives `reserved` back, in one step.
void Ledger::book(AccountId id, Money change, Money reserved) {
    Wallet& wallet = wallets_.at(id);
    std::lock_guard lock(wallet.mutex);
    wallet.held -= reserved;
    wallet.balance += change;
    wallet.booked += change;
}

/// Brings a wallet up to what the store has booked, usage apart. Holds credit_mutex_; throws
/// StoreUnavailable.
void Ledger::resync(AccountId id) {
    store::AccountBalance const books = stores_.ledger.balance(id);
    Wallet& wallet = wallets_.at(id);
    {
        std::lock_guard lock(wallet.mutex);
        Money const missing = books.balance + books.spent - wallet.booked;
        wallet.balance += missing;
        wallet.booked += missing;
    }
    unsure_.erase(id);
}

Result<store::TransactionRow> Ledger::credit(store::CreditRequest const& request) {
    std::lock_guard one_at_a_time(credit_mutex_);
    AccountId const id = request.account_id;
    if (unsure_.count(id) != 0)
        resync(id);
    Money reserved;
    if (takes_credit(request)) {
        flush(); // so that the store's grants know of every charge; without it the wallet still stands guard
        auto held = reserve_for_taking(id, request.amount.is_negative() ? -request.amount : request.amount);
        if (!held) {
            if (auto posted = find_posted(id, request.reference))
                return *posted;
            return Fail(held.error());
        }
        reserved = *held;
    }
    try {
        auto row = stores_.ledger.post_credit(request);
        book(id, row && !row->existed ? row->amount : Money{}, reserved);
        return row;
    } catch (...) {
        // Nobody knows whether it was booked: a repeated call, or the next one for this account, will find
        // out.
        book(id, Money{}, reserved);
        unsure_.insert(id);
        throw;
    }
}

/// Sets aside what a refund or a negative adjustment is about to take; returns the amount held.
Result<Money> Ledger::reserve_for_taking(AccountId id, Money amount) {
    Wallet& wallet = wallets_.at(id);
    std::lock_guard lock(wallet.mutex);
    Money const free = wallet.balance - wallet.held; // an overdraft is not the customer's money
    if (free >= amount) {
        wallet.held += amount;
        return amount;
    }
    return fail(Errc::insufficient_credits,
                "$" + format_usd(std::max(Money{}, free)) + " is free on this account (open requests hold $" +
                    format_usd(wallet.held) + "): $" + format_usd(amount) + " cannot be taken from it");
}

/// A transaction booked under this reference before, among the newest of the account.
std::optional<store::TransactionRow> Ledger::find_posted(AccountId account, std::string const& reference) {
    if (reference.empty())
        return std::nullopt;
    store::PageRequest page{0, store::page_limit_max, 0};
    for (int i = 0; i < posted_pages_max; ++i) {
        auto const found = stores_.ledger.transactions(page, store::TransactionFilter{account, {}, {}, {}});
        for (auto const& row : found.rows)
            if (row.kind != store::TransactionKind::usage && row.reference == reference) {
                auto copy = row;
                copy.existed = true;
                return copy;
            }
        if (found.next == 0)
            break;
        page.cursor = found.next;
    }
    return std::nullopt;
}

std::size_t Ledger::expire_grants() {
    std::lock_guard one_at_a_time(credit_mutex_);
    while (!unsure_.empty())
        resync(*unsure_.begin());
    flush(); // what was spent before the expiry is spent from the grant
    std::size_t expired = 0;
    try {
        for (;;) {
            auto const rows = stores_.ledger.expire_grants(clock_.now());
            if (rows.empty())
                return expired;
            expired += rows.size();
            for (auto const& row : rows)
                book(row.account_id, row.amount, Money{});
        }
    } catch (...) {
        // Which accounts it reached is not known.
        wallets_.for_each([this](AccountId id, Wallet&) { unsure_.insert(id); });
        throw;
    }
}

void Ledger::set_account(AccountId id, Money overdraft, bool suspended) {
    Wallet& wallet = wallets_.at(id);
    std::lock_guard lock(wallet.mutex);
    wallet.overdraft = overdraft;
    wallet.suspended = suspended;
}

} // namespace tollgate::ledger
