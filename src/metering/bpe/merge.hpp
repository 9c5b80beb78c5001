#pragma once
// Byte-pair merging of one piece: adjacent tokens merge in rank order, leftmost first, until nothing merges.
#include <cstdint>
#include <string_view>
#include <vector>

#include "metering/vocabulary/vocabulary.hpp"

namespace tollgate::metering {

/// A longer piece is merged in parts of this size, which bounds memory (20 bytes per byte) and time.
inline constexpr std::size_t piece_max = 1024 * 1024;

/// Tokens that `piece` (not empty) merges into; they are appended to `out` unless it is null.
std::int64_t merge_piece(Vocabulary const& vocabulary, std::string_view piece,
                         std::vector<std::uint32_t>* out);

} // namespace tollgate::metering
