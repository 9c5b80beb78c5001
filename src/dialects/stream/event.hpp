#pragma once
// Event boundaries and fields: what the scanner and the tap share.
#include <cstddef>
#include <string>
#include <string_view>

#include "dialects/sse.hpp"

namespace tollgate::dialects {

inline bool is_line_end(char c) noexcept { return c == '\n' || c == '\r'; }

/// Reads the fields of one event's text into `event` (event and data only; several data lines are joined in
/// `joined`). False when it has no data line.
bool read_event(std::string_view text, std::string& joined, SseEvent& event);

/// Offset behind the first blank line of `text`, or npos. `previous` = the byte before `text` in the stream ('\n' at
/// its start): it decides whether a line end at once is a blank line, and whether an LF completes a CRLF.
std::size_t first_event_end(std::string_view text, char previous) noexcept;

/// Offset behind the last blank line of `text`, which begins at an event boundary; 0 when there is none.
std::size_t last_event_end(std::string_view text) noexcept;

} // namespace tollgate::dialects
