#pragma once
// Strict HTTP/1.x head parsers: pure functions over bytes, no I/O. What is ambiguous is refused, because two parsers
// that disagree about a message are how requests are smuggled: one framing only, no obs-fold, no bare CR or LF, no
// space before a colon, no control characters.
#include <cstddef>
#include <string_view>

#include "net/http.hpp"

namespace tollgate::net {

struct HeadLimits {
    std::size_t head_bytes = 32 * 1024;  ///< request or status line and headers together; over it: 431
    std::size_t target_bytes = 8 * 1024; ///< over it: 414
    std::size_t headers = 100;           ///< over it: 431
};

enum class ParseState : unsigned char { complete, need_more, bad };

struct ParseResult {
    ParseState state = ParseState::need_more;
    std::size_t consumed = 0;     ///< bytes of the head, when complete; the body starts there
    int status = 0;               ///< when bad: the answer it deserves (400, 414, 417, 431, 501, 505; 502 for responses)
    std::string_view message = {}; ///< when bad: what to change; static text
};

/// Parses a request head at the start of `bytes`; the views in `out` point into `bytes`. Call again with more bytes
/// after need_more (from the start; the cost is bounded by the limits). One empty line before the head is tolerated.
/// On need_more and bad, `out` is unspecified.
ParseResult parse_request_head(std::string_view bytes, HeadLimits const& limits, RequestHead& out);

/// The same for a response. `to_head` = it answers a HEAD request, so no body follows.
ParseResult parse_response_head(std::string_view bytes, bool to_head, HeadLimits const& limits, ResponseHead& out);

/// True for a header name or method: one or more RFC 9110 token characters.
bool is_token(std::string_view text) noexcept;
/// True when `text` may be written as a header value: visible ASCII, space, tab and bytes ≥ 0x80.
bool is_field_value(std::string_view text) noexcept;

} // namespace tollgate::net
