#pragma once
// A value that many threads read all the time and one replaces now and then.
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

namespace tollgate {

/// Publishes immutable values of T. Reading costs one relaxed-cost atomic load when nothing changed: each reader
/// keeps a `Reader`, which caches the shared_ptr and refetches it only after a publish.
/// shared_ptr because readers on several threads keep the old value alive while the next one is in force.
template <class T>
class Snapshot {
public:
    explicit Snapshot(std::shared_ptr<T const> first) : value_(std::move(first)) {}

    void publish(std::shared_ptr<T const> next) {
        std::lock_guard lock(mutex_);
        value_ = std::move(next);
        version_.fetch_add(1, std::memory_order_release);
    }
    std::shared_ptr<T const> get() const {
        std::lock_guard lock(mutex_);
        return value_;
    }

    /// One per thread (not shared): `current()` is valid until the next call on the same Reader; copy the
    /// shared_ptr (`hold()`) to keep it across a suspension.
    class Reader {
    public:
        explicit Reader(Snapshot const& source) : source_(&source) {}
        T const& current() { return *hold(); }
        std::shared_ptr<T const> const& hold() {
            auto const version = source_->version_.load(std::memory_order_acquire);
            if (version != seen_ || !cached_) {
                std::lock_guard lock(source_->mutex_);
                cached_ = source_->value_;
                seen_ = source_->version_.load(std::memory_order_relaxed);
            }
            return cached_;
        }

    private:
        Snapshot const* source_;
        std::uint64_t seen_ = 0;
        std::shared_ptr<T const> cached_;
    };

private:
    mutable std::mutex mutex_;
    std::atomic<std::uint64_t> version_{1};
    std::shared_ptr<T const> value_;
};

} // namespace tollgate
