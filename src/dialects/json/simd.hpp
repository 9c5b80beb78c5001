#pragma once
// Sixteen bytes at a time: the few byte searches that JSON and event streams spend their time in. SSE2 is part of
// every x86-64; other machines take the plain loops.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
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

/// First quote, brace or square bracket in [p, end), or `end`.
inline char const* find_structure(char const* p, char const* end) noexcept {
#if defined(__SSE2__)
    __m128i const quote = _mm_set1_epi8('"');
    __m128i const open = _mm_set1_epi8('{'), close = _mm_set1_epi8('}');
    __m128i const fold = _mm_set1_epi8(0x20); // '[' | 0x20 == '{', ']' | 0x20 == '}', and no other byte does
    while (end - p >= 16) {
        __m128i const x = _mm_loadu_si128(reinterpret_cast<__m128i const*>(p));
        __m128i const y = _mm_or_si128(x, fold);
        __m128i const hit = _mm_or_si128(_mm_cmpeq_epi8(x, quote),
                                         _mm_or_si128(_mm_cmpeq_epi8(y, open), _mm_cmpeq_epi8(y, close)));
        if (int const mask = _mm_movemask_epi8(hit)) return p + std::countr_zero(static_cast<unsigned>(mask));
        p += 16;
    }
#endif
    for (; p < end; ++p)
        if (*p == '"' || (*p | 0x20) == '{' || (*p | 0x20) == '}') return p;
    return end;
}

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
