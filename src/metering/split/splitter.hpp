#pragma once
// Splits text into the pieces within which bytes are merged: the encodings' regular expressions, written out
// by hand with their backtracking resolved, because a general engine costs several times the merging itself.
//
// o200k_base  [^\r\n\p{L}\p{N}]?[UP]*[LO]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//           | [^\r\n\p{L}\p{N}]?[UP]+[LO]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//           | \p{N}{1,3} |  ?[^\s\p{L}\p{N}]+[\r\n/]* | \s*[\r\n]+ | \s+(?!\S) | \s+
//             where UP = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] and LO = [\p{Ll}\p{Lm}\p{Lo}\p{M}]
// cl100k_base '(?i:[sdmt]|ll|ve|re) | [^\r\n\p{L}\p{N}]?\p{L}+ | \p{N}{1,3} |  ?[^\s\p{L}\p{N}]+[\r\n]*
//           | \s+$ | \s*[\r\n] | \s+(?!\S) | \s
#include "metering/split/char_class.hpp"
#include "metering/tokenizer.hpp"

namespace tollgate::metering {

/// Cuts pieces off valid UTF-8. `looked_at_end` stays set once a match depended on where the text ends: from
/// that piece on, more text could change the split.
class Splitter {
public:
    Splitter(ClassTable const& table, char const* end) noexcept : table_(table), end_(end) {}

    /// End of the piece that begins at p (p < end).
    template <Encoding encoding>
    char const* next(char const* p) noexcept {
        if constexpr (encoding == Encoding::o200k_base)
            return next_o200k(p);
        else
            return next_cl100k(p);
    }
    bool looked_at_end = false;

private:
    cls::Char read(char const* p) const noexcept { return cls::read(p, table_); }

    /// Skips characters that have any of `bits`.
    char const* run_of(std::uint8_t bits, char const* p) noexcept {
        while (p < end_) {
            auto const c = read(p);
            if (!(c.bits & bits))
                return p;
            p = c.next;
        }
        looked_at_end = true;
        return p;
    }

    char const* next_o200k(char const* p) noexcept {
        using namespace cls;
        auto const first = read(p);
        if (first.bits & letter) {
            auto const w = word(p);
            return contraction_or(w.lower_end ? w.lower_end : w.upper_end);
        }
        if (first.bits & number)
            return number_run(first.next);
        if (!(first.bits & newline)) { // the optional first character of a word
            auto const w = word(first.next);
            if (w.lower_end)
                return contraction_or(w.lower_end);
            if (first.bits & (upper | lower)) { // a mark: it can also be the word itself
                auto const alone = word(p);
                if (alone.lower_end)
                    return contraction_or(alone.lower_end);
            }
            if (w.upper_end)
                return contraction_or(w.upper_end);
        }
        if (auto const e = symbols(p, first, true))
            return e;
        return blank_o200k(p);
    }

    char const* next_cl100k(char const* p) noexcept {
        using namespace cls;
        auto const first = read(p);
        if (*p == '\'') {
            auto const e = contraction_or(p);
            if (e != p)
                return e;
        }
        if (first.bits & letter)
            return run_of(letter, first.next);
        if (first.bits & number)
            return number_run(first.next);
        if (!(first.bits & newline)) {
            auto const e = run_of(letter, first.next);
            if (e != first.next)
                return e;
        }
        if (auto const e = symbols(p, first, false))
            return e;
        return blank_cl100k(p);
    }

    /// Where `[UP]*[LO]+` and `[UP]+[LO]*` end when begun at p; null where they do not match.
    struct Word {
        char const* lower_end;
        char const* upper_end;
    };
    Word word(char const* p) noexcept {
        using namespace cls;
        char const* both_end =
            nullptr; // after the last character of the run that is UP and LO: where [UP]* backs off to
        auto q = p;
        for (;;) {
            if (q >= end_) {
                looked_at_end = true;
                break;
            }
            auto const c = read(q);
            if (!(c.bits & upper)) {
                if (c.bits & lower)
                    return {run_of(lower, c.next), nullptr};
                break;
            }
            q = c.next;
            if (c.bits & lower)
                both_end = q;
        }
        return {both_end, q > p ? q : nullptr};
    }

    /// Past a `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll`, `'d` at p in either case, else p.
    char const* contraction_or(char const* p) noexcept {
        if (p >= end_) {
            looked_at_end = true;
            return p;
        }
        if (*p != '\'')
            return p;
        if (end_ - p < 3)
            looked_at_end = true;
        if (end_ - p < 2)
            return p;
        auto const first = p[1] | 0x20;
        if (first == 's' || first == 't' || first == 'm' || first == 'd')
            return p + 2;
        if (end_ - p < 3)
            return p;
        // The long s folds to s where case does not matter.
        if (static_cast<unsigned char>(p[1]) == 0xc5 && static_cast<unsigned char>(p[2]) == 0xbf)
            return p + 3;
        auto const second = p[2] | 0x20;
        if ((first == 'l' && second == 'l') || ((first == 'v' || first == 'r') && second == 'e'))
            return p + 3;
        return p;
    }

    /// Up to two more numbers.
    char const* number_run(char const* p) noexcept {
        for (int more = 0; more < 2; ++more) {
            if (p >= end_) {
                looked_at_end = true;
                return p;
            }
            auto const c = read(p);
            if (!(c.bits & cls::number))
                return p;
            p = c.next;
        }
        return p;
    }

    /// ` ?[^\s\p{L}\p{N}]+[\r\n]*` (and slashes among the line ends), or null.
    char const* symbols(char const* p, cls::Char first, bool slashes) noexcept {
        using namespace cls;
        constexpr std::uint8_t not_symbol = space | letter | number;
        auto q = p;
        if (*p == ' ') {
            q = first.next;
            if (q >= end_) {
                looked_at_end = true;
                return nullptr;
            }
        }
        auto const begin = q;
        for (;;) {
            if (q >= end_) {
                looked_at_end = true;
                break;
            }
            auto const c = read(q);
            if (c.bits & not_symbol)
                break;
            q = c.next;
        }
        if (q == begin)
            return nullptr;
        while (q < end_ && (*q == '\n' || *q == '\r' || (slashes && *q == '/')))
            ++q;
        if (q >= end_)
            looked_at_end = true;
        return q;
    }

    /// A run of white space: its end, the start of its last character, and the place after its last line end.
    struct Blank {
        char const* end;
        char const* last;
        char const* line_end;
    };
    Blank blank(char const* p) noexcept {
        Blank b{p, p, nullptr};
        while (b.end < end_) {
            auto const c = read(b.end);
            if (!(c.bits & cls::space))
                return b;
            b.last = b.end;
            b.end = c.next;
            if (c.bits & cls::newline)
                b.line_end = c.next;
        }
        looked_at_end = true;
        return b;
    }
    /// What is left of a run when the last character goes to the word behind it.
    char const* all_but_last(char const* p, Blank const& b) const noexcept {
        return b.end == end_ || b.last == p ? b.end : b.last;
    }
    char const* blank_o200k(char const* p) noexcept {
        auto const b = blank(p);
        return b.line_end ? b.line_end : all_but_last(p, b);
    }
    char const* blank_cl100k(char const* p) noexcept {
        auto const b = blank(p);
        if (b.end == end_)
            return b.end;
        return b.line_end ? b.line_end : all_but_last(p, b);
    }

    ClassTable table_;
    char const* end_;
};

} // namespace tollgate::metering
