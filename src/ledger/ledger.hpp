#pragma once
// Holding, settling and crediting: every change of credit goes through here. The data plane calls hold and
// record_refused (memory and journal only, about a microsecond); the control side calls the rest, which talks
// to the store.
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "journal/journal.hpp"
#include "ledger/hold.hpp"
#include "ledger/wallets.hpp"
#include "store/ledger_store.hpp"

namespace tollgate::store {
class AccountStore;
}

namespace tollgate::ledger {

class Applier;

struct Options {
    journal::Options journal;
    std::size_t batch_records = 5000; ///< a batch is applied when it has so many records,
    int batch_linger_ms = 20;         ///< or when its first frame is so old
    int retry_ms_max = 2000;          ///< longest pause between tries while the store is away
    /// false: no thread runs; the owner steps applier() and journal() (simulation). Overrides
    /// journal.threads.
    bool threads = true;
};

/// The parts of a store that the books need. All must outlive the Ledger.
struct Stores {
    store::LedgerStore& ledger;
    store::AccountStore& accounts;
    std::string store_id;
};

/// What start-up found.
struct Recovery {
    std::uint64_t replayed_records = 0; ///< journaled before, applied now
    std::uint64_t recovered_holds = 0;  ///< requests that died with the last process
    Money recovered_charge;
    std::size_t wallets = 0;
};

struct Health {
    bool ok = true;              ///< holds are accepted
    std::string reason;          ///< why not, or what is going wrong
    bool store_away = false;     ///< the applier is retrying
    std::uint64_t lag_bytes = 0; ///< journaled, not applied
    std::int64_t lag_ms = 0;     ///< age of the oldest frame not applied
    std::int64_t open_holds = 0;
    std::uint64_t applied_records = 0;
    std::uint64_t applied_batches = 0;
    std::uint64_t dropped_refusals = 0; ///< refused requests not recorded because the journal was nearly full
    journal::Metrics journal;
};

class Ledger {
public:
    /// Opens the journal on `disk`, replays what the store does not have, ends the requests that died with
    /// the last process, loads wallets and key spends, and starts the threads. `disk` and `clock` must
    /// outlive the Ledger. Throws StoreUnavailable. Errors: conflict (directory in use; journal of another
    /// store), unavailable (damaged or missing segments, disk full): the message says what to do.
    static Result<std::unique_ptr<Ledger>> open(journal::Disk& disk, Clock const& clock, Stores stores,
                                                Options options = {});
    /// As `close()`. No Hold may be alive.
    ~Ledger();
    Ledger(Ledger const&) = delete;
    Ledger& operator=(Ledger const&) = delete;

    // Data plane: any thread, no blocking beyond short locks.

    /// Reserves in the account's credit and under each cap of the key, all or nothing, and journals the HOLD
    /// frame. Errors: insufficient_credits (says what is available and needed), cap_exceeded (names the
    /// window and when it starts anew), forbidden (account suspended), unavailable (journal; draining).
    Result<Hold> hold(HoldRequest const& request);
    /// Records a request that was refused before it got a hold; charge must be 0. Dropped, and counted, when
    /// the journal is nearly full.
    void record_refused(RequestRecord const& record);
    /// Records a request that costs something without a hold: an answer from the response cache. Charges at
    /// once. Errors: as hold.
    Result<Settled> charge_now(RequestRecord&& record, SpendingCaps const& caps);
    /// Keeps an answer for its idempotency key. Errors: unavailable (nearly full).
    Result<journal::Position> keep_replay(store::ReplayRow const& row);

    WalletView wallet(AccountId id) const;
    KeySpendView key_spend(KeyId id) const;

    // Control side: blocks on the store; never call from an I/O thread. These throw StoreUnavailable.

    /// Posts to the books, then to the wallet, so that credit is spendable when this returns. What takes
    /// credit away (refund, negative adjustment) is reserved first, so it cannot race a request. Errors:
    /// those of LedgerStore::post_credit; insufficient_credits when open holds need it.
    Result<store::TransactionRow> credit(store::CreditRequest const& request);
    /// Takes what is left of expired grants; returns how many.
    std::size_t expire_grants();
    /// After an account was made or changed in the store. overdraft ≥ 0.
    void set_account(AccountId id, Money overdraft, bool suspended);
    /// Returns when everything journaled before the call is in the store, or false after `timeout_ms` (the
    /// store is away). Read-your-writes for the control side and tests.
    bool flush(std::int64_t timeout_ms = 10'000);

    // Life.

    /// No new holds from now on (they are `unavailable`); open ones go on.
    void drain() noexcept { draining_.store(true, std::memory_order_release); }
    /// Drains, flushes (up to `flush_ms`), syncs, stops the threads. Idempotent. What could not be flushed is
    /// applied at the next start.
    void close(std::int64_t flush_ms = 10'000);

    Recovery const& recovery() const noexcept { return recovery_; }
    Health health() const;
    journal::Journal& journal() noexcept { return *journal_; }
    Applier& applier() noexcept { return *applier_; }
    /// Name under which the store knows this node's journal: for Store::acquire_node.
    std::string const& node() const noexcept { return journal_->identity().node; }

private:
    friend class Hold;
    Ledger(Clock const& clock, Stores stores, Options options);
    Result<void> reserve(Wallet& wallet, KeyPurse& purse, SpendingCaps const& caps, Money amount);
    void unreserve(Wallet& wallet, KeyPurse& purse, Money amount);
    Settled finish(Wallet& wallet, KeyPurse& purse, Money held, std::uint32_t reserve,
                   RequestRecord const& record);
    Result<void> start(journal::Disk& disk);
    Result<void> end_dead_requests();
    void load_wallets();
    void book(AccountId id, Money change, Money reserved);
    void resync(AccountId id);
    Result<Money> reserve_for_taking(AccountId id, Money amount);
    std::optional<store::TransactionRow> find_posted(AccountId account, std::string const& reference);

    Clock const& clock_;
    Stores stores_;
    Options options_;
    Wallets wallets_;
    Purses purses_;
    std::unique_ptr<journal::Journal> journal_;
    std::unique_ptr<Applier> applier_;
    Recovery recovery_;
    std::atomic<bool> draining_{false};
    std::atomic<std::int64_t> open_holds_{0};
    std::atomic<std::uint64_t> dropped_refusals_{0};
    /// One credit, refund or expiry at a time, across its store call: so a wallet can be compared with the
    /// books.
    std::mutex credit_mutex_;
    /// Accounts whose last write to the store was not confirmed: their wallets are compared at the next
    /// chance.
    std::set<AccountId> unsure_;
    bool closed_ = false;
};

} // namespace tollgate::ledger
