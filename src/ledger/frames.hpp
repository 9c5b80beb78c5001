#pragma once
// What the ledger writes into journal frames. A TERMINAL payload is an encoded record, nothing else.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "store/ledger_store.hpp"
#include "types/money.hpp"
#include "types/record.hpp"
#include "types/record_codec.hpp"

namespace tollgate::ledger {

/// HOLD: amount and ids (plain, so that a hold that is closed soon is never decoded), then the encoded draft.
inline constexpr std::size_t hold_head_bytes = 8 + 16 + 8 + 8;
inline constexpr std::size_t hold_payload_max = hold_head_bytes + encoded_record_max;
std::size_t encode_hold(Money amount, RequestRecord const& draft, char* out);
struct HoldFrame {
    Money amount;
    std::string_view draft;
    Uuid request_id;
    AccountId account_id;
    KeyId key_id;
};
/// Errors (unavailable): damaged, or written by a newer Tollgate.
Result<HoldFrame> decode_hold(std::string_view payload);

/// PROGRESS: request id, amount held now, then the encoded progress (types/record_codec.hpp).
inline constexpr std::size_t progress_payload_max = 16 + 8 + encoded_progress_max;
std::size_t encode_progress_frame(Uuid const& id, Money held, Progress const& progress, char* out);
struct ProgressFrame {
    Uuid request_id;
    Money held;
    std::string_view progress;
};
Result<ProgressFrame> decode_progress_frame(std::string_view payload);

/// REPLAY. Errors of decode: unavailable (damaged).
std::string encode_replay(store::ReplayRow const& row);
Result<store::ReplayRow> decode_replay(std::string_view payload);

/// The record of a request that ended without anyone to say how: the draft, charged at the last progress.
/// `progress` may be null: nothing was delivered, nothing is charged.
RequestRecord close_at_progress(RequestRecord draft, Progress const* progress, Money held, Outcome outcome);

} // namespace tollgate::ledger
