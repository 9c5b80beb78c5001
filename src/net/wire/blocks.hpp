#pragma once
// Read buffers of one thread, recycled. Page-aligned, so that a connection which only ever sees small messages keeps
// one resident page of its block.
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

namespace tollgate::net {

inline constexpr std::size_t small_block = 8 * 1024;   ///< request heads and small bodies
inline constexpr std::size_t medium_block = 16 * 1024; ///< answers: most fit whole
inline constexpr std::size_t large_block = 64 * 1024;  ///< bulk

class BlockPool;

/// Owns one buffer; returns it to its pool. Movable.
class Block {
public:
    Block() = default;
    Block(Block&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), data_(std::exchange(other.data_, nullptr)),
          size_(std::exchange(other.size_, 0)) {}
    Block& operator=(Block&& other) noexcept {
        if (this != &other) {
            reset();
            pool_ = std::exchange(other.pool_, nullptr);
            data_ = std::exchange(other.data_, nullptr);
            size_ = std::exchange(other.size_, 0);
        }
        return *this;
    }
    ~Block() { reset(); }
    void reset() noexcept;
    char* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    explicit operator bool() const noexcept { return data_ != nullptr; }

private:
    friend class BlockPool;
    Block(BlockPool* pool, char* data, std::size_t size) noexcept : pool_(pool), data_(data), size_(size) {}
    BlockPool* pool_ = nullptr;
    char* data_ = nullptr;
    std::size_t size_ = 0;
};

/// One per thread; outlives its blocks.
class BlockPool {
public:
    BlockPool() = default;
    ~BlockPool();
    BlockPool(BlockPool const&) = delete;
    BlockPool& operator=(BlockPool const&) = delete;
    /// `size` is one of the three above.
    Block take(std::size_t size);

private:
    friend class Block;
    void give(char* data, std::size_t size) noexcept;
    std::array<std::vector<char*>, 3> free_;
};

} // namespace tollgate::net
