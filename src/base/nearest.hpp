#pragma once
#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

namespace tollgate {

/// The number of single-character edits (Levenshtein) that turn `a` into `b`. For messages: O(|a|·|b|).
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            auto const up = row[j];
            row[j] = std::min({up + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1] ? 1 : 0)});
            diagonal = up;
        }
    }
    return row[b.size()];
}

/// The name out of `names` (a range of text) that a misspelt `text` most likely means; empty when there are none.
/// Only the first 64 characters of `text` count.
template <class Names>
std::string_view nearest_name(std::string_view text, Names const& names) {
    std::string_view best;
    std::size_t best_distance = ~std::size_t{0};
    for (std::string_view const name : names) {
        auto const d = edit_distance(text.substr(0, 64), name);
        if (d < best_distance) {
            best_distance = d;
            best = name;
        }
    }
    return best;
}

} // namespace tollgate
