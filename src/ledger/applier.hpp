#pragma once
// Reads the journal behind its writers and applies it to the store in batches. The only writer of records,
// charges and holds in the store.
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "journal/journal.hpp"
#include "store/ledger_store.hpp"

namespace tollgate::ledger {

struct Options;

struct ApplierState {
    bool store_away = false;
    std::string failure; ///< why applying stopped for good (damaged journal), or empty
    std::string last_error;
    std::uint64_t applied_seq = 0;
    std::uint64_t records = 0;
    std::uint64_t batches = 0;
    std::int64_t current_as_of_ns = 0; ///< steady time; what was journaled before is in the store
};

/// `step` belongs to one thread: the applier's own after `run`, else the owner's. The rest is thread-safe.
class Applier {
public:
    Applier(journal::Journal& journal, store::LedgerStore& store, Clock const& clock, Options const& options);
    ~Applier();
    Applier(Applier const&) = delete;
    Applier& operator=(Applier const&) = delete;

    /// Takes up where the store is: mark and open holds. Throws StoreUnavailable. Errors: unavailable.
    Result<void> attach();
    /// Applies one batch of what is there now. True when it applied something, false when there was nothing.
    /// Throws StoreUnavailable; then the same batch is tried at the next call. Errors: unavailable (damaged
    /// journal).
    Result<bool> step();
    /// Steps until caught up. Throws and errors as `step`.
    Result<void> catch_up();
    /// Holds without a terminal frame, after catching up; recovery ends them.
    std::vector<store::HoldRow> open_holds() const;

    void run();  ///< starts the thread
    void stop(); ///< ends it, without a last flush
    /// Waits until everything up to `seq` is applied.
    bool wait_applied(std::uint64_t seq, std::int64_t timeout_ms);
    ApplierState state() const;

private:
    struct Open {
        store::HoldRow row;
        bool stored = false; ///< the store has a row for it
        bool dirty = false;  ///< changed since the store has it; listed in touched_
    };
    Result<void> gather();
    Result<void> take(journal::Frame const& frame);
    void close_batch();
    void finish_batch();
    void note_away(std::string error);
    void loop();

    journal::Journal& journal_;
    store::LedgerStore& store_;
    Clock const& clock_;
    std::size_t batch_records_;
    int linger_ms_;
    int retry_ms_max_;

    std::optional<journal::Reader> reader_;
    std::unordered_map<Uuid, Open> open_;
    std::vector<Uuid> touched_; ///< holds opened or changed in this batch
    store::ApplyBatch batch_;
    bool batch_ready_ = false; ///< batch_ is complete and must be applied before anything is read
    std::int64_t batch_current_as_of_ns_ = 0; ///< when gathering reached the journal's end; 0 = it did not

    mutable std::mutex mutex_; ///< guards state_, flush_seq_, stop_
    ApplierState state_;
    std::uint64_t flush_seq_ = 0;
    bool stop_ = false;
    std::condition_variable wake_;    ///< to the thread
    std::condition_variable applied_; ///< to those who wait
    std::thread thread_;
};

} // namespace tollgate::ledger
