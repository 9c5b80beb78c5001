#include "ledger/frames.hpp"

#include <cstring>

namespace tollgate::ledger {

namespace {

Fail damaged(std::string_view what) {
    return fail(Errc::unavailable,
                "a journaled " + std::string(what) + " cannot be read: its bytes are damaged");
}
void put(char*& at, void const* from, std::size_t n) {
    std::memcpy(at, from, n);
    at += n;
}
void put_text(std::string& out, std::string_view text) {
    auto const n = static_cast<std::uint32_t>(text.size());
    out.append(reinterpret_cast<char const*>(&n), sizeof n).append(text);
}
bool take(std::string_view& from, void* into, std::size_t n) {
    if (from.size() < n)
        return false;
    std::memcpy(into, from.data(), n);
    from.remove_prefix(n);
    return true;
}
bool take_text(std::string_view& from, std::string& into) {
    std::uint32_t n = 0;
    if (!take(from, &n, sizeof n) || from.size() < n)
        return false;
    into.assign(from.data(), n);
    from.remove_prefix(n);
    return true;
}

} // namespace

std::size_t encode_hold(Money amount, RequestRecord const& draft, char* out) {
    char* at = out;
    std::int64_t const nanos = amount.nanos();
    put(at, &nanos, sizeof nanos);
    put(at, draft.request_id.bytes.data(), draft.request_id.bytes.size());
    put(at, &draft.account_id.value, sizeof draft.account_id.value);
    put(at, &draft.key_id.value, sizeof draft.key_id.value);
    return hold_head_bytes + encode_record(draft, at);
}

Result<HoldFrame> decode_hold(std::string_view payload) {
    HoldFrame frame;
    std::int64_t nanos = 0;
    if (!take(payload, &nanos, sizeof nanos) || !take(payload, frame.request_id.bytes.data(), 16) ||
        !take(payload, &frame.account_id.value, 8) || !take(payload, &frame.key_id.value, 8))
        return damaged("hold");
    frame.amount = Money::from_nanos(nanos);
    frame.draft = payload;
    return frame;
}

std::size_t encode_progress_frame(Uuid const& id, Money held, Progress const& progress, char* out) {
    char* at = out;
    std::int64_t const nanos = held.nanos();
    put(at, id.bytes.data(), id.bytes.size());
    put(at, &nanos, sizeof nanos);
    return static_cast<std::size_t>(at - out) + encode_progress(progress, at);
}

Result<ProgressFrame> decode_progress_frame(std::string_view payload) {
    ProgressFrame frame;
    std::int64_t nanos = 0;
    if (!take(payload, frame.request_id.bytes.data(), 16) || !take(payload, &nanos, sizeof nanos))
        return damaged("progress");
    frame.held = Money::from_nanos(nanos);
    frame.progress = payload;
    return frame;
}

std::string encode_replay(store::ReplayRow const& row) {
    std::string out;
    out.reserve(64 + row.idempotency_key.size() + row.request_hash.size() + row.sealed.size());
    out.push_back(1); // version
    out.append(reinterpret_cast<char const*>(&row.key_id.value), 8);
    out.append(reinterpret_cast<char const*>(&row.expires_at.ms), 8);
    put_text(out, row.idempotency_key);
    put_text(out, row.request_hash);
    put_text(out, row.sealed);
    return out;
}

Result<store::ReplayRow> decode_replay(std::string_view payload) {
    store::ReplayRow row;
    char version = 0;
    if (!take(payload, &version, 1) || version != 1 || !take(payload, &row.key_id.value, 8) ||
        !take(payload, &row.expires_at.ms, 8) || !take_text(payload, row.idempotency_key) ||
        !take_text(payload, row.request_hash) || !take_text(payload, row.sealed) || !payload.empty())
        return damaged("kept answer");
    return row;
}

RequestRecord close_at_progress(RequestRecord draft, Progress const* progress, Money held, Outcome outcome) {
    draft.outcome = outcome;
    draft.held = held;
    draft.usage = {};
    draft.usage_source = UsageSource::none;
    draft.lines.clear();
    draft.cost_lines.clear();
    draft.cost = Money{};
    draft.charge = Money{};
    if (progress == nullptr)
        return draft;
    draft.usage = progress->usage;
    draft.usage_source = progress->usage_source;
    draft.lines = progress->lines;
    draft.cost_lines = progress->cost_lines;
    draft.cost = progress->cost;
    draft.charge = progress->charge;
    return draft;
}

} // namespace tollgate::ledger
