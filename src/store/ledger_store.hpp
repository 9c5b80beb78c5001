#pragma once
// The books: double entry, append-only. Every movement debits one ledger account and credits another by the same
// amount under a permanent, unique business key, so nothing happens twice. An account's balance is the sum of its
// grants (each a sub-account that the database refuses to take below 0) minus its overdraft.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "store/page.hpp"
#include "types/ids.hpp"
#include "types/money.hpp"
#include "types/record.hpp"
#include "types/replay.hpp"

namespace tollgate::store {

/// Stored by number: append only. JSON names are the spelling here.
enum class TransactionKind : std::uint8_t { purchase = 0, usage, refund, bonus, adjustment, expiry, dispute };
std::string_view transaction_kind_name(TransactionKind kind) noexcept;
std::optional<TransactionKind> transaction_kind_from_name(std::string_view name) noexcept;

/// Stored by number: append only. Default burn priorities: promo 10, goodwill 20, paid 50 (lower burns first).
enum class GrantKind : std::uint8_t { paid = 0, promo, goodwill };
std::string_view grant_kind_name(GrantKind kind) noexcept;

struct CreditRequest {
    AccountId account_id;
    TransactionKind kind = TransactionKind::purchase; ///< purchase, bonus, adjustment or refund
    /// purchase, bonus, refund: > 0 (a refund is taken off). adjustment: signed, not 0.
    Money amount;
    /// Business key within the account: the same reference again returns the first transaction, whatever else is
    /// asked. At most 255 bytes; empty = never repeated.
    std::string reference;
    std::string description;
    /// Defaults by kind: purchase → paid, bonus → promo, adjustment → goodwill.
    std::optional<GrantKind> grant;
    std::optional<int> priority;
    std::optional<Timestamp> expires_at;
    Timestamp now;
};

struct TransactionRow {
    TransactionId id;             ///< none for usage: then `reference` (the request id) identifies it
    AccountId account_id;
    TransactionKind kind = TransactionKind::usage;
    Money amount;                 ///< signed: what the balance changed by
    Money balance_before;
    Money balance_after;
    std::string reference;        ///< usage: the request id
    std::string description;      ///< usage: model or route
    KeyId key_id;                 ///< usage only
    Timestamp created_at;         ///< usage: the request's time
    bool existed = false;         ///< post_credit: this reference was posted before
};
/// "txn_12", or "use_<request id>" for usage.
std::string transaction_public_id(TransactionRow const& row);

struct GrantRow {
    GrantId id;
    AccountId account_id;
    GrantKind kind = GrantKind::paid;
    int priority = 50;
    Money amount;
    Money remaining;
    std::optional<Timestamp> expires_at;
    Timestamp created_at;
    std::string reference;
};

struct AccountBalance {
    AccountId account_id;
    Money balance;                ///< Σ grants − overdraft, without holds; may be negative
    Money earned;                 ///< Σ of everything that came in (purchase, bonus, positive adjustment)
    Money spent;                  ///< Σ of usage charges
};

struct TransactionFilter {
    AccountId account_id;         ///< required unless key_id is set
    KeyId key_id;                 ///< only the usage of this key
    std::optional<Timestamp> start, end; ///< [start, end)
};

/// Settled spend of one key in the windows that contain `now` (UTC day, week from Monday, month) and ever.
struct KeySpend {
    KeyId key_id;
    Money day, week, month, total;
};

/// How far a node's journal has been applied. All zero = nothing yet.
struct JournalMark {
    std::uint64_t segment = 0;
    std::uint64_t offset = 0;     ///< byte after the last applied frame
    std::uint64_t seq = 0;        ///< sequence number of the last applied frame
    friend bool operator==(JournalMark const&, JournalMark const&) = default;
};

/// A hold that was open at the end of a batch.
struct HoldRow {
    Uuid request_id;
    AccountId account_id;
    KeyId key_id;
    Money amount;                 ///< held now
    std::uint64_t seq = 0;        ///< of the frame that opened it
    std::string draft;            ///< opaque: the record as known when held
    std::string progress;         ///< opaque: last progress, empty = none
};

using tollgate::ReplayRow;

struct ApplyBatch {
    std::string node;             ///< store_id-unique name of the journal
    JournalMark from;             ///< must equal the stored mark, else nothing is applied
    JournalMark to;
    std::vector<RequestRecord> records; ///< terminal records in journal order; charge, cost ≥ 0
    std::vector<HoldRow> holds;         ///< upserted by request id
    std::vector<Uuid> closed_holds;     ///< stored by an earlier batch and closed in this one
    std::vector<ReplayRow> replays;
    Timestamp now;
};

struct ApplyResult {
    bool applied = false;         ///< false: `mark` was not `from`; nothing was done
    JournalMark mark;             ///< the stored mark after the call
    std::size_t inserted = 0;
    std::size_t duplicates = 0;   ///< request ids that were there already: neither stored nor charged again
};

class LedgerStore {
public:
    virtual ~LedgerStore() = default;

    /// Errors: not_found (account), invalid_request (amount, kind), insufficient_credits (a refund above the unspent
    /// paid credit, a negative adjustment above the unspent credit). A credit first repays the overdraft.
    virtual Result<TransactionRow> post_credit(CreditRequest const& request) = 0;
    /// Takes what is left of every grant with expires_at ≤ now, at most 1,000 grants per call; one transaction each.
    virtual std::vector<TransactionRow> expire_grants(Timestamp now) = 0;

    /// Credits, refunds, expiries and usage of one account (or the usage of one key) in the order they were booked,
    /// newest first: each row's balance_after is the balance_before of the row above it (unless filtered).
    virtual Page<TransactionRow> transactions(PageRequest const& page, TransactionFilter const& filter) = 0;
    virtual std::vector<GrantRow> grants(AccountId account) = 0; ///< with something left, in burn order
    /// Zeroes for an account without any movement.
    virtual AccountBalance balance(AccountId account) = 0;
    virtual std::vector<AccountBalance> balances() = 0; ///< of every account with a movement

    /// The hot path: one transaction for everything in the batch. Errors: invalid_request (negative amounts; a bug of
    /// the caller). Per account and batch one ledger transaction burns its grants in order, the rest goes to its
    /// overdraft; balances before and after are computed per record, in order.
    virtual Result<ApplyResult> apply(ApplyBatch const& batch) = 0;

    // Read at start, after the journal's tail was applied.
    virtual JournalMark mark(std::string const& node) = 0;
    virtual std::vector<HoldRow> open_holds() = 0;
    virtual std::vector<KeySpend> key_spends(Timestamp now) = 0; ///< keys that ever spent
    virtual KeySpend key_spend(KeyId key, Timestamp now) = 0;
};

} // namespace tollgate::store
