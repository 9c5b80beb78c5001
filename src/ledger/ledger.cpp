// The data plane's half of the ledger: holding, settling, recording. Credits are in credit.cpp, start in
// recovery.cpp.
#include "ledger/ledger.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/log.hpp"
#include "ledger/applier.hpp"
#include "ledger/frames.hpp"

namespace tollgate::ledger {

namespace {
/// A terminal record is longer than its draft by its usage, price lines and what was learned on the way.
constexpr std::size_t terminal_growth = 1536;

journal::Options journal_options(Options const& options) {
    journal::Options o = options.journal;
    o.threads = o.threads && options.threads;
    return o;
}
} // namespace

Ledger::Ledger(Clock const& clock, Stores stores, Options options)
    : clock_(clock), stores_(std::move(stores)), options_(options) {
    options_.journal = journal_options(options);
}

Ledger::~Ledger() {
    try {
        close();
    } catch (std::exception const& e) {
        log::error("the ledger did not close cleanly; the journal is replayed at the next start",
                   {{"error", e.what()}});
    }
}

Result<void> Ledger::reserve(Wallet& wallet, KeyPurse& purse, SpendingCaps const& caps, Money amount) {
    // Both scopes are locked together (wallet first, always), so that nobody sees one without the other.
    std::lock_guard wallet_lock(wallet.mutex);
    if (wallet.suspended)
        return fail(Errc::forbidden, "this account is suspended: ask its operator");
    if (!amount.is_zero() && wallet.available() < amount) {
        Money const available = std::max(Money{}, wallet.available());
        return fail(Errc::insufficient_credits, "this account has $" + format_usd(available) +
                                                    " of credit available, but up to $" + format_usd(amount) +
                                                    " is needed: add credit or lower the output limit");
    }
    std::lock_guard purse_lock(purse.mutex);
    if (caps.any() && !amount.is_zero()) {
        Timestamp const now = clock_.now();
        purse.roll(window_index(now));
        if (auto fits = purse.check(caps, amount, now); !fits)
            return fits;
    }
    wallet.held += amount;
    purse.held += amount;
    return {};
}

void Ledger::unreserve(Wallet& wallet, KeyPurse& purse, Money amount) {
    std::lock_guard wallet_lock(wallet.mutex);
    std::lock_guard purse_lock(purse.mutex);
    wallet.held -= amount;
    purse.held -= amount;
}

Result<Hold> Ledger::hold(HoldRequest const& request) {
    TOLLGATE_CHECK(!request.amount.is_negative(), "a hold is never negative");
    if (draining_.load(std::memory_order_acquire)) {
        auto error = fail(Errc::unavailable, "the gateway is shutting down: try again");
        error.value().retry_after_s = 5;
        return error;
    }
    Wallet& wallet = wallets_.at(request.draft.account_id);
    KeyPurse& purse = purses_.at(request.draft.key_id);
    if (auto reserved = reserve(wallet, purse, request.caps, request.amount); !reserved)
        return Fail(reserved.error());

    char buffer[hold_payload_max];
    std::size_t const n = encode_hold(request.amount, request.draft, buffer);
    auto const room = static_cast<std::uint32_t>(n + terminal_growth);
    auto position = journal_->append_admission(journal::FrameType::hold, {buffer, n}, room);
    if (!position) {
        unreserve(wallet, purse, request.amount);
        position.error().retry_after_s = 5;
        return Fail(position.error());
    }
    open_holds_.fetch_add(1, std::memory_order_relaxed);
    return Hold(*this, wallet, purse, request, std::string(buffer + hold_head_bytes, n - hold_head_bytes),
                *position, room);
}

Settled Ledger::finish(Wallet& wallet, KeyPurse& purse, Money held, std::uint32_t reserve,
                       RequestRecord const& record) {
    char buffer[encoded_record_max];
    std::size_t const n = encode_record(record, buffer);
    auto const position = journal_->append_admitted(journal::FrameType::terminal, {buffer, n}, reserve);
    open_holds_.fetch_sub(1, std::memory_order_relaxed);
    Settled settled;
    settled.journaled = position.has_value();
    if (position)
        settled.position = *position;
    else
        log::error("a terminal record could not be journaled",
                   {{"request_id", record.request_id.text()}, {"error", position.error().message}});
    WindowIndex const when = window_index(record.time);
    std::lock_guard wallet_lock(wallet.mutex);
    std::lock_guard purse_lock(purse.mutex);
    wallet.held -= held;
    wallet.balance -= record.charge;
    purse.held -= held;
    purse.roll(when);
    purse.add(record.charge, when);
    settled.balance = wallet.balance;
    return settled;
}

Result<Settled> Ledger::charge_now(RequestRecord&& record, SpendingCaps const& caps) {
    TOLLGATE_CHECK(!record.charge.is_negative(), "a charge is never negative");
    if (draining_.load(std::memory_order_acquire))
        return fail(Errc::unavailable, "the gateway is shutting down: try again");
    Wallet& wallet = wallets_.at(record.account_id);
    KeyPurse& purse = purses_.at(record.key_id);
    if (auto reserved = reserve(wallet, purse, caps, record.charge); !reserved)
        return Fail(reserved.error());
    char buffer[encoded_record_max];
    std::size_t const n = encode_record(record, buffer);
    auto const position = journal_->append_admission(journal::FrameType::terminal, {buffer, n}, 0);
    if (!position) {
        unreserve(wallet, purse, record.charge);
        return Fail(position.error());
    }
    WindowIndex const when = window_index(record.time);
    std::lock_guard wallet_lock(wallet.mutex);
    std::lock_guard purse_lock(purse.mutex);
    wallet.held -= record.charge;
    wallet.balance -= record.charge;
    purse.held -= record.charge;
    purse.roll(when);
    purse.add(record.charge, when);
    return Settled{wallet.balance, *position, true};
}

void Ledger::record_refused(RequestRecord const& record) {
    char buffer[encoded_record_max];
    std::size_t n = 0;
    if (record.charge.is_zero()) {
        n = encode_record(record, buffer);
    } else { // the caller's mistake must neither bill a refused request nor stop everybody else's
        log::error("a refused request carried a charge; recorded without it", {{"request_id", record.request_id.text()}});
        auto free = record;
        free.charge = free.cost = Money();
        free.lines.clear();
        free.cost_lines.clear();
        n = encode_record(free, buffer);
    }
    if (!journal_->append_optional(journal::FrameType::terminal, {buffer, n}))
        dropped_refusals_.fetch_add(1, std::memory_order_relaxed);
}

Result<journal::Position> Ledger::keep_replay(store::ReplayRow const& row) {
    std::string const payload = encode_replay(row);
    if (payload.size() > std::min(journal::payload_max, options_.journal.segment_bytes / 4))
        return fail(Errc::unavailable, "the answer is too large to be kept for its idempotency key");
    return journal_->append_optional(journal::FrameType::replay, payload);
}

WalletView Ledger::wallet(AccountId id) const {
    Wallet* const found = wallets_.find(id);
    if (found == nullptr)
        return {};
    std::lock_guard lock(found->mutex);
    return WalletView{found->balance, found->held, found->overdraft, found->suspended};
}

KeySpendView Ledger::key_spend(KeyId id) const {
    KeyPurse* const found = purses_.find(id);
    if (found == nullptr)
        return {};
    std::lock_guard lock(found->mutex);
    found->roll(window_index(clock_.now()));
    auto const& settled = found->settled;
    return KeySpendView{settled[0], settled[1], settled[2], settled[3], found->held};
}

bool Ledger::flush(std::int64_t timeout_ms) {
    std::uint64_t const seq = journal_->end().seq;
    if (options_.threads)
        return applier_->wait_applied(seq, timeout_ms);
    auto const caught_up = applier_->catch_up();
    return caught_up.has_value() && applier_->state().applied_seq >= seq;
}

void Ledger::close(std::int64_t flush_ms) {
    if (std::exchange(closed_, true))
        return;
    drain();
    if (applier_) {
        if (options_.threads && !flush(flush_ms))
            log::warn("closing before the store has everything; the journal is replayed at the next start");
        applier_->stop();
    }
    if (journal_)
        journal_->close();
}

Health Ledger::health() const {
    Health h;
    h.journal = journal_->metrics();
    ApplierState const applier = applier_->state();
    h.store_away = applier.store_away;
    h.lag_bytes = h.journal.unapplied_bytes;
    bool const behind = journal_->end().seq > applier.applied_seq;
    h.lag_ms = behind ? (clock_.steady_ns() - applier.current_as_of_ns) / 1'000'000 : 0;
    h.open_holds = open_holds_.load(std::memory_order_relaxed);
    h.applied_records = applier.records;
    h.applied_batches = applier.batches;
    h.dropped_refusals = dropped_refusals_.load(std::memory_order_relaxed);
    if (applier.store_away)
        h.reason = "the store is away, records wait in the journal: " + applier.last_error;
    if (!applier.failure.empty())
        h.reason = "records can no longer be applied to the store: " + applier.failure;
    if (!h.journal.no_next.empty())
        h.reason = "the journal will be full soon: " + h.journal.no_next;
    if (h.journal.full)
        h.reason = "the journal is full: the store is too far behind, or the disk is full";
    if (h.journal.failed)
        h.reason = "the journal has failed: " + h.journal.failure;
    bool const draining = draining_.load(std::memory_order_acquire);
    if (draining)
        h.reason = "shutting down";
    h.ok = !draining && !h.journal.failed && !h.journal.full && applier.failure.empty();
    return h;
}

} // namespace tollgate::ledger
