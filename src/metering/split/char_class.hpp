#pragma once
// Character classes as the encodings' patterns see them.
#include <array>
#include <cstdint>

#include "metering/vocabulary/vocabulary.hpp"

namespace tollgate::metering::cls {

// Bits written by make_vocabulary.mjs.
inline constexpr std::uint8_t letter = 1;   ///< \p{L}
inline constexpr std::uint8_t upper = 2;    ///< [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
inline constexpr std::uint8_t lower = 4;    ///< [\p{Ll}\p{Lm}\p{Lo}\p{M}]
inline constexpr std::uint8_t number = 8;   ///< \p{N}
inline constexpr std::uint8_t space = 16;   ///< \s as tiktoken's engine reads it: White_Space
inline constexpr std::uint8_t newline = 32; ///< [\r\n]

inline constexpr std::array<std::uint8_t, 128> ascii = [] {
    std::array<std::uint8_t, 128> t{};
    for (std::size_t c = 'A'; c <= 'Z'; ++c)
        t[c] = letter | upper;
    for (std::size_t c = 'a'; c <= 'z'; ++c)
        t[c] = letter | lower;
    for (std::size_t c = '0'; c <= '9'; ++c)
        t[c] = number;
    for (std::size_t c = 9; c <= 13; ++c)
        t[c] = space;
    t[' '] = space;
    t['\n'] = t['\r'] = space | newline;
    return t;
}();

/// The character at a place in valid UTF-8: its class and where the next one begins.
struct Char {
    std::uint8_t bits;
    char const* next;
};

Char read_wide(char const* p, ClassTable const& table) noexcept;

inline Char read(char const* p, ClassTable const& table) noexcept {
    auto const byte = static_cast<unsigned char>(*p);
    if (byte < 0x80) [[likely]]
        return {ascii[byte], p + 1};
    return read_wide(p, table);
}

inline Char read_wide(char const* p, ClassTable const& table) noexcept {
    auto const at = [p](int i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(p[i])); };
    std::uint32_t point;
    int length;
    if (at(0) < 0xe0) {
        point = (at(0) & 0x1f) << 6 | (at(1) & 0x3f);
        length = 2;
    } else if (at(0) < 0xf0) {
        point = (at(0) & 0x0f) << 12 | (at(1) & 0x3f) << 6 | (at(2) & 0x3f);
        length = 3;
    } else {
        point = (at(0) & 0x07) << 18 | (at(1) & 0x3f) << 12 | (at(2) & 0x3f) << 6 | (at(3) & 0x3f);
        length = 4;
    }
    return {table.data[table.index[point >> 7] * 128u + (point & 127)], p + length};
}

} // namespace tollgate::metering::cls
