#pragma once
// Who may use which connection: one writer thread with the only writing connection, and a pool of readers.
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/error.hpp"
#include "store/sql/database.hpp"

namespace tollgate::store::sql {

template <class T>
struct IsResult : std::false_type {};
template <class T>
struct IsResult<Result<T>> : std::true_type {};

class Connections {
public:
    using Open = std::function<std::unique_ptr<Database>()>;
    /// `open_reader` empty: readers use the writer thread (an in-memory database is one connection). `writer` null:
    /// read-only, every write throws StoreUnavailable.
    Connections(std::unique_ptr<Database> writer, Open open_reader, int readers_max);
    ~Connections();
    Connections(Connections const&) = delete;
    Connections& operator=(Connections const&) = delete;

    /// Runs `work(Database&)` on the writer thread in one transaction and returns what it returns. An exception or a
    /// failed Result rolls back. Not from inside `work`.
    template <class F>
    auto write(F&& work) {
        using R = std::invoke_result_t<F&, Database&>;
        return run<R>([&](Database& db, auto&& keep) {
            Transaction transaction(db, true);
            if constexpr (std::is_void_v<R>) {
                work(db);
                transaction.commit();
            } else {
                R result = work(db);
                if constexpr (IsResult<R>::value) {
                    if (result) transaction.commit();
                } else {
                    transaction.commit();
                }
                keep(std::move(result));
            }
        });
    }

    /// Runs `work(Database&)` on a reader, on one snapshot. Waits when all readers are busy.
    template <class F>
    auto read(F&& work) {
        using R = std::invoke_result_t<F&, Database&>;
        if (!open_reader_)
            return run<R>([&](Database& db, auto&& keep) {
                Transaction snapshot(db, false);
                if constexpr (std::is_void_v<R>)
                    work(db);
                else
                    keep(work(db));
            });
        Lease lease(*this);
        Transaction snapshot(*lease.db, false);
        return work(*lease.db);
    }

private:
    struct Lease {
        explicit Lease(Connections& owner_);
        ~Lease();
        Connections& owner;
        std::unique_ptr<Database> db;
    };
    template <class R, class F>
    R run(F&& step) {
        if constexpr (std::is_void_v<R>) {
            on_writer([&](Database& db) { step(db, [] {}); });
        } else {
            std::optional<R> out;
            on_writer([&](Database& db) { step(db, [&](R&& r) { out.emplace(std::move(r)); }); });
            return std::move(*out);
        }
    }
    /// Blocks until `job` ran on the writer thread; rethrows what it threw.
    void on_writer(std::function<void(Database&)> const& job);
    void writer_loop();

    struct Job {
        std::function<void(Database&)> const* work;
        std::exception_ptr error;
        bool done = false;
    };
    std::unique_ptr<Database> writer_;
    Open open_reader_;
    std::mutex mutex_;
    std::condition_variable wake_writer_, job_done_, reader_free_;
    std::deque<Job*> jobs_; ///< each waits on its caller's stack, so there are at most as many as calling threads
    std::vector<std::unique_ptr<Database>> idle_;
    int readers_open_ = 0;
    int readers_max_;
    bool stopping_ = false;
    std::thread thread_;
};

} // namespace tollgate::store::sql
