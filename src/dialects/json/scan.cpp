#include "dialects/json/scan.hpp"

#include <simdjson.h>

#include <algorithm>

namespace tollgate::dialects::json {
namespace {

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// Four hex digits at `p`, or -1.
int hex4(std::string_view raw, std::size_t at) noexcept {
    if (raw.size() < at + 4) return -1;
    int value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        int const d = hex_digit(raw[at + i]);
        if (d < 0) return -1;
        value = value * 16 + d;
    }
    return value;
}

void append_utf8(std::string& out, unsigned c) {
    auto const put = [&out](unsigned byte) { out.push_back(static_cast<char>(byte)); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xc0 | c >> 6);
        put(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        put(0xe0 | c >> 12);
        put(0x80 | (c >> 6 & 0x3f));
        put(0x80 | (c & 0x3f));
    } else {
        put(0xf0 | c >> 18);
        put(0x80 | (c >> 12 & 0x3f));
        put(0x80 | (c >> 6 & 0x3f));
        put(0x80 | (c & 0x3f));
    }
}

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Decodes `\uXXXX` (and its second half) whose digits begin at `i`; moves `i` behind it. False: a lone surrogate.
bool decode_unicode(std::string_view raw, std::size_t& i, std::string& out) {
    constexpr unsigned replacement = 0xfffd;
    int const first = hex4(raw, i);
    i = std::min(i + 4, raw.size());
    if (first < 0) {
        append_utf8(out, replacement);
        return false;
    }
    if (first < 0xd800 || first > 0xdfff) {
        append_utf8(out, static_cast<unsigned>(first));
        return true;
    }
    if (first < 0xdc00 && raw.substr(i, 2) == "\\u") {
        int const second = hex4(raw, i + 2);
        if (second >= 0xdc00 && second <= 0xdfff) {
            i += 6;
            append_utf8(out, 0x10000u + ((static_cast<unsigned>(first) - 0xd800u) << 10) +
                                 (static_cast<unsigned>(second) - 0xdc00u));
            return true;
        }
    }
    append_utf8(out, replacement);
    return false;
}

} // namespace

bool decode_string(std::string_view raw, std::string& out) {
    bool whole = true;
    out.reserve(out.size() + raw.size());
    for (std::size_t i = 0; i < raw.size();) {
        std::size_t const slash = raw.find('\\', i);
        out.append(raw.substr(i, slash - i));
        if (slash == std::string_view::npos) break;
        i = slash + 2;
        if (i > raw.size()) return false;
        switch (char const c = raw[slash + 1]) {
        case 'n': out.push_back('\n'); break;
        case 't': out.push_back('\t'); break;
        case 'r': out.push_back('\r'); break;
        case 'b': out.push_back('\b'); break;
        case 'f': out.push_back('\f'); break;
        case 'u': whole = decode_unicode(raw, i, out) && whole; break;
        default: out.push_back(c); break;
        }
    }
    return whole;
}

bool valid_utf8(std::string_view text) noexcept { return simdjson::validate_utf8(text.data(), text.size()); }

template <bool strict>
std::string_view Scanner<strict>::decoded_key(std::string_view raw) {
    key_text_.clear();
    (void)decode_string(raw, key_text_);
    return key_text_;
}

/// The rest of string(): p_ is at the first byte that is not plain.
template <bool strict>
Text Scanner<strict>::string_with_escapes(char const* begin) {
    bool escaped = false;
    while (true) {
        if (p_ == end_) {
            fail_at("the string is not closed", begin - 1);
            return {};
        }
        if (*p_ == '"') break;
        if (*p_ != '\\') {
            fail("control character in a string; write it as \\u00XX");
            return {};
        }
        escaped = true;
        if (!escape()) return {};
        p_ = find_string_stop<strict>(p_, end_, any_bits_);
    }
    Text const text{std::string_view(begin, static_cast<std::size_t>(p_ - begin)), escaped};
    ++p_;
    return text;
}

template <bool strict>
bool Scanner<strict>::escape() {
    if (end_ - p_ < 2) {
        fail("the string is not closed");
        return false;
    }
    if constexpr (!strict) {
        p_ += 2;
        return true;
    }
    switch (p_[1]) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't': p_ += 2; return true;
    case 'u':
        if (hex4(std::string_view(p_, static_cast<std::size_t>(std::min<std::ptrdiff_t>(end_ - p_, 6))), 2) < 0) {
            fail("\\u must be followed by four hex digits");
            return false;
        }
        p_ += 6;
        return true;
    default: fail("unknown escape in a string"); return false;
    }
}

template <bool strict>
std::string_view Scanner<strict>::number() {
    char const c = peek();
    char const* const begin = p_;
    if (p_ == end_) {
        fail("the text ends where a value is expected");
        return {};
    }
    if constexpr (!strict) {
        while (p_ < end_ && (is_digit(*p_) || *p_ == '-' || *p_ == '+' || *p_ == '.' || (*p_ | 0x20) == 'e')) ++p_;
        if (p_ == begin) fail("expected a value");
        return {begin, static_cast<std::size_t>(p_ - begin)};
    }
    auto const digits = [this] {
        char const* const first = p_;
        while (p_ < end_ && is_digit(*p_)) ++p_;
        return p_ != first;
    };
    if (c == '-') ++p_;
    if (p_ < end_ && *p_ == '0') {
        ++p_;
        if (p_ < end_ && is_digit(*p_)) return fail("a number must not begin with a zero"), std::string_view();
    } else if (!digits()) {
        return fail_at("expected a value", begin), std::string_view();
    }
    if (p_ < end_ && *p_ == '.') {
        ++p_;
        if (!digits()) return fail("expected a digit behind the decimal point"), std::string_view();
    }
    if (p_ < end_ && (*p_ | 0x20) == 'e') {
        ++p_;
        if (p_ < end_ && (*p_ == '+' || *p_ == '-')) ++p_;
        if (!digits()) return fail("expected a digit in the exponent"), std::string_view();
    }
    return {begin, static_cast<std::size_t>(p_ - begin)};
}

template <bool strict>
void Scanner<strict>::literal(std::string_view word) {
    (void)peek();
    if (static_cast<std::size_t>(end_ - p_) < word.size() || std::memcmp(p_, word.data(), word.size()) != 0)
        return fail("expected a value");
    p_ += word.size();
}

/// Passes the object or array that starts here by counting brackets outside of strings.
template <bool strict>
void Scanner<strict>::skip_nested() {
    BracketCounter counter;
    for (; end_ - p_ >= 64; p_ += 64)
        if (unsigned const behind = counter.feed(p_); behind <= 64) {
            p_ += behind;
            return;
        }
    char rest[64];
    std::memset(rest, ' ', sizeof rest);
    std::memcpy(rest, p_, static_cast<std::size_t>(end_ - p_));
    unsigned const behind = counter.feed(rest);
    if (behind > 64) return fail("the text ends inside an object or array");
    p_ += behind;
}

template class Scanner<true>;
template class Scanner<false>;

std::optional<std::int64_t> plain_integer(std::string_view number) noexcept {
    bool const negative = number.starts_with('-');
    if (negative) number.remove_prefix(1);
    if (number.empty()) return std::nullopt;
    std::int64_t value = 0;
    for (char const c : number) {
        if (!is_digit(c)) return std::nullopt;
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, c - '0', &value))
            return std::nullopt;
    }
    return negative ? -value : value;
}

std::string position_text(std::string_view text, std::size_t at) {
    at = std::min(at, text.size());
    auto const before = text.substr(0, at);
    auto const line = 1 + std::count(before.begin(), before.end(), '\n');
    std::size_t const newline = before.rfind('\n');
    std::size_t const column = newline == std::string_view::npos ? at + 1 : at - newline;
    return "line " + std::to_string(line) + ", column " + std::to_string(column) + " (byte " + std::to_string(at) + ")";
}

} // namespace tollgate::dialects::json
