#pragma once
// The journal: an append-only chain of preallocated, memory-mapped segment files of checksummed frames. A
// frame is in the kernel when `append` returns, so killing the process loses nothing; a sync thread makes it
// durable against power loss. What happened is true because it stands here; the store is applied behind it
// (ledger/applier.hpp).
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "journal/disk.hpp"
#include "journal/frame.hpp"

namespace tollgate::journal {

enum class Durability : std::uint8_t {
    process, ///< survives the death of the process at once, a power cut after sync_interval_ms
    power,   ///< whoever waits (durable_wait.hpp) is woken by a group commit
};

struct Options {
    std::size_t segment_bytes = 64 * 1024 * 1024; ///< per file, ≥ 64 KiB
    std::uint64_t max_unapplied_bytes =
        1024 * 1024 * 1024; ///< holds are refused when the store is so far behind
    /// Applied segments are kept for so many bytes more: a power cut may take the last commits of a store
    /// that does not sync each of them, and then their frames are needed again.
    std::uint64_t keep_applied_bytes = 32 * 1024 * 1024;
    Durability durability = Durability::process;
    int sync_interval_ms = 100;
    /// false: nothing runs by itself; the owner calls sync_now() and prepare_next() (simulation).
    bool threads = true;
};

/// Who wrote the journal and for which store. A journal is never replayed into another store.
struct Identity {
    std::string node;     ///< 32 hexadecimal digits, made with the journal
    std::string store_id; ///< Store::store_id()
};

struct Metrics {
    std::uint64_t frames = 0; ///< appended since start
    std::uint64_t bytes = 0;
    std::uint64_t unapplied_bytes = 0;
    std::uint64_t reserved_bytes = 0; ///< room kept for the terminal frames of open holds
    std::uint64_t syncs = 0;
    std::int64_t last_sync_ns = 0;  ///< duration of the last sync
    std::int64_t since_sync_ms = 0; ///< age of the oldest append that is not durable yet; 0 = all is durable
    std::uint64_t segments = 0;     ///< files on disk
    bool full = false;              ///< new requests would be refused for lack of room
    std::string no_next;            ///< why the next segment could not be made ready; empty = it is, or nobody needs it yet
    bool failed = false;
    std::string failure; ///< why, when failed
};

class Reader;

/// Thread-safe, but for open/start/close, which belong to the owner.
class Journal {
public:
    /// Takes the directory lock and scans what is there, without changing it. `store_id` names the store that
    /// the journal will be applied to. `disk` and `clock` must outlive the journal. Errors: conflict (another
    /// process holds it; the journal belongs to another store), unavailable (a frame that was known durable
    /// is damaged: the message names file and offset; I/O).
    static Result<std::unique_ptr<Journal>> open(Disk& disk, Clock const& clock, Options options,
                                                 std::string store_id);
    ~Journal();
    Journal(Journal const&) = delete;
    Journal& operator=(Journal const&) = delete;

    Identity const& identity() const noexcept { return identity_; }
    Options const& options() const noexcept { return options_; }

    /// Opens a fresh segment behind everything that is there or that the store has `applied` (a power cut may
    /// have taken frames that the store already had), and starts the sync thread. Errors: unavailable (frames
    /// between `applied` and the journal are missing; disk full).
    Result<void> start(Position applied);

    /// Appends a frame on behalf of a request not yet admitted, and keeps `reserve` bytes of room for what
    /// must follow. Errors: unavailable (failed, full, low on space): then nothing was appended.
    Result<Position> append_admission(FrameType type, std::string_view payload, std::uint32_t reserve);
    /// Appends on behalf of an admitted request, and gives `unreserve` bytes of its reserve back, whether it
    /// succeeds or not. With a reserve that covers the frame it succeeds while the process lives, even after
    /// a failed sync. Errors: unavailable.
    Result<Position> append_admitted(FrameType type, std::string_view payload, std::uint32_t unreserve);
    /// Appends what may be dropped (refused requests, kept answers): gives way first. Errors: unavailable.
    Result<Position> append_optional(FrameType type, std::string_view payload);

    /// Just after the last appended frame.
    Position end() const;
    /// Everything up to here is durable against a power cut.
    std::uint64_t durable_seq() const noexcept { return durable_seq_.load(std::memory_order_acquire); }
    /// True when a caller need not wait under the configured durability.
    bool settled(Position position) const noexcept {
        return options_.durability == Durability::process || durable_seq() >= position.seq;
    }
    /// Calls `done(true)` from the sync thread once `position` is durable, `done(false)` when it never will
    /// be. `done` must not block or throw. Prefer wait_durable().
    void when_durable(Position position, std::function<void(bool)> done);

    /// Frames after `from`. The Reader must not outlive the journal. Errors: unavailable (those frames are
    /// gone).
    Result<Reader> read_from(Position from);
    /// Everything up to `position` is in the store: older segments are deleted.
    void release(Position position);

    /// Makes everything appended so far durable, on the calling thread. Errors: unavailable; the journal has
    /// then failed for good.
    Result<void> sync_now();
    /// Allocates the next segment if there is none. Called by the sync thread. Errors: unavailable (disk
    /// full).
    Result<void> prepare_next();
    /// Stops the sync thread after a last sync. Appends fail afterwards. Idempotent.
    void close();

    bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }
    Metrics metrics() const;

private:
    friend class Reader;
    struct Segment;
    struct Waiter {
        std::uint64_t seq;
        std::function<void(bool)> done;
    };
    enum class Claim { admission, admitted, optional };

    Journal(Disk& disk, Clock const& clock, Options options);
    Result<void> load_identity(std::string const& store_id);
    Result<void> scan();
    Result<bool> read_header(std::string const& name, std::shared_ptr<Segment>& segment);
    Result<void> scan_frames(Segment& segment);
    Result<void> check_covers(Position applied) const;
    Result<void> cut_tail();
    Result<std::shared_ptr<Segment>> make_segment(std::uint64_t number);
    std::uint64_t take_number();
    void activate(std::shared_ptr<Segment> segment, bool previous_durable);
    Result<Position> append(FrameType type, std::string_view payload, Claim claim, std::uint32_t reserve,
                            std::uint32_t unreserve);
    bool room_for(std::size_t frame_bytes, Claim claim, std::uint64_t reserve) const;
    bool roll();
    std::shared_ptr<Segment> segment_holding(std::uint64_t seq) const;
    void sync_loop();
    void fault_ahead(std::uint64_t& seen_bytes);
    void fail_for_good(std::string reason);
    void wake_waiters();

    Disk& disk_;
    Clock const& clock_;
    Options options_;
    Identity identity_;
    std::unique_ptr<DiskLock> lock_;

    mutable std::mutex mutex_; ///< guards everything below but the atomics; held for one memcpy by appends
    /// shared_ptr: a Reader and the sync thread keep a segment's file open while it is deleted from the list.
    std::deque<std::shared_ptr<Segment>> segments_;
    std::shared_ptr<Segment> current_;  ///< the last of segments_; null before start
    std::shared_ptr<Segment> prepared_; ///< the next one, allocated and empty; may be null
    char* base_ = nullptr;              ///< current_'s mapping
    std::uint64_t offset_ = 0;
    std::uint64_t seq_ = 0;
    std::uint64_t logical_ = 0; ///< bytes of frames ever appended or found
    std::uint64_t applied_logical_ = 0;
    std::uint64_t applied_seq_ = 0;
    std::uint64_t reserved_ = 0;
    std::uint64_t frames_ = 0;
    std::uint64_t bytes_ = 0;
    std::int64_t dirty_since_ns_ = 0; ///< steady time of the oldest unsynced append; 0 = clean
    std::vector<Waiter> waiters_;
    std::string failure_;
    bool closed_ = false;
    bool stop_ = false;
    bool want_prepare_ = false;
    std::string no_next_; ///< why prepare_next last failed
    std::uint64_t next_number_ = 1;      ///< of the next file; numbers may be skipped, never used twice
    std::vector<std::string> leftovers_; ///< files found at open that start() deletes
    bool fresh_ = false;                 ///< the journal was made by this open()

    std::mutex sync_mutex_; ///< one sync at a time
    std::uint64_t syncs_ = 0;
    std::int64_t last_sync_ns_ = 0;
    std::atomic<std::uint64_t> durable_seq_{0};
    std::atomic<bool> failed_{false};
    std::condition_variable wake_;
    std::thread sync_thread_;
};

/// Reads frames in order, following the writer. One thread at a time.
class Reader {
public:
    Reader(Reader&&) noexcept;
    Reader& operator=(Reader&&) noexcept;
    ~Reader();
    /// The next frame (never a seal); false when caught up with the journal's end. Errors: unavailable
    /// (damage; the message names file and offset).
    Result<bool> next(Frame& frame);
    /// Just after the last frame returned.
    Position position() const noexcept { return position_; }

private:
    friend class Journal;
    Reader(Journal& journal, Position from);
    Result<bool> refill(std::size_t need);

    Journal* journal_;
    Position position_;
    Position limit_; ///< the journal's end when last asked
    std::shared_ptr<Journal::Segment> segment_;
    std::vector<char> buffer_;
    std::uint64_t buffer_offset_ = 0; ///< file offset of buffer_[0]
    std::size_t buffer_size_ = 0;
    std::uint64_t at_ = 0; ///< file offset of the next frame
};

} // namespace tollgate::journal
