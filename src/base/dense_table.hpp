#pragma once
// Runtime state per id: an array that grows in chunks, never moves and never shrinks.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace tollgate {

/// One default-constructed T per id, at an address that stays valid as long as the table. Reading takes no lock.
/// Meant for the small consecutive ids of the store (a chunk of `ChunkSize` is made when its first id is asked for);
/// ids beyond the dense range work too, through a locked map.
template <class T, std::size_t ChunkSize = 256>
class DenseTable {
public:
    DenseTable() = default;
    DenseTable(DenseTable const&) = delete;
    DenseTable& operator=(DenseTable const&) = delete;

    /// Any thread. `id` ≥ 0.
    T& at(std::int64_t id) {
        auto const index = static_cast<std::uint64_t>(id);
        if (index >= dense_ids) return sparse(id);
        auto& page = pages_[index / (ChunkSize * page_size)];
        Page* p = page.load(std::memory_order_acquire);
        if (!p) p = make(page);
        auto& slot = p->chunks[index / ChunkSize % page_size];
        Chunk* c = slot.load(std::memory_order_acquire);
        if (!c) c = make(slot);
        return c->items[index % ChunkSize];
    }

    /// Null when the id was never asked for by `at`.
    T const* find(std::int64_t id) const {
        auto const index = static_cast<std::uint64_t>(id);
        if (index >= dense_ids) {
            std::lock_guard lock(mutex_);
            auto const found = sparse_.find(id);
            return found == sparse_.end() ? nullptr : found->second.get();
        }
        Page const* p = pages_[index / (ChunkSize * page_size)].load(std::memory_order_acquire);
        Chunk const* c = p ? p->chunks[index / ChunkSize % page_size].load(std::memory_order_acquire) : nullptr;
        return c ? &c->items[index % ChunkSize] : nullptr;
    }

    /// Calls f(id, T&) for every id of every chunk made so far.
    template <class F>
    void for_each(F&& f) {
        for (std::size_t i = 0; i < pages_.size(); ++i) {
            Page* p = pages_[i].load(std::memory_order_acquire);
            if (!p) continue;
            for (std::size_t j = 0; j < page_size; ++j) {
                Chunk* c = p->chunks[j].load(std::memory_order_acquire);
                if (!c) continue;
                auto const first = static_cast<std::int64_t>((i * page_size + j) * ChunkSize);
                for (std::size_t k = 0; k < ChunkSize; ++k) f(first + static_cast<std::int64_t>(k), c->items[k]);
            }
        }
        std::lock_guard lock(mutex_);
        for (auto& [id, item] : sparse_) f(id, *item);
    }

    ~DenseTable() {
        for (auto& page : pages_) {
            std::unique_ptr<Page> p(page.load(std::memory_order_relaxed));
            if (!p) continue;
            for (auto& slot : p->chunks) std::unique_ptr<Chunk>(slot.load(std::memory_order_relaxed));
        }
    }

private:
    static constexpr std::size_t page_size = 512;
    static constexpr std::size_t page_count = 512;
    static constexpr std::uint64_t dense_ids = std::uint64_t{ChunkSize} * page_size * page_count;
    struct Chunk {
        std::array<T, ChunkSize> items{};
    };
    struct Page {
        std::array<std::atomic<Chunk*>, page_size> chunks{};
    };

    template <class Node>
    Node* make(std::atomic<Node*>& slot) {
        std::lock_guard lock(mutex_);
        if (Node* made = slot.load(std::memory_order_relaxed)) return made;
        slot.store(std::make_unique<Node>().release(), std::memory_order_release); // freed by the destructor
        return slot.load(std::memory_order_relaxed);
    }
    T& sparse(std::int64_t id) {
        std::lock_guard lock(mutex_);
        auto& item = sparse_[id];
        if (!item) item = std::make_unique<T>();
        return *item;
    }

    std::array<std::atomic<Page*>, page_count> pages_{};
    mutable std::mutex mutex_; // growth, and ids beyond the dense range
    std::unordered_map<std::int64_t, std::unique_ptr<T>> sparse_;
};

} // namespace tollgate
