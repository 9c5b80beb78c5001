#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace tollgate::metering {

/// Bytes of the longest valid UTF-8 prefix.
std::size_t valid_utf8_prefix(std::string_view text) noexcept;
/// Bytes at the end that begin a character which is not complete yet (0–3); the text before them may be
/// invalid.
std::size_t incomplete_utf8_suffix(std::string_view text) noexcept;
/// A valid copy: each maximal invalid subpart becomes one U+FFFD, as the WHATWG encoding standard says.
std::string replace_invalid_utf8(std::string_view text);

} // namespace tollgate::metering
