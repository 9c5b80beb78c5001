#pragma once
// The money side of one request in flight: what it will be charged, held from admission to its terminal record.
#include <cstdint>
#include <optional>

#include "base/error.hpp"
#include "gateway/call.hpp"
#include "gateway/plan.hpp"
#include "gateway/quote.hpp"
#include "ledger/hold.hpp"

namespace tollgate::gateway {

/// Owns the hold of a request. Ends in exactly one terminal record: by `settle`, or, when the coroutine goes away
/// without it, by the hold's destructor at the last progress. Lives in the frame of `serve`; not copied or moved.
class Charge {
public:
    Charge(Call& call, Plan const& plan, dialects::Ask const& ask, Quote const& quote, ledger::Hold hold)
        : call_(call), plan_(plan), ask_(ask), quote_(quote), hold_(std::move(hold)) {}
    Charge(Charge const&) = delete;
    Charge& operator=(Charge const&) = delete;

    /// The offer that serves (or was tried last): its prices count from here on.
    void use_offer(Offer const& offer);
    ledger::Hold& hold() noexcept { return hold_; }
    Quote const& quote() const noexcept { return quote_; }

    /// A progress interval of a stream is over: journals what would be charged now and makes sure that the next step
    /// is held. `input` = prompt tokens as counted. Errors: insufficient_credits, cap_exceeded …: cut the stream.
    Result<void> progress(std::int64_t input, std::int64_t delivered);

    /// What is held pays for everything up to the last progress.
    bool covers_progress() const noexcept { return progress_charge_ <= hold_.amount(); }

    /// Makes sure that `output` tokens and the next step are held. Errors: as progress.
    Result<void> cover(std::int64_t input, std::int64_t output);

    struct Final {
        Usage usage;
        UsageSource source = UsageSource::none;
        Outcome outcome = Outcome::success;
        int status = 200;
        std::string_view error_type;
        std::optional<Money> provider_cost;
        std::int64_t bytes_to_send = 0; ///< of the answer that leave after this
    };
    /// Writes the terminal record. Once.
    ledger::Settled settle(Final const& final);
    /// What this usage would be charged at the current offer: for a cost that is shown before the end.
    Money charge_for(Usage const& usage) const;
    /// The charge, after settle.
    Money charged() const noexcept { return charged_; }
    bool settled() const noexcept { return hold_.done(); }

private:
    void price(RequestRecord& record, Usage const& usage) const;
    void charge_what_is_held(RequestRecord& record) const;
    Call& call_;
    Plan const& plan_;
    dialects::Ask const& ask_;
    Quote const& quote_;
    Offer const* offer_ = nullptr;
    ledger::Hold hold_;
    Money progress_charge_;
    Money charged_;
};

} // namespace tollgate::gateway
