#pragma once
// 256-bit unsigned arithmetic for the few sums that 128 bits cannot hold. Slow (a microsecond) and rarely reached.
#include <array>
#include <cstdint>
#include <optional>

namespace tollgate::pricing::detail {

using U128 = unsigned __int128;

constexpr int bit_length(U128 v) {
    auto const high = static_cast<std::uint64_t>(v >> 64);
    auto const low = static_cast<std::uint64_t>(v);
    if (high != 0) return 128 - __builtin_clzll(high);
    return low == 0 ? 0 : 64 - __builtin_clzll(low);
}

/// Least significant word first.
struct U256 {
    std::array<std::uint64_t, 4> word{};

    static constexpr U256 from(U128 v) {
        return {{static_cast<std::uint64_t>(v), static_cast<std::uint64_t>(v >> 64), 0, 0}};
    }
    /// Returns false when a carry left 256 bits.
    constexpr bool add(U256 const& other) {
        U128 carry = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            carry += static_cast<U128>(word[i]) + other.word[i];
            word[i] = static_cast<std::uint64_t>(carry);
            carry >>= 64;
        }
        return carry == 0;
    }
    constexpr bool multiply(std::uint64_t factor) {
        U128 carry = 0;
        for (auto& w : word) {
            carry += static_cast<U128>(w) * factor;
            w = static_cast<std::uint64_t>(carry);
            carry >>= 64;
        }
        return carry == 0;
    }
    constexpr bool fits_128() const { return word[2] == 0 && word[3] == 0; }
    constexpr U128 low_128() const { return (static_cast<U128>(word[1]) << 64) | word[0]; }
};

struct Division {
    U128 quotient = 0;
    U128 remainder = 0;
};

/// n / d for 0 < d < 2^127; nullopt when the quotient needs more than 128 bits.
constexpr std::optional<Division> divide(U256 const& n, U128 d) {
    if (n.fits_128()) return Division{n.low_128() / d, n.low_128() % d};
    Division out;
    for (int bit = 255; bit >= 0; --bit) {
        if ((out.quotient >> 127) != 0) return std::nullopt;
        auto const i = static_cast<std::size_t>(bit);
        out.remainder = (out.remainder << 1) | ((n.word[i / 64] >> (i % 64)) & 1);
        out.quotient <<= 1;
        if (out.remainder >= d) {
            out.remainder -= d;
            out.quotient |= 1;
        }
    }
    return out;
}

} // namespace tollgate::pricing::detail
