#pragma once
// A forward scanner over JSON text that keeps byte positions, copies nothing and needs no padding. Strict (callers'
// bodies: everything that is passed is validated) or loose (providers' replies: only structure is followed, fast).
// Not for building trees: the rest of the program uses Boost.JSON for that.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "dialects/ask.hpp"
#include "dialects/json/simd.hpp"

namespace tollgate::dialects::json {

/// A string value: the bytes between its quotes as written.
struct Text {
    std::string_view raw;
    bool escaped = false;
};

/// The hook of a skip that looks for nothing.
struct NoHook {
    bool operator()(std::string_view) const { return false; }
};

/// Appends the decoded text. Lone surrogates become U+FFFD; returns false when there was one.
bool decode_string(std::string_view raw, std::string& out);

/// True when `text` is valid UTF-8.
bool valid_utf8(std::string_view text) noexcept;

/// After a failure every member returns at once and the position is the end, so loops run out by themselves.
template <bool strict>
class Scanner {
public:
    explicit Scanner(std::string_view text) : base_(text.data()), p_(text.data()), end_(text.data() + text.size()) {}

    bool failed() const { return error_ != nullptr; }
    char const* error() const { return error_; }
    std::size_t error_at() const { return error_at_; }
    /// Non-ASCII bytes were passed (strict only): the text must still be checked as UTF-8.
    bool saw_non_ascii() const { return (any_bits_ & 0x80) != 0; }

    std::string_view text() const { return {base_, static_cast<std::size_t>(end_ - base_)}; }
    std::size_t offset() const { return static_cast<std::size_t>(p_ - base_); }
    /// The next byte that is not white space; 0 at the end.
    char peek() {
        if (p_ < end_ && static_cast<unsigned char>(*p_) > ' ') [[likely]] return *p_;
        while (p_ < end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\r' || *p_ == '\t')) ++p_;
        return p_ < end_ ? *p_ : '\0';
    }
    /// Offset of the opening quote of the member name last given to an object() callback.
    std::size_t key_begin() const { return key_begin_; }

    /// Calls `member(std::string_view name)` for each member of the object that starts here; it must consume exactly
    /// the value. The name is decoded and valid until the next string is read. Fails when there is no object.
    template <class F>
    void object(F&& member) {
        if (!enter('{', "expected '{'")) return;
        if (peek() == '}') return leave();
        while (true) {
            if (peek() != '"') return fail("expected a member name in double quotes");
            std::size_t const begin = offset();
            std::string_view const name = key();
            if (peek() != ':') return fail("expected ':' behind the member name");
            ++p_;
            key_begin_ = begin;
            member(name);
            if (failed()) return;
            char const c = peek();
            if (c == '}') return leave();
            if (c != ',') return fail("expected ',' or '}'");
            ++p_;
        }
    }
    /// Calls `element()` for each element of the array that starts here.
    template <class F>
    void array(F&& element) {
        if (!enter('[', "expected '['")) return;
        if (peek() == ']') return leave();
        while (true) {
            element();
            if (failed()) return;
            char const c = peek();
            if (c == ']') return leave();
            if (c != ',') return fail("expected ',' or ']'");
            ++p_;
        }
    }
    /// Passes one value of any kind.
    void skip() { skip(NoHook()); }
    /// The same; `hook(name)` is asked at every member on the way and returns true when it consumed the value itself.
    template <class Hook>
    void skip(Hook&& hook) {
        switch (peek()) {
        case '"': (void)string(); return;
        case '{':
            if constexpr (!strict && std::is_same_v<std::remove_cvref_t<Hook>, NoHook>) return skip_nested();
            return object([&](std::string_view name) {
                if (!hook(name)) skip(hook);
            });
        case '[':
            if constexpr (!strict && std::is_same_v<std::remove_cvref_t<Hook>, NoHook>) return skip_nested();
            return array([&] { skip(hook); });
        case 't': return literal("true");
        case 'f': return literal("false");
        case 'n': return literal("null");
        default: (void)number(); return;
        }
    }
    /// The string value that starts here.
    Text string() {
        if (peek() != '"') {
            fail("expected a string");
            return {};
        }
        char const* const begin = ++p_;
        p_ = find_string_stop<strict>(p_, end_, any_bits_);
        if (p_ == end_ || *p_ != '"') [[unlikely]] return string_with_escapes(begin);
        return Text{std::string_view(begin, static_cast<std::size_t>(p_++ - begin)), false};
    }
    /// The number's text; checked against the JSON grammar when strict.
    std::string_view number();
    /// true, false or null.
    void literal(std::string_view word);
    /// Consumes a null if there is one.
    bool null() {
        if (peek() != 'n') return false;
        literal("null");
        return !failed();
    }
    void fail(char const* what) { fail_at(what, p_); }
    /// Nothing but white space may follow.
    void expect_end() {
        if (!failed() && peek() != '\0') fail("unexpected text behind the value");
        if (!failed() && p_ < end_) fail("unexpected NUL byte behind the value");
    }

private:
    bool enter(char bracket, char const* message) {
        if (peek() != bracket || p_ == end_) {
            fail(message);
            return false;
        }
        if (++depth_ > json_depth_max) {
            fail("nested too deeply (more than 256 levels)");
            return false;
        }
        ++p_;
        return true;
    }
    void leave() {
        ++p_;
        --depth_;
    }
    std::string_view key() {
        Text const name = string();
        return name.escaped ? decoded_key(name.raw) : name.raw;
    }
    std::string_view decoded_key(std::string_view raw);
    Text string_with_escapes(char const* begin);
    bool escape();
    void skip_nested();
    void fail_at(char const* what, char const* at) {
        if (error_ == nullptr) {
            error_ = what;
            error_at_ = static_cast<std::size_t>(at - base_);
        }
        p_ = end_;
    }

    char const* base_;
    char const* p_;
    char const* end_;
    char const* error_ = nullptr;
    std::size_t error_at_ = 0;
    std::size_t key_begin_ = 0;
    int depth_ = 0;
    unsigned any_bits_ = 0;
    std::string key_text_; // a member name that had escapes
};

extern template class Scanner<true>;
extern template class Scanner<false>;
using StrictScanner = Scanner<true>;
using LooseScanner = Scanner<false>;

/// The integer a number's text states, when it is written as a plain integer and fits; nullopt otherwise.
std::optional<std::int64_t> plain_integer(std::string_view number) noexcept;

/// "line 3, column 7 (byte 42)", all but the byte counted from 1.
std::string position_text(std::string_view text, std::size_t at);

} // namespace tollgate::dialects::json
