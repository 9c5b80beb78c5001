#include "ledger/hold.hpp"

#include <exception>
#include <utility>

#include "base/check.hpp"
#include "base/log.hpp"
#include "ledger/frames.hpp"
#include "ledger/ledger.hpp"

namespace tollgate::ledger {

Hold::Hold(Ledger& ledger, Wallet& wallet, KeyPurse& purse, HoldRequest const& request, std::string draft,
           journal::Position position, std::uint32_t reserve)
    : ledger_(&ledger), wallet_(&wallet), purse_(&purse), request_id_(request.draft.request_id),
      caps_(request.caps), amount_(request.amount), position_(position), reserve_(reserve),
      draft_(std::move(draft)) {}

Hold::Hold(Hold&& other) noexcept
    : ledger_(std::exchange(other.ledger_, nullptr)), wallet_(other.wallet_), purse_(other.purse_),
      request_id_(other.request_id_), caps_(other.caps_), amount_(other.amount_), position_(other.position_),
      reserve_(other.reserve_), fallback_(other.fallback_), has_progress_(other.has_progress_),
      draft_(std::move(other.draft_)), progress_(std::move(other.progress_)) {}

Hold::~Hold() {
    if (done())
        return;
    try {
        auto draft = decode_record(draft_);
        TOLLGATE_CHECK(draft.has_value(), "a hold cannot read its own draft");
        settle(
            close_at_progress(std::move(*draft), has_progress_ ? &progress_ : nullptr, amount_, fallback_));
    } catch (
        std::exception const& e) { // out of memory: the journal still has the hold and settles it at restart
        log::error("a request ended without a terminal record",
                   {{"request_id", request_id_.text()}, {"error", e.what()}});
    }
}

Result<void> Hold::extend(Money more) {
    TOLLGATE_CHECK(!done() && !more.is_negative(), "extend of a finished hold or by a negative amount");
    if (ledger_->journal_->failed())
        return fail(Errc::unavailable, "the journal has failed and takes no new obligations");
    if (auto reserved = ledger_->reserve(*wallet_, *purse_, caps_, more); !reserved)
        return reserved;
    amount_ += more;
    return {};
}

void Hold::progress(Progress progress) {
    TOLLGATE_CHECK(!done() && !progress.charge.is_negative(),
                   "progress of a finished hold or with a negative charge");
    progress_ = std::move(progress);
    has_progress_ = true;
    char buffer[progress_payload_max];
    std::size_t const n = encode_progress_frame(request_id_, amount_, progress_, buffer);
    (void)ledger_->journal_->append_admitted(journal::FrameType::progress, {buffer, n}, 0);
}

Settled Hold::settle(RequestRecord& record) {
    TOLLGATE_CHECK(!done(), "a hold is settled once");
    TOLLGATE_CHECK(record.request_id == request_id_ && !record.charge.is_negative(),
                   "settled with another request's record, or with a negative charge");
    if (record.held < amount_)
        record.held = amount_;
    Ledger& ledger = *std::exchange(ledger_, nullptr);
    return ledger.finish(*wallet_, *purse_, amount_, reserve_, record);
}

} // namespace tollgate::ledger
