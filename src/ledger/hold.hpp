#pragma once
#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "journal/frame.hpp"
#include "types/key_limits.hpp"
#include "types/money.hpp"
#include "types/record.hpp"
#include "types/record_codec.hpp"

namespace tollgate::ledger {

class Ledger;
struct Wallet;
struct KeyPurse;

/// What `Ledger::hold` needs. References need only live during the call.
struct HoldRequest {
    /// The record as far as it is known: request id (new, never used before), time, account, key, model,
    /// provider, prices, multiplier. It goes into the journal, so that a crash can still write a record.
    RequestRecord const& draft;
    Money amount;             ///< ≥ 0; 0 always fits
    SpendingCaps const& caps; ///< of the key
};

/// What settling did.
struct Settled {
    Money balance;              ///< of the account, after the charge: for x-tollgate-balance
    journal::Position position; ///< of the terminal frame: for wait_durable
    /// False only when the journal could not take the terminal frame (it has failed): the charge is off the
    /// wallet, but will be settled again from the last progress after a restart.
    bool journaled = true;
};

/// Credit reserved for one request. Exactly one terminal record comes of it: by `settle`, or by the
/// destructor at the last progress. Move-only; one thread at a time; must not outlive its Ledger.
class Hold {
public:
    Hold(Hold&& other) noexcept;
    Hold& operator=(Hold&&) = delete;
    ~Hold();

    Money amount() const noexcept { return amount_; }
    /// Where the HOLD frame stands: wait_durable on it before the first upstream byte.
    journal::Position position() const noexcept { return position_; }

    /// Reserves `more` (≥ 0) in every scope or in none. Errors: insufficient_credits, cap_exceeded, forbidden
    /// (account suspended), unavailable (journal failed). Then the stream must be cut at what is held.
    Result<void> extend(Money more);
    /// Journals what would be charged if we died now. Call it before the bytes it pays for are passed on. A
    /// failure to journal is not reported: the loss is bounded by one interval, and the journal's health
    /// shows it.
    void progress(Progress progress);
    /// What the destructor's record says; default client_closed. With nothing delivered it is charged 0
    /// whatever stands here.
    void set_fallback_outcome(Outcome outcome) noexcept { fallback_ = outcome; }

    /// Ends the request: takes the whole charge (even above the hold) off the account, gives the rest back,
    /// journals the record before returning. Once only; `record` must carry the draft's ids, and charge ≥ 0;
    /// its `held` is raised to what was held.
    Settled settle(RequestRecord& record);
    Settled settle(RequestRecord&& record) { return settle(record); }
    /// True after settle or a move.
    bool done() const noexcept { return ledger_ == nullptr; }

private:
    friend class Ledger;
    Hold(Ledger& ledger, Wallet& wallet, KeyPurse& purse, HoldRequest const& request, std::string draft,
         journal::Position position, std::uint32_t reserve);

    Ledger* ledger_; ///< null = nothing left to do
    Wallet* wallet_;
    KeyPurse* purse_;
    Uuid request_id_;
    SpendingCaps caps_;
    Money amount_;
    journal::Position position_;
    std::uint32_t reserve_; ///< journal bytes kept for our terminal frame
    Outcome fallback_ = Outcome::client_closed;
    bool has_progress_ = false;
    std::string draft_; ///< encoded
    Progress progress_;
};

} // namespace tollgate::ledger
