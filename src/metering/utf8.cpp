#include "metering/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace tollgate::metering {
namespace {

unsigned char byte_at(std::string_view text, std::size_t i) {
    return static_cast<unsigned char>(text[i]);
}

/// One non-ASCII sequence at i: its length; `valid` or a maximal subpart to be replaced (length ≥ 1), which
/// is `cut_off` when it ran into the end of the text.
struct Sequence {
    std::size_t length;
    bool valid;
    bool cut_off;
};

Sequence sequence_at(std::string_view text, std::size_t i) {
    auto const lead = byte_at(text, i);
    std::size_t need;
    unsigned char low = 0x80,
                  high = 0xbf; // limits of the second byte: no overlong forms, surrogates, > U+10FFFF
    if (lead >= 0xc2 && lead <= 0xdf)
        need = 2;
    else if (lead >= 0xe0 && lead <= 0xef) {
        need = 3;
        if (lead == 0xe0)
            low = 0xa0;
        if (lead == 0xed)
            high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        need = 4;
        if (lead == 0xf0)
            low = 0x90;
        if (lead == 0xf4)
            high = 0x8f;
    } else
        return {1, false, false};
    for (std::size_t n = 1; n < need; ++n) {
        if (i + n >= text.size())
            return {n, false, true};
        auto const b = byte_at(text, i + n);
        if (b < low || b > high)
            return {n, false, false};
        low = 0x80;
        high = 0xbf;
    }
    return {need, true, false};
}

} // namespace

std::size_t valid_utf8_prefix(std::string_view text) noexcept {
    std::size_t i = 0;
    while (i < text.size()) {
        if (byte_at(text, i) < 0x80) {
            std::uint64_t word;
            while (i + 8 <= text.size()) { // ASCII, eight at a time
                std::memcpy(&word, text.data() + i, 8);
                if (word & 0x8080808080808080ULL)
                    break;
                i += 8;
            }
            while (i < text.size() && byte_at(text, i) < 0x80)
                ++i;
            continue;
        }
        auto const s = sequence_at(text, i);
        if (!s.valid)
            return i;
        i += s.length;
    }
    return i;
}

std::size_t incomplete_utf8_suffix(std::string_view text) noexcept {
    for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
        auto const i = text.size() - back;
        if (byte_at(text, i) < 0x80)
            return 0;
        if (byte_at(text, i) >= 0xc0)
            return sequence_at(text, i).cut_off ? back : 0;
    }
    return 0;
}

std::string replace_invalid_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size() + 16);
    std::size_t i = 0;
    while (i < text.size()) {
        auto const good = valid_utf8_prefix(text.substr(i));
        out.append(text.substr(i, good));
        i += good;
        if (i >= text.size())
            break;
        out += "\xef\xbf\xbd";
        i += sequence_at(text, i).length;
    }
    return out;
}

} // namespace tollgate::metering
