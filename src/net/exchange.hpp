#pragma once
// One request on a server connection, as its handler sees it.
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "net/http.hpp"
#include "types/ip.hpp"

namespace tollgate::net {

namespace asio = boost::asio;
class ServerConnection;

/// Lives for one request, on its connection's I/O thread; used by one coroutine at a time. All views stay valid until
/// the handler returns. Neither copied nor moved.
///
/// A handler answers either with `respond` (head, framing and body in one go) or composes a head itself and streams
/// with `write`. What it leaves of the request body is drained if small, else the connection closes after the
/// response without losing it. An exception out of the handler is logged; the caller gets a 500 if nothing was sent.
class Exchange {
public:
    explicit Exchange(ServerConnection& connection) noexcept : connection_(connection) {}
    Exchange(Exchange const&) = delete;
    Exchange& operator=(Exchange const&) = delete;

    RequestHead const& head() const noexcept;
    IpAddress const& peer() const noexcept;
    std::uint16_t peer_port() const noexcept;
    bool tls() const noexcept;
    /// Monotonic nanoseconds (CLOCK_MONOTONIC, as SystemClock::steady_ns) of the head's first byte and of its last.
    std::int64_t first_byte_ns() const noexcept;
    std::int64_t head_complete_ns() const noexcept;

    /// The whole request body, decoded; sends 100 Continue first when the caller waits for it. May be called again
    /// (same view). Errors: payload_too_large (at once when content-length says so), request_timeout,
    /// invalid_request (broken chunking, or the caller went away).
    asio::awaitable<Result<std::string_view>> read_body(std::size_t max_bytes);
    /// The next stretch of a request body without buffering the whole: for streaming uploads. The piece is valid
    /// until the next call. Not to be mixed with read_body. Errors: as read_body, but for the limit.
    asio::awaitable<Result<Piece>> read_body_piece();
    /// Frees the memory of a body that read_body has returned, when nothing needs it any more (long streams).
    void release_body() noexcept;

    /// Sends a complete response in one gather write: status line, `header_lines` (each "name: value\r\n"; no
    /// framing or connection headers), content-length, date, connection, body. To HEAD, the body is left out.
    /// False: the caller is gone. Must not follow another response.
    asio::awaitable<bool> respond(int status, std::string_view header_lines, std::string_view body);

    /// Sends raw wire bytes, gathered; the handler has composed head and framing (compose_head). Returns when the
    /// kernel has all of them, so a slow caller holds the handler back. False: the caller is gone or did not read for
    /// the write timeout; later writes also return false.
    asio::awaitable<bool> write(std::span<std::string_view const> pieces);
    asio::awaitable<bool> write(std::string_view bytes);

    /// Appends a response head up to and including the empty line: status line, `header_lines`, the framing, and the
    /// connection header this exchange needs. `length` only counts for Framing::content_length. until_close marks
    /// the connection for closing. Chunked is only for callers with accepts_chunked().
    void compose_head(std::string& out, int status, std::string_view header_lines, Framing framing,
                      std::uint64_t length = 0);
    /// HTTP/1.0 callers cannot read chunked bodies: send them the data with Framing::until_close.
    bool accepts_chunked() const noexcept { return head().version_minor >= 1; }

    /// Wire bytes of the response so far.
    std::uint64_t bytes_sent() const noexcept;
    /// The connection closes after this response. Before the head is composed, so that it can say so.
    void mark_close() noexcept;
    /// True when the caller has closed or reset its side (one cheap system call, no wait).
    bool caller_gone() noexcept;

    /// After the handler has written a 101 head: the bytes that follow the request head, as the other protocol sends
    /// them. Empty view = the caller closed. The connection closes when the handler returns. Reads and writes of an
    /// upgraded exchange may be in flight at the same time. Errors: request_timeout after `idle_ms` without a byte
    /// (0 = wait forever).
    asio::awaitable<Result<std::string_view>> read_upgraded(std::int64_t idle_ms);

private:
    ServerConnection& connection_;
};

} // namespace tollgate::net
