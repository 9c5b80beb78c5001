#pragma once
// Sixteen bytes at a time: the few byte searches that JSON and event streams spend their time in. SSE2 is part of
// every x86-64; other machines take the plain loops.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tollgate::dialects::json {

/// First byte in [p, end) that ends a run of plain string bytes: a quote, a backslash or (when `controls`) a byte
/// below 0x20. `end` when there is none. `any_bits` collects the OR of what was passed (bit 7 = not ASCII).
template <bool controls>
inline char const* find_string_stop(char const* p, char const* end, unsigned& any_bits) noexcept {
#if defined(__SSE2__)
    __m128i const quote = _mm_set1_epi8('"');
    __m128i const backslash = _mm_set1_epi8('\\');
    [[maybe_unused]] __m128i const control = _mm_set1_epi8(0x1f);
    int high = 0;
    while (end - p >= 16) {
        __m128i const x = _mm_loadu_si128(reinterpret_cast<__m128i const*>(p));
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, backslash));
        if constexpr (controls) hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(x, control), x));
        int const mask = _mm_movemask_epi8(hit);
        high |= _mm_movemask_epi8(x); // may look behind the stop: only decides whether UTF-8 is checked at all
        if (mask != 0) {
            if (high != 0) any_bits |= 0x80;
            return p + std::countr_zero(static_cast<unsigned>(mask));
        }
        p += 16;
    }
    if (high != 0) any_bits |= 0x80;
#endif
    for (; p < end; ++p) {
        auto const c = static_cast<unsigned char>(*p);
        if (c == '"' || c == '\\' || (controls && c < 0x20)) return p;
        any_bits |= c;
    }
    return end;
}

/// Which of 64 bytes are what, a bit each.
struct BlockMasks {
    std::uint64_t quote = 0, backslash = 0, open = 0, close = 0; ///< open: { [   close: } ]
};
inline BlockMasks block_masks(char const* p) noexcept {
    BlockMasks m;
#if defined(__SSE2__)
    __m128i const quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    __m128i const open = _mm_set1_epi8('{'), close = _mm_set1_epi8('}');
    __m128i const fold = _mm_set1_epi8(0x20); // '[' | 0x20 == '{', ']' | 0x20 == '}', and no other byte does
    auto const bits = [](__m128i hit) { return static_cast<std::uint64_t>(static_cast<unsigned>(_mm_movemask_epi8(hit))); };
    for (int i = 0; i < 64; i += 16) {
        __m128i const x = _mm_loadu_si128(reinterpret_cast<__m128i const*>(p + i));
        __m128i const y = _mm_or_si128(x, fold);
        m.quote |= bits(_mm_cmpeq_epi8(x, quote)) << i;
        m.backslash |= bits(_mm_cmpeq_epi8(x, backslash)) << i;
        m.open |= bits(_mm_cmpeq_epi8(y, open)) << i;
        m.close |= bits(_mm_cmpeq_epi8(y, close)) << i;
    }
#else
    for (int i = 0; i < 64; ++i) {
        std::uint64_t const bit = std::uint64_t{1} << i;
        if (p[i] == '"') m.quote |= bit;
        if (p[i] == '\\') m.backslash |= bit;
        if ((p[i] | 0x20) == '{') m.open |= bit;
        if ((p[i] | 0x20) == '}') m.close |= bit;
    }
#endif
    return m;
}

/// Walks blocks of 64 bytes and keeps what lies outside of strings apart from what lies inside.
class BracketCounter {
public:
    /// Offset behind the bracket that closes what was opened, or 65 when it is not in this block.
    unsigned feed(char const* block64) noexcept {
        BlockMasks m = block_masks(block64);
        if ((m.quote | m.backslash | in_string_ | escaped_) != 0) {
            m.quote &= ~escaped(m.backslash);
            std::uint64_t inside = m.quote; // prefix xor: set from an opening quote up to its closing one
            for (int shift = 1; shift < 64; shift *= 2) inside ^= inside << shift;
            inside ^= in_string_;
            in_string_ = (inside >> 63) != 0 ? ~std::uint64_t{0} : 0;
            m.open &= ~inside;
            m.close &= ~inside;
        }
        if (std::popcount(m.close) < depth_) {
            depth_ += std::popcount(m.open) - std::popcount(m.close);
            return 65;
        }
        for (std::uint64_t both = m.open | m.close; both != 0; both &= both - 1) {
            std::uint64_t const bit = both & (~both + 1);
            depth_ += (m.open & bit) != 0 ? 1 : -1;
            if (depth_ == 0) return static_cast<unsigned>(std::countr_zero(bit)) + 1;
        }
        return 65;
    }

private:
    /// The bytes that a backslash before them escapes: those behind an odd run of backslashes.
    std::uint64_t escaped(std::uint64_t backslash) noexcept {
        if (backslash == 0) return std::exchange(escaped_, 0);
        constexpr std::uint64_t even = 0x5555555555555555u;
        backslash &= ~escaped_;
        std::uint64_t const follows = backslash << 1 | escaped_;
        std::uint64_t sum = 0;
        escaped_ = __builtin_add_overflow(backslash & ~even & ~follows, backslash, &sum) ? 1 : 0;
        return (even ^ (sum << 1)) & follows;
    }
    int depth_ = 0;
    std::uint64_t in_string_ = 0; // all ones inside of a string
    std::uint64_t escaped_ = 0;   // 1: the next block's first byte is escaped
};

/// First CR or LF in [p, end), or `end`.
inline char const* find_line_end(char const* p, char const* end) noexcept {
#if defined(__SSE2__)
    __m128i const cr = _mm_set1_epi8('\r'), lf = _mm_set1_epi8('\n');
    while (end - p >= 16) {
        __m128i const x = _mm_loadu_si128(reinterpret_cast<__m128i const*>(p));
        __m128i const hit = _mm_or_si128(_mm_cmpeq_epi8(x, cr), _mm_cmpeq_epi8(x, lf));
        if (int const mask = _mm_movemask_epi8(hit)) return p + std::countr_zero(static_cast<unsigned>(mask));
        p += 16;
    }
#endif
    for (; p < end; ++p)
        if (*p == '\r' || *p == '\n') return p;
    return end;
}

/// Last CR or LF in [begin, p), or nullptr.
inline char const* find_line_end_backward(char const* begin, char const* p) noexcept {
#if defined(__SSE2__)
    __m128i const cr = _mm_set1_epi8('\r'), lf = _mm_set1_epi8('\n');
    while (p - begin >= 16) {
        __m128i const x = _mm_loadu_si128(reinterpret_cast<__m128i const*>(p - 16));
        __m128i const hit = _mm_or_si128(_mm_cmpeq_epi8(x, cr), _mm_cmpeq_epi8(x, lf));
        if (int const mask = _mm_movemask_epi8(hit))
            return p - 16 + (31 - std::countl_zero(static_cast<unsigned>(mask)));
        p -= 16;
    }
#endif
    while (p > begin) {
        --p;
        if (*p == '\r' || *p == '\n') return p;
    }
    return nullptr;
}

/// Where `text` first contains `needle` (at least 2 bytes), or npos. Compares first and last bytes sixteen places at
/// once.
inline std::size_t find(std::string_view text, std::string_view needle) noexcept {
    std::size_t i = 0;
#if defined(__SSE2__)
    std::size_t const n = needle.size();
    __m128i const first = _mm_set1_epi8(needle.front()), last = _mm_set1_epi8(needle.back());
    for (; i + n + 15 <= text.size(); i += 16) {
        __m128i const a = _mm_loadu_si128(reinterpret_cast<__m128i const*>(text.data() + i));
        __m128i const b = _mm_loadu_si128(reinterpret_cast<__m128i const*>(text.data() + i + n - 1));
        auto mask = static_cast<unsigned>(
            _mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(a, first), _mm_cmpeq_epi8(b, last))));
        for (; mask != 0; mask &= mask - 1) {
            std::size_t const at = i + static_cast<std::size_t>(std::countr_zero(mask));
            if (std::memcmp(text.data() + at, needle.data(), n) == 0) return at;
        }
    }
#endif
    std::size_t const at = text.substr(i).find(needle);
    return at == std::string_view::npos ? at : i + at;
}
inline bool contains(std::string_view text, std::string_view needle) noexcept {
    return find(text, needle) != std::string_view::npos;
}

} // namespace tollgate::dialects::json
