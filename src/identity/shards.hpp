#pragma once
// The parts of a Directory; used by directory.cpp and publisher.cpp only.
#include <cstring>

#include "identity/directory.hpp"

namespace tollgate::identity {

/// The hash is an HMAC: its bytes are uniform. The first two choose the shard, the next four the slot.
inline std::size_t shard_of(KeyHash const& hash) noexcept { return (std::size_t{hash[0]} << 8 | hash[1]) & 1023; }
inline std::size_t shard_of(AccountId id) noexcept { return static_cast<std::size_t>(id.value) & 255; }

/// Open addressing, linear probing, at most half full; made once, never changed.
struct Directory::KeyShard {
    static_assert(key_shards == 1024 && account_shards == 256);
    std::vector<KeyEntry> entries;
    std::vector<std::uint32_t> slots; ///< index into entries + 1; 0 = free. Size is a power of two

    KeyShard() = default;
    explicit KeyShard(std::vector<KeyEntry> all) : entries(std::move(all)) {
        std::size_t size = 2;
        while (size < entries.size() * 2) size *= 2;
        slots.assign(entries.empty() ? 0 : size, 0);
        for (std::size_t i = 0; i < entries.size(); ++i) {
            auto slot = first_slot(entries[i].hash);
            while (slots[slot] != 0) slot = (slot + 1) & (slots.size() - 1);
            slots[slot] = static_cast<std::uint32_t>(i + 1);
        }
    }
    KeyEntry const* find(KeyHash const& hash) const noexcept {
        if (slots.empty()) return nullptr;
        for (auto slot = first_slot(hash); slots[slot] != 0; slot = (slot + 1) & (slots.size() - 1))
            if (auto const& entry = entries[slots[slot] - 1]; entry.hash == hash) return &entry;
        return nullptr;
    }

private:
    std::size_t first_slot(KeyHash const& hash) const noexcept {
        std::uint32_t bits = 0;
        std::memcpy(&bits, hash.data() + 2, sizeof bits);
        return bits & (slots.size() - 1);
    }
};

struct Directory::AccountShard {
    std::vector<std::shared_ptr<Account const>> rows; ///< by id
};

} // namespace tollgate::identity
