// Appending, rolling over and syncing. Opening and recovery of the files stand in open.cpp.
#include "journal/journal.hpp"

#include <algorithm>
#include <chrono>

#include "base/check.hpp"
#include "base/log.hpp"
#include "journal/detail/segment.hpp"

namespace tollgate::journal {

namespace {
/// Room that a roll-over may waste: a frame that no longer fits leaves the rest of its segment empty.
constexpr std::uint64_t roll_waste = 24 * 1024;
} // namespace

Journal::Journal(Disk& disk, Clock const& clock, Options options)
    : disk_(disk), clock_(clock), options_(options) {}

Journal::~Journal() {
    close();
}

// ----------------------------------------------------------------------------------------------------
// appending

Result<Position> Journal::append_admission(FrameType type, std::string_view payload, std::uint32_t reserve) {
    return append(type, payload, Claim::admission, reserve, 0);
}
Result<Position> Journal::append_admitted(FrameType type, std::string_view payload, std::uint32_t unreserve) {
    return append(type, payload, Claim::admitted, 0, unreserve);
}
Result<Position> Journal::append_optional(FrameType type, std::string_view payload) {
    return append(type, payload, Claim::optional, 0, 0);
}

Result<Position> Journal::append(FrameType type, std::string_view payload, Claim claim, std::uint32_t reserve,
                                 std::uint32_t unreserve) {
    TOLLGATE_CHECK(payload.size() <= payload_max && type != FrameType::seal, "journal payload too long");
    std::uint32_t const payload_crc = crc32c(0, payload);
    std::size_t const bytes = frame_bytes(payload.size());

    std::lock_guard lock(mutex_);
    reserved_ -= std::min<std::uint64_t>(unreserve, reserved_);
    if (closed_ || current_ == nullptr)
        return fail(Errc::unavailable, "the journal is closed: the gateway is shutting down");
    if (claim != Claim::admitted && failed())
        return fail(Errc::unavailable, "the journal has failed and takes no new requests", {}, failure_);
    if (!room_for(bytes, claim, reserve)) {
        want_prepare_ = true;
        wake_.notify_one();
        return fail(Errc::unavailable, "the journal is full: the store is too far behind, or the disk is");
    }
    if (offset_ + bytes + frame_header_bytes > current_->file->size() && !roll())
        return fail(Errc::unavailable, "the journal's disk is full");
    store_frame(base_ + offset_, type, seq_ + 1, payload, payload_crc, current_->salt);
    ++seq_;
    offset_ += bytes;
    logical_ += bytes;
    reserved_ += reserve;
    ++frames_;
    bytes_ += bytes;
    if (dirty_since_ns_ == 0)
        dirty_since_ns_ = clock_.steady_ns();
    return Position{current_->number, offset_, seq_};
}

bool Journal::room_for(std::size_t bytes, Claim claim, std::uint64_t reserve) const {
    std::uint64_t const end = current_->file->size() - frame_header_bytes; // a seal always fits
    std::uint64_t const here = end > offset_ ? end - offset_ : 0;
    std::uint64_t const next = prepared_ ? options_.segment_bytes - header_bytes - frame_header_bytes : 0;
    std::uint64_t left = 0;
    if (bytes <= here)
        left = here - bytes + next;
    else if (bytes <= next)
        left = next - bytes;
    else
        return claim == Claim::admitted && !prepared_; // roll() makes a last try to allocate
    std::uint64_t const unapplied = logical_ - applied_logical_ + bytes;
    switch (claim) {
    case Claim::admitted:
        return true;
    case Claim::admission:
        return left >= reserved_ + reserve + roll_waste &&
               unapplied + reserved_ + reserve <= options_.max_unapplied_bytes;
    case Claim::optional:
        return left >= reserved_ + roll_waste + options_.segment_bytes / 4 &&
               unapplied + reserved_ <= options_.max_unapplied_bytes / 4 * 3;
    }
    return false;
}

/// Seals the current segment and goes on in the prepared one. Holds mutex_.
bool Journal::roll() {
    if (!prepared_) { // the sync thread keeps one ready; only a full disk or a very fast writer gets here
        auto made = make_segment(next_number_++);
        if (!made)
            return false;
        prepared_ = std::move(*made);
    }
    store_frame(base_ + offset_, FrameType::seal, seq_ + 1, {}, crc32c(0, {}), current_->salt);
    current_->sealed = true;
    current_->end_offset = offset_;
    current_->last_seq = seq_;
    current_->rolled_unsynced = true;
    activate(std::move(prepared_), false);
    prepared_.reset();
    want_prepare_ = true;
    wake_.notify_one();
    return true;
}

/// Makes `segment` the one that is written. Holds mutex_.
void Journal::activate(std::shared_ptr<Segment> segment, bool previous_durable) {
    segment->first_seq = seq_ + 1;
    segment->logical_start = logical_;
    SegmentHeader& header = *segment->header;
    header.previous_durable = previous_durable ? 1 : 0;
    header.first_seq_check = field_check(header, segment->first_seq);
    __atomic_store_n(&header.first_seq, segment->first_seq, __ATOMIC_RELEASE);
    base_ = reinterpret_cast<char*>(segment->header);
    offset_ = header_bytes;
    current_ = segment;
    segments_.push_back(std::move(segment));
}

Position Journal::end() const {
    std::lock_guard lock(mutex_);
    return Position{current_ ? current_->number : (segments_.empty() ? 0 : segments_.back()->number), offset_,
                    seq_};
}

// ------------------------------------------------------------------------------------------------------
// release

void Journal::release(Position position) {
    std::vector<std::shared_ptr<Segment>> gone;
    {
        std::lock_guard lock(mutex_);
        applied_seq_ = std::max(applied_seq_, position.seq);
        for (auto const& segment : segments_)
            if (segment->number == position.segment && position.offset >= header_bytes)
                applied_logical_ =
                    std::max(applied_logical_, segment->logical_start + position.offset - header_bytes);
        while (segments_.size() > 1 && segments_[1]->first_seq <= position.seq + 1 &&
               segments_[1]->logical_start + options_.keep_applied_bytes <= applied_logical_) {
            gone.push_back(segments_.front());
            segments_.pop_front();
        }
    }
    for (auto const& segment : gone)
        if (auto removed = disk_.remove(segment->name); !removed)
            log::warn("cannot delete an applied journal segment",
                      {{"file", segment->name}, {"error", removed.error().message}});
}

// ---------------------------------------------------------------------------------------------------------
// sync

Result<void> Journal::sync_now() {
    std::lock_guard one_at_a_time(sync_mutex_);
    std::vector<std::shared_ptr<Segment>> rolled;
    std::shared_ptr<Segment> current;
    std::uint64_t offset = 0, seq = 0;
    {
        std::lock_guard lock(mutex_);
        if (failed())
            return fail(Errc::unavailable, "the journal has failed", {}, failure_);
        if (!current_ || durable_seq() == seq_)
            return {};
        for (auto const& segment : segments_)
            if (segment->rolled_unsynced)
                rolled.push_back(segment);
        current = current_;
        offset = offset_;
        seq = seq_;
        dirty_since_ns_ = 0;
    }
    std::int64_t const start_ns = clock_.steady_ns();
    // Strictly in order: a segment's header says that the one before it is durable, so it must be true by
    // then.
    for (std::size_t i = 0; i < rolled.size(); ++i) {
        if (auto synced = rolled[i]->file->sync(); !synced) {
            fail_for_good(synced.error().message);
            return Fail(synced.error());
        }
        auto const& next = i + 1 < rolled.size() ? rolled[i + 1] : current;
        next->header->previous_durable = 1;
        std::lock_guard lock(mutex_);
        rolled[i]->rolled_unsynced = false;
    }
    if (auto synced = current->file->sync(); !synced) {
        fail_for_good(synced.error().message);
        return Fail(synced.error());
    }
    current->header->durable_offset = offset;
    current->header->durable_check = field_check(*current->header, offset);
    current->file->forget(offset);
    {
        std::lock_guard lock(mutex_);
        ++syncs_;
        last_sync_ns_ = clock_.steady_ns() - start_ns;
        durable_seq_.store(seq, std::memory_order_release);
    }
    wake_waiters();
    return {};
}

void Journal::fail_for_good(std::string reason) {
    {
        std::lock_guard lock(mutex_);
        if (failure_.empty())
            failure_ = std::move(reason);
        failed_.store(true, std::memory_order_release);
    }
    log::error("the journal has failed: no new requests are taken; repair the disk and restart",
               {{"error", failure_}});
    wake_waiters();
}

void Journal::when_durable(Position position, std::function<void(bool)> done) {
    {
        std::lock_guard lock(mutex_);
        if (durable_seq() < position.seq && !failed() && !closed_) {
            waiters_.push_back(Waiter{position.seq, std::move(done)});
            wake_.notify_one();
            return;
        }
    }
    done(durable_seq() >= position.seq);
}

void Journal::wake_waiters() {
    std::vector<Waiter> due;
    bool good = true;
    {
        std::lock_guard lock(mutex_);
        std::uint64_t const durable = durable_seq();
        bool const give_up = failed() || closed_;
        auto keep = waiters_.begin();
        for (auto& waiter : waiters_) {
            if (waiter.seq <= durable || give_up)
                due.push_back(std::move(waiter));
            else if (&*keep != &waiter)
                *keep++ = std::move(waiter);
            else
                ++keep;
        }
        waiters_.erase(keep, waiters_.end());
    }
    for (auto& waiter : due) {
        good = waiter.seq <= durable_seq();
        waiter.done(good);
    }
}

std::uint64_t Journal::take_number() {
    std::lock_guard lock(mutex_);
    return next_number_++;
}

Result<void> Journal::prepare_next() {
    {
        std::lock_guard lock(mutex_);
        want_prepare_ = false;
        if (prepared_ || !current_ || closed_)
            return {};
    }
    auto made = make_segment(take_number());
    {
        std::lock_guard lock(mutex_);
        no_next_ = made ? std::string() : made.error().message;
        if (!made)
            return Fail(made.error());
        if (!prepared_ && current_->number < (*made)->number) {
            prepared_ = std::move(*made);
            return {};
        }
    }
    return disk_.remove((*made)->name); // a writer was faster
}

/// The first store into a page of a file costs 2 to 4 µs in the kernel: take that here for about as much as
/// the last round appended, so that appends rarely do.
void Journal::fault_ahead(std::uint64_t& seen_bytes) {
    constexpr std::uint64_t least = 64 * 1024, most = 8 * 1024 * 1024;
    std::shared_ptr<Segment> current;
    std::uint64_t offset = 0, grown = 0;
    {
        std::lock_guard lock(mutex_);
        current = current_;
        offset = offset_;
        grown = bytes_ - seen_bytes;
        seen_bytes = bytes_;
    }
    if (grown >= least)
        current->file->expect(offset, offset + std::min(most, grown + grown / 4));
}

void Journal::sync_loop() {
    bool disk_full = false;
    std::uint64_t seen_bytes = 0;
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            auto const due = [&] { return stop_ || (want_prepare_ && !disk_full) || !waiters_.empty(); };
            wake_.wait_for(lock, std::chrono::milliseconds(options_.sync_interval_ms), due);
            if (stop_)
                return;
        }
        auto const prepared = prepare_next();
        if (!prepared && !disk_full)
            log::error("cannot prepare the next journal segment", {{"error", prepared.error().message}});
        disk_full = !prepared;
        if (!failed())
            (void)sync_now(); // a failure is kept and shown by metrics()
        wake_waiters();
        fault_ahead(seen_bytes);
    }
}

void Journal::close() {
    {
        std::lock_guard lock(mutex_);
        if (closed_)
            return;
        stop_ = true;
        wake_.notify_one();
    }
    if (sync_thread_.joinable())
        sync_thread_.join();
    if (!failed())
        (void)sync_now();
    std::shared_ptr<Segment> unused;
    {
        std::lock_guard lock(mutex_);
        closed_ = true;
        unused = std::move(prepared_);
        prepared_.reset();
    }
    if (unused)
        (void)disk_.remove(unused->name); // start() would, too
    wake_waiters();
}

Metrics Journal::metrics() const {
    std::lock_guard lock(mutex_);
    Metrics m;
    m.frames = frames_;
    m.bytes = bytes_;
    m.unapplied_bytes = logical_ - applied_logical_;
    m.reserved_bytes = reserved_;
    m.syncs = syncs_;
    m.last_sync_ns = last_sync_ns_;
    m.since_sync_ms = dirty_since_ns_ == 0 ? 0 : (clock_.steady_ns() - dirty_since_ns_) / 1'000'000;
    m.segments = segments_.size() + (prepared_ ? 1 : 0);
    m.failed = failed();
    m.failure = failure_;
    m.no_next = no_next_;
    m.full = current_ && !room_for(4096, Claim::admission, 4096);
    return m;
}

} // namespace tollgate::journal
