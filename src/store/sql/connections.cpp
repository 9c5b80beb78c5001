#include "store/sql/connections.hpp"

#include <pthread.h>

namespace tollgate::store::sql {

Connections::Connections(std::unique_ptr<Database> writer, Open open_reader, int readers_max)
    : writer_(std::move(writer)), open_reader_(std::move(open_reader)), readers_max_(readers_max) {
    if (writer_) {
        thread_ = std::thread([this] { writer_loop(); });
        pthread_setname_np(thread_.native_handle(), "store-writer");
    }
}

Connections::~Connections() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_writer_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Connections::on_writer(std::function<void(Database&)> const& job) {
    if (!writer_) throw StoreUnavailable("the store was opened read-only");
    Job entry{&job, nullptr};
    std::unique_lock lock(mutex_);
    if (stopping_) throw StoreUnavailable("the store is closing");
    jobs_.push_back(&entry);
    wake_writer_.notify_one();
    job_done_.wait(lock, [&] { return entry.done; });
    lock.unlock();
    if (entry.error) std::rethrow_exception(entry.error);
}

void Connections::writer_loop() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_writer_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
        if (jobs_.empty()) return;
        auto* const job = jobs_.front();
        jobs_.pop_front();
        lock.unlock();
        try {
            (*job->work)(*writer_);
        } catch (...) {
            job->error = std::current_exception();
        }
        lock.lock();
        job->done = true;
        job_done_.notify_all();
    }
}

Connections::Lease::Lease(Connections& owner_) : owner(owner_) {
    std::unique_lock lock(owner.mutex_);
    owner.reader_free_.wait(lock, [&] { return !owner.idle_.empty() || owner.readers_open_ < owner.readers_max_; });
    if (!owner.idle_.empty()) {
        db = std::move(owner.idle_.back());
        owner.idle_.pop_back();
        return;
    }
    ++owner.readers_open_;
    lock.unlock();
    try {
        db = owner.open_reader_();
    } catch (...) {
        lock.lock();
        --owner.readers_open_;
        owner.reader_free_.notify_one();
        throw;
    }
}

Connections::Lease::~Lease() {
    std::lock_guard lock(owner.mutex_);
    owner.idle_.push_back(std::move(db)); // also after an error: a lost connection is made again by its next begin
    owner.reader_free_.notify_one();
}

} // namespace tollgate::store::sql
