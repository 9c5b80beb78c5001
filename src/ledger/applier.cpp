#include "ledger/applier.hpp"

#include <algorithm>
#include <chrono>
#include <pthread.h>

#include "base/log.hpp"
#include "ledger/frames.hpp"
#include "ledger/ledger.hpp"
#include "store/store.hpp"

namespace tollgate::ledger {

namespace {
constexpr std::size_t batch_frames_max = 20'000;
constexpr std::size_t batch_replay_bytes_max = 16 * 1024 * 1024;

journal::Position position_of(store::JournalMark const& mark) {
    return {mark.segment, mark.offset, mark.seq};
}
store::JournalMark mark_of(journal::Position const& p) {
    return {p.segment, p.offset, p.seq};
}
} // namespace

Applier::Applier(journal::Journal& journal, store::LedgerStore& store, Clock const& clock,
                 Options const& options)
    : journal_(journal), store_(store), clock_(clock), batch_records_(options.batch_records),
      linger_ms_(options.batch_linger_ms), retry_ms_max_(options.retry_ms_max) {
    state_.current_as_of_ns = clock.steady_ns();
}

Applier::~Applier() {
    stop();
}

Result<void> Applier::attach() {
    std::string const& node = journal_.identity().node;
    store::JournalMark const mark = store_.mark(node);
    auto reader = journal_.read_from(position_of(mark));
    if (!reader)
        return Fail(reader.error());
    open_.clear();
    touched_.clear();
    for (auto& row : store_.open_holds()) {
        Uuid const id = row.request_id;
        open_[id] = Open{std::move(row), true, false};
    }
    reader_.emplace(std::move(*reader));
    batch_ = {};
    batch_.node = node;
    batch_.from = batch_.to = mark;
    batch_ready_ = false;
    std::lock_guard lock(mutex_);
    state_.applied_seq = mark.seq;
    return {};
}

/// Puts one frame's effect into the batch.
Result<void> Applier::take(journal::Frame const& frame) {
    switch (frame.type) {
    case journal::FrameType::hold: {
        auto hold = decode_hold(frame.payload);
        if (!hold)
            return Fail(hold.error());
        Open& open = open_[hold->request_id];
        open.row = store::HoldRow{hold->request_id,
                                  hold->account_id,
                                  hold->key_id,
                                  hold->amount,
                                  frame.position.seq,
                                  std::string(hold->draft),
                                  {}};
        if (!open.dirty)
            touched_.push_back(hold->request_id);
        open.dirty = true;
        return {};
    }
    case journal::FrameType::progress: {
        auto progress = decode_progress_frame(frame.payload);
        if (!progress)
            return Fail(progress.error());
        auto const found = open_.find(progress->request_id);
        if (found == open_.end())
            return {};
        Open& open = found->second;
        open.row.amount = progress->held;
        open.row.progress.assign(progress->progress);
        if (!open.dirty)
            touched_.push_back(progress->request_id);
        open.dirty = true;
        return {};
    }
    case journal::FrameType::terminal: {
        auto record = decode_record(frame.payload);
        if (!record)
            return Fail(record.error());
        auto const found = open_.find(record->request_id);
        if (found != open_.end()) {
            if (found->second.stored)
                batch_.closed_holds.push_back(record->request_id);
            open_.erase(found);
        }
        batch_.records.push_back(std::move(*record));
        return {};
    }
    case journal::FrameType::replay: {
        auto row = decode_replay(frame.payload);
        if (!row)
            return Fail(row.error());
        batch_.replays.push_back(std::move(*row));
        return {};
    }
    case journal::FrameType::seal:
        break;
    }
    return fail(Errc::unavailable, "the journal has a frame of an unknown kind (" +
                                       std::to_string(static_cast<int>(frame.type)) +
                                       "): it was written by a newer Tollgate; start that version again");
}

/// Fills the batch with what the journal has now.
Result<void> Applier::gather() {
    std::int64_t const began_ns = clock_.steady_ns();
    std::size_t frames = 0, replay_bytes = 0;
    journal::Frame frame;
    batch_current_as_of_ns_ = 0;
    while (batch_.records.size() < batch_records_ && frames < batch_frames_max &&
           replay_bytes < batch_replay_bytes_max) {
        auto const more = reader_->next(frame);
        if (!more)
            return Fail(more.error());
        if (!*more) {
            batch_current_as_of_ns_ = began_ns;
            break;
        }
        if (auto taken = take(frame); !taken)
            return taken;
        ++frames;
        if (frame.type == journal::FrameType::replay)
            replay_bytes += frame.payload.size();
    }
    if (frames > 0)
        close_batch();
    return {};
}

/// Only holds still open at the end of the batch reach the store.
void Applier::close_batch() {
    for (Uuid const& id : touched_) {
        auto const found = open_.find(id);
        if (found == open_.end() || !found->second.dirty)
            continue;
        batch_.holds.push_back(found->second.row);
        found->second.dirty = false;
        found->second.stored = true;
    }
    touched_.clear();
    batch_.to = mark_of(reader_->position());
    batch_.now = clock_.now();
    batch_ready_ = true;
}

void Applier::finish_batch() {
    journal_.release(position_of(batch_.to));
    std::size_t const records = batch_.records.size();
    batch_.from = batch_.to;
    batch_.records.clear();
    batch_.holds.clear();
    batch_.closed_holds.clear();
    batch_.replays.clear();
    batch_ready_ = false;
    std::lock_guard lock(mutex_);
    state_.applied_seq = batch_.to.seq;
    state_.records += records;
    ++state_.batches;
    state_.store_away = false;
    if (batch_current_as_of_ns_ != 0)
        state_.current_as_of_ns = batch_current_as_of_ns_;
    applied_.notify_all();
}

Result<bool> Applier::step() {
    if (!batch_ready_) {
        if (auto gathered = gather(); !gathered)
            return Fail(gathered.error());
        if (!batch_ready_) {
            std::lock_guard lock(mutex_);
            state_.current_as_of_ns = batch_current_as_of_ns_;
            return false;
        }
    }
    auto const result = store_.apply(batch_); // throws StoreUnavailable: batch_ stays as it is
    if (!result)
        return Fail(result.error());
    if (!result->applied && result->mark != batch_.to) {
        // Not our last batch confirmed late: the store stands somewhere else (restored, or another writer).
        log::warn(
            "the store's mark is not where it was left; reading the journal again from there",
            {{"expected", std::to_string(batch_.from.seq)}, {"found", std::to_string(result->mark.seq)}});
        if (auto attached = attach(); !attached)
            return Fail(attached.error());
        return true;
    }
    if (result->duplicates > 0)
        log::warn("records that the store already had were not charged again",
                  {{"records", std::to_string(result->duplicates)}});
    finish_batch();
    return true;
}

Result<void> Applier::catch_up() {
    for (;;) {
        auto const more = step();
        if (!more)
            return Fail(more.error());
        if (!*more)
            return {};
    }
}

std::vector<store::HoldRow> Applier::open_holds() const {
    std::vector<store::HoldRow> rows;
    rows.reserve(open_.size());
    for (auto const& [id, open] : open_)
        rows.push_back(open.row);
    std::sort(rows.begin(), rows.end(), [](auto const& a, auto const& b) { return a.seq < b.seq; });
    return rows;
}

void Applier::run() {
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "applier");
        loop();
    });
}

void Applier::stop() {
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
        wake_.notify_all();
        applied_.notify_all();
    }
    if (thread_.joinable())
        thread_.join();
}

void Applier::note_away(std::string error) {
    std::lock_guard lock(mutex_);
    if (!state_.store_away)
        log::error("the store is away: records wait in the journal", {{"error", error}});
    state_.store_away = true;
    state_.last_error = std::move(error);
}

void Applier::loop() {
    int pause_ms = linger_ms_;
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            bool const away = state_.store_away;
            auto const due = [&] { return stop_ || (!away && flush_seq_ > state_.applied_seq); };
            wake_.wait_for(lock, std::chrono::milliseconds(pause_ms), due);
            if (stop_)
                return;
        }
        try {
            auto const done = catch_up();
            pause_ms = linger_ms_;
            if (!done) {
                log::error("records can no longer be applied to the store",
                           {{"error", done.error().message}});
                std::lock_guard lock(mutex_);
                state_.failure = done.error().message;
                applied_.notify_all();
                return;
            }
        } catch (store::StoreUnavailable const& e) {
            note_away(e.what());
            pause_ms = std::min(std::max(pause_ms, 25) * 2, retry_ms_max_);
        }
    }
}

bool Applier::wait_applied(std::uint64_t seq, std::int64_t timeout_ms) {
    std::unique_lock lock(mutex_);
    flush_seq_ = std::max(flush_seq_, seq);
    wake_.notify_all();
    applied_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                      [&] { return state_.applied_seq >= seq || stop_ || !state_.failure.empty(); });
    return state_.applied_seq >= seq;
}

ApplierState Applier::state() const {
    std::lock_guard lock(mutex_);
    return state_;
}

} // namespace tollgate::ledger
