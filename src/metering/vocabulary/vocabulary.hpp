#pragma once
// Views of the tables that make_vocabulary.mjs made, linked into read-only data (blob.cpp).
//
// File: "TGV1", section count, then (offset, bytes) of each section, all uint32 little-endian; sections are
// 64-byte aligned: two of character classes, then eight for each encoding in the order of Vocabulary's
// members below. All hash tables are open-addressing with linear probing at half load, so a miss costs a
// probe or two.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "metering/tokenizer.hpp"

namespace tollgate::metering {

inline constexpr std::uint32_t no_token = 0xffffffff;

namespace detail {
inline constexpr std::uint64_t hash_multiplier = 0x9e3779b97f4a7c15ULL;
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
    x = (x ^ (x >> 32)) * hash_multiplier;
    return x ^ (x >> 29);
}
/// Maps the upper half of a hash onto [0, slots) without a division.
constexpr std::size_t slot_of(std::uint64_t hash, std::size_t slots) noexcept {
    return static_cast<std::size_t>(((hash >> 32) * slots) >> 32);
}
/// `length` ≤ 8 bytes as a little-endian number, never reading past `end`.
inline std::uint64_t load_bytes(char const* p, std::size_t length, char const* end) noexcept {
    std::uint64_t word = 0;
    if (end - p >= 8) {
        std::memcpy(&word, p, 8);
        return length >= 8 ? word : word & ((std::uint64_t{1} << (length * 8)) - 1);
    }
    std::memcpy(&word, p, length);
    return word;
}
} // namespace detail

/// One encoding. Token ids are ranks: the smaller, the earlier the merge.
struct Vocabulary {
    std::span<std::uint32_t const> offsets; ///< of token i in `bytes`; one more than there are tokens
    char const* bytes = nullptr;
    std::span<std::uint64_t const> short_keys; ///< tokens of 1–7 bytes: the bytes, length on top; 0 = free
    std::uint32_t const* short_ids = nullptr;
    std::span<std::uint64_t const> long_slots; ///< longer tokens: hash's lower half, then id; all ones = free
    std::span<std::uint64_t const> pair_slots; ///< left (18 bits), right (18), merged (18); all ones = free
    std::uint32_t const* byte_pairs = nullptr; ///< [left byte × 256 + right byte] → merged token
    std::uint32_t const* byte_ids = nullptr;   ///< [byte] → token

    std::size_t size() const noexcept { return offsets.size() - 1; }
    std::string_view token(std::uint32_t id) const noexcept {
        return {bytes + offsets[id], offsets[id + 1] - offsets[id]};
    }

    /// The token that is exactly [p, p + length), or no_token. `end` bounds what may be read.
    std::uint32_t find(char const* p, std::size_t length, char const* end) const noexcept {
        if (length > 7)
            return find_long(p, length, end);
        auto const slot = find_short(p, length, end);
        return slot == not_there ? no_token : short_ids[slot];
    }
    /// The same without touching the ids: all that counting needs.
    bool contains(char const* p, std::size_t length, char const* end) const noexcept {
        return length > 7 ? find_long(p, length, end) != no_token : find_short(p, length, end) != not_there;
    }
    /// What `left` and `right` merge into, or no_token.
    std::uint32_t merged(std::uint32_t left, std::uint32_t right) const noexcept {
        auto const key = std::uint64_t{left} << 18 | right;
        auto i = detail::slot_of(detail::mix(key), pair_slots.size());
        for (;;) {
            auto const slot = pair_slots[i];
            if (slot >> 18 == key)
                return static_cast<std::uint32_t>(slot & 0x3ffff);
            if (slot == ~std::uint64_t{0})
                return no_token;
            if (++i == pair_slots.size())
                i = 0;
        }
    }

private:
    static constexpr std::size_t not_there = ~std::size_t{0};
    std::size_t find_short(char const* p, std::size_t length, char const* end) const noexcept {
        auto const key = detail::load_bytes(p, length, end) | std::uint64_t{length} << 56;
        auto i = detail::slot_of(detail::mix(key), short_keys.size());
        for (;;) {
            if (short_keys[i] == key)
                return i;
            if (short_keys[i] == 0)
                return not_there;
            if (++i == short_keys.size())
                i = 0;
        }
    }
    std::uint32_t find_long(char const* p, std::size_t length, char const* end) const noexcept;
};

/// Class bits of every code point, two-stage: data[index[cp / 128] * 128 + cp % 128].
struct ClassTable {
    std::uint16_t const* index = nullptr;
    std::uint8_t const* data = nullptr;
};

struct VocabularyFile {
    ClassTable classes;
    std::array<Vocabulary, 2> encodings; // by Encoding
    Vocabulary const& of(Encoding e) const noexcept { return encodings[static_cast<std::size_t>(e)]; }
};

/// The linked-in file. Reads its header on first use; a file of another make stops the program (a build
/// error).
VocabularyFile const& vocabulary_file() noexcept;

} // namespace tollgate::metering
