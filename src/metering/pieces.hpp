#pragma once
// The inner loop of counting, shared by whole and incremental counts.
#include <string_view>

#include "metering/bpe/merge.hpp"
#include "metering/split/splitter.hpp"

namespace tollgate::metering {

/// Tokens of the piece [p, e); `end` bounds what may be read.
inline std::int64_t count_piece(Vocabulary const& v, char const* p, char const* e, char const* end) {
    auto const length = static_cast<std::size_t>(e - p);
    if (v.contains(p, length, end))
        return 1;
    return merge_piece(v, {p, length}, nullptr);
}

/// Calls `piece(begin, end)` for each piece of valid UTF-8 text, until one returns false.
template <Encoding encoding, class Piece>
void for_each_piece(std::string_view text, Splitter& splitter, Piece&& piece) {
    auto const* p = text.data();
    auto const* const end = p + text.size();
    while (p < end) {
        auto const* const e = splitter.next<encoding>(p);
        if (!piece(p, e))
            return;
        p = e;
    }
}

template <class Piece>
void for_each_piece(Encoding encoding, std::string_view text, Splitter& splitter, Piece&& piece) {
    if (encoding == Encoding::o200k_base)
        for_each_piece<Encoding::o200k_base>(text, splitter, piece);
    else
        for_each_piece<Encoding::cl100k_base>(text, splitter, piece);
}

} // namespace tollgate::metering
