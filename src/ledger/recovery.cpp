// Start: the journal is replayed into the store, the requests that died with the last process are ended, and
// only then is credit loaded.
#include "base/log.hpp"
#include "ledger/applier.hpp"
#include "ledger/frames.hpp"
#include "ledger/ledger.hpp"
#include "store/account_store.hpp"

namespace tollgate::ledger {

Result<std::unique_ptr<Ledger>> Ledger::open(journal::Disk& disk, Clock const& clock, Stores stores,
                                             Options options) {
    std::unique_ptr<Ledger> ledger(new Ledger(clock, std::move(stores), options));
    if (auto started = ledger->start(disk); !started)
        return Fail(started.error());
    return ledger;
}

Result<void> Ledger::start(journal::Disk& disk) {
    auto journal = journal::Journal::open(disk, clock_, options_.journal, stores_.store_id);
    if (!journal)
        return Fail(journal.error());
    journal_ = std::move(*journal);
    store::JournalMark const mark = stores_.ledger.mark(node());
    if (auto started = journal_->start({mark.segment, mark.offset, mark.seq}); !started)
        return started;

    applier_ = std::make_unique<Applier>(*journal_, stores_.ledger, clock_, options_);
    if (auto attached = applier_->attach(); !attached)
        return attached;
    if (auto replayed = applier_->catch_up(); !replayed)
        return replayed;
    recovery_.replayed_records = applier_->state().records;
    if (auto ended = end_dead_requests(); !ended)
        return ended;
    load_wallets();
    if (recovery_.replayed_records > 0 || recovery_.recovered_holds > 0)
        log::info("journal replayed", {{"records", std::to_string(recovery_.replayed_records)},
                                       {"recovered_requests", std::to_string(recovery_.recovered_holds)},
                                       {"recovered_charge", format_usd(recovery_.recovered_charge)}});
    if (options_.threads)
        applier_->run();
    return {};
}

/// A hold without a terminal record belongs to a process that died. It ends at its last journaled progress,
/// through the journal like any other request, so that dying again here changes nothing.
Result<void> Ledger::end_dead_requests() {
    for (auto const& row : applier_->open_holds()) {
        auto draft = decode_record(row.draft);
        if (!draft)
            return Fail(draft.error());
        Progress progress;
        bool const delivered = !row.progress.empty();
        if (delivered) {
            auto decoded = decode_progress(row.progress);
            if (!decoded)
                return Fail(decoded.error());
            progress = std::move(*decoded);
        }
        RequestRecord const record = close_at_progress(std::move(*draft), delivered ? &progress : nullptr,
                                                       row.amount, Outcome::recovered);
        char buffer[encoded_record_max];
        std::size_t const n = encode_record(record, buffer);
        auto const position = journal_->append_admitted(journal::FrameType::terminal, {buffer, n}, 0);
        if (!position)
            return Fail(position.error());
        ++recovery_.recovered_holds;
        recovery_.recovered_charge += record.charge;
        (void)journal_
            ->prepare_next(); // many may have died at once; a full disk shows at the next append, if at all
    }
    if (auto synced = journal_->sync_now(); !synced)
        return synced;
    return applier_->catch_up();
}

void Ledger::load_wallets() {
    stores_.accounts.for_each([this](store::AccountRow const& row) {
        Wallet& wallet = wallets_.at(row.id);
        wallet.overdraft = row.overdraft;
        wallet.suspended = row.suspended;
        ++recovery_.wallets;
    });
    for (auto const& row : stores_.ledger.balances()) {
        Wallet& wallet = wallets_.at(row.account_id);
        wallet.balance = row.balance;
        wallet.booked = row.balance + row.spent;
    }
    Timestamp const now = clock_.now();
    for (auto const& row : stores_.ledger.key_spends(now)) {
        KeyPurse& purse = purses_.at(row.key_id);
        purse.index = window_index(now);
        purse.settled = {row.day, row.week, row.month, row.total};
    }
}

} // namespace tollgate::ledger
