#pragma once
#include <string>
#include <string_view>

namespace tollgate::store::postgres {

/// Length of the well-formed UTF-8 character (RFC 3629, NUL excluded) that `text` begins with; 0 = none.
inline std::size_t utf8_length(std::string_view text) noexcept {
    auto const at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    auto const follows = [&](std::size_t i) { return (at(i) & 0xc0) == 0x80; };
    unsigned const a = at(0), b = at(1);
    if (a >= 0x01 && a <= 0x7f) return 1;
    if (a >= 0xc2 && a <= 0xdf && follows(1)) return 2;
    if (a >= 0xe0 && a <= 0xef && follows(1) && follows(2) && !(a == 0xe0 && b < 0xa0) && !(a == 0xed && b > 0x9f)) return 3;
    if (a >= 0xf0 && a <= 0xf4 && follows(1) && follows(2) && follows(3) && !(a == 0xf0 && b < 0x90) && !(a == 0xf4 && b > 0x8f))
        return 4;
    return 0;
}

inline bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        auto const n = utf8_length(text);
        if (n == 0) return false;
        text.remove_prefix(n);
    }
    return true;
}

/// Every byte that PostgreSQL cannot keep in a text becomes U+FFFD.
inline std::string to_utf8(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        auto const n = utf8_length(text);
        out += n ? text.substr(0, n) : std::string_view("\xef\xbf\xbd");
        text.remove_prefix(n ? n : 1);
    }
    return out;
}

} // namespace tollgate::store::postgres
