#include "net/wire/blocks.hpp"

#include <cstdlib>
#include <new>

namespace tollgate::net {
namespace {
constexpr std::size_t kept_bytes_max = 4 * 1024 * 1024; ///< per size; what is over goes back to the allocator
constexpr std::size_t page = 4096;

std::size_t class_of(std::size_t size) noexcept { return size <= small_block ? 0 : size <= medium_block ? 1 : 2; }
} // namespace

void Block::reset() noexcept {
    if (data_ != nullptr) pool_->give(data_, size_);
    data_ = nullptr;
    size_ = 0;
}

BlockPool::~BlockPool() {
    for (auto& list : free_)
        for (char* block : list) std::free(block);
}

Block BlockPool::take(std::size_t size) {
    auto& list = free_[class_of(size)];
    if (!list.empty()) {
        char* const data = list.back();
        list.pop_back();
        return Block(this, data, size);
    }
    // Room for every block that may be kept, so that giving one back never allocates.
    if (list.capacity() == 0) list.reserve(kept_bytes_max / size);
    auto* const data = static_cast<char*>(std::aligned_alloc(page, size));
    if (data == nullptr) throw std::bad_alloc();
    return Block(this, data, size);
}

void BlockPool::give(char* data, std::size_t size) noexcept {
    auto& list = free_[class_of(size)];
    if (list.size() < kept_bytes_max / size)
        list.push_back(data);
    else
        std::free(data);
}

} // namespace tollgate::net
