// The control side's half of the ledger: money coming in and being taken back.
#include <algorithm>

#include "base/log.hpp"
#include "ledger/ledger.hpp"
#include "store/store.hpp"

namespace tollgate::ledger {

namespace {
constexpr std::size_t doubt_max = 10'000;
constexpr int posted_pages_max = 5; ///< of 1,000 transactions, searched for a repeated refund
} // namespace

/// Posts to the store. `first` tells whether the wallet must follow: the transaction is new, or it is one whose
/// commit was never confirmed to us.
Result<store::TransactionRow> Ledger::post(store::CreditRequest const& request, bool& first) {
    std::pair<AccountId, std::string> const key{request.account_id, request.reference};
    try {
        auto row = stores_.ledger.post_credit(request);
        std::lock_guard lock(doubt_mutex_);
        bool const doubted = in_doubt_.erase(key) > 0;
        first = row && (!row->existed || doubted);
        return row;
    } catch (store::StoreUnavailable const&) {
        std::lock_guard lock(doubt_mutex_);
        if (!request.reference.empty() && in_doubt_.size() < doubt_max)
            in_doubt_.insert(key);
        else
            log::warn("a credit was not confirmed by the store; should it have been booked, the balance shows it after a restart",
                      {{"account", format_id(request.account_id)}});
        throw;
    }
}

Result<store::TransactionRow> Ledger::credit(store::CreditRequest const& request) {
    bool const taken = request.kind == store::TransactionKind::refund ||
                       (request.kind == store::TransactionKind::adjustment && request.amount.is_negative());
    if (!taken || request.amount.is_zero()) return add_credit(request);
    return take_credit(request, request.amount.is_negative() ? -request.amount : request.amount);
}

Result<store::TransactionRow> Ledger::add_credit(store::CreditRequest const& request) {
    bool first = false;
    auto row = post(request, first);
    if (row && first) {
        Wallet& wallet = wallets_.at(request.account_id);
        std::lock_guard lock(wallet.mutex);
        wallet.balance += row->amount;
    }
    return row;
}

Result<store::TransactionRow> Ledger::take_credit(store::CreditRequest const& request, Money amount) {
    flush(); // so that the store's grants know of every charge; without it the wallet still stands guard
    Wallet& wallet = wallets_.at(request.account_id);
    Money free, held;
    {
        std::lock_guard lock(wallet.mutex);
        held = wallet.held;
        free = wallet.balance - wallet.held; // an overdraft is not the customer's money
        if (free >= amount) wallet.held += amount;
    }
    if (free < amount) {
        if (auto posted = find_posted(request.account_id, request.reference)) return *posted;
        return fail(Errc::insufficient_credits, "$" + format_usd(std::max(Money{}, free)) +
                                                    " is free on this account (open requests hold $" + format_usd(held) +
                                                    "): $" + format_usd(amount) + " cannot be taken from it");
    }
    // Gives the reservation back on every way out, and takes the amount off when it was booked.
    struct Reserved {
        Wallet& wallet;
        Money amount;
        Money booked;
        ~Reserved() {
            std::lock_guard lock(wallet.mutex);
            wallet.held -= amount;
            wallet.balance += booked;
        }
    } reserved{wallet, amount, {}};
    bool first = false;
    auto row = post(request, first);
    if (row && first) reserved.booked = row->amount;
    return row;
}

/// A transaction booked under this reference before, among the newest of the account.
std::optional<store::TransactionRow> Ledger::find_posted(AccountId account, std::string const& reference) {
    if (reference.empty()) return std::nullopt;
    store::PageRequest page{0, store::page_limit_max, 0};
    for (int i = 0; i < posted_pages_max; ++i) {
        auto const found = stores_.ledger.transactions(page, store::TransactionFilter{account, {}, {}, {}});
        for (auto const& row : found.rows)
            if (row.kind != store::TransactionKind::usage && row.reference == reference) {
                auto copy = row;
                copy.existed = true;
                return copy;
            }
        if (found.next == 0) break;
        page.cursor = found.next;
    }
    return std::nullopt;
}

std::size_t Ledger::expire_grants() {
    flush(); // what was spent before the expiry is spent from the grant
    std::size_t expired = 0;
    for (;;) {
        auto const rows = stores_.ledger.expire_grants(clock_.now());
        if (rows.empty()) return expired;
        expired += rows.size();
        for (auto const& row : rows) {
            Wallet& wallet = wallets_.at(row.account_id);
            std::lock_guard lock(wallet.mutex);
            wallet.balance += row.amount;
        }
    }
}

void Ledger::set_account(AccountId id, Money overdraft, bool suspended) {
    Wallet& wallet = wallets_.at(id);
    std::lock_guard lock(wallet.mutex);
    wallet.overdraft = overdraft;
    wallet.suspended = suspended;
}

} // namespace tollgate::ledger
