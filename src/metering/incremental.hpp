#pragma once
// Counts text that arrives in pieces, exactly as if it were counted whole, without keeping it.
#include <cstdint>
#include <string>
#include <string_view>

#include "metering/tokenizer.hpp"

namespace tollgate::metering {

/// The encodings split text into pieces before merging bytes, and a piece is settled as soon as its match did
/// not look at the end of the text. So settled pieces are counted and dropped, and only the unsettled tail is
/// kept: usually one word, at most `tail_max` (a longer piece is cut there, which may add a token). Owned by
/// one stream; not thread-safe.
class IncrementalCounter {
public:
    static constexpr std::size_t tail_max = 4 * 1024;

    IncrementalCounter(Tokenizer const& tokenizer, Encoding encoding)
        : tokenizer_(tokenizer), encoding_(encoding) {}

    void append(std::string_view utf8);
    /// Tokens of everything appended so far, the tail counted as if the text ended here.
    std::int64_t count() const;
    /// The settled part alone: never shrinks, at most a few tokens behind count().
    std::int64_t settled() const noexcept { return settled_; }
    std::size_t memory_bytes() const noexcept { return tail_.capacity(); }

private:
    void settle();

    Tokenizer tokenizer_; // a value: it holds no state of its own
    Encoding encoding_;
    std::int64_t settled_ = 0;
    std::size_t settle_at_ = 256; // tail size at which splitting it is worth while
    std::string tail_;
};

} // namespace tollgate::metering
