#pragma once
// The nouns of HTTP/1.1 as both legs use them. Everything is a view into a connection's buffer: nothing is copied,
// and nothing outlives the exchange (server leg) or the Response (upstream leg) it came from.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tollgate::net {

struct HeaderView {
    std::string_view name;  ///< as sent; compare with iequals
    std::string_view value; ///< without surrounding spaces and tabs; may be empty
};

/// ASCII case-insensitive equality: header names, tokens.
bool iequals(std::string_view a, std::string_view b) noexcept;

/// The headers of one message, in the order sent. Keeps its storage from message to message.
class HeaderList {
public:
    /// First value of `name` (any case), or nullopt when absent.
    std::optional<std::string_view> find(std::string_view name) const noexcept;
    /// How often `name` occurs.
    std::size_t count(std::string_view name) const noexcept;
    /// True when one of the comma-separated members of any `name` header equals `token` (any case).
    bool has_token(std::string_view name, std::string_view token) const noexcept;

    auto begin() const noexcept { return items_.begin(); }
    auto end() const noexcept { return items_.end(); }
    std::size_t size() const noexcept { return items_.size(); }
    bool empty() const noexcept { return items_.empty(); }
    HeaderView const& operator[](std::size_t i) const noexcept { return items_[i]; }

    void clear() noexcept { items_.clear(); }
    void add(std::string_view name, std::string_view value) { items_.push_back({name, value}); }

private:
    std::vector<HeaderView> items_;
};

struct RequestHead {
    std::string_view method; ///< as sent; methods are case-sensitive
    std::string_view target; ///< as sent: "/v1/models?limit=3"
    std::string_view path;   ///< target up to '?', still percent-encoded; starts with '/' (or is "*" for OPTIONS)
    std::string_view query;  ///< after '?', without it; empty when absent
    HeaderList headers;
    int version_minor = 1;                       ///< HTTP/1.0 or HTTP/1.1
    std::optional<std::uint64_t> content_length; ///< never together with `chunked`
    bool chunked = false;
    bool keep_alive = true;       ///< what the caller asked for (1.1: unless `close`; 1.0: only with `keep-alive`)
    bool expect_continue = false; ///< waits for 100 before it sends the body

    bool has_body() const noexcept { return chunked || content_length.value_or(0) > 0; }
    std::optional<std::string_view> find(std::string_view name) const noexcept { return headers.find(name); }
};

/// How the end of a body is found.
enum class Framing : std::uint8_t {
    none,           ///< no body: HEAD, 1xx, 204, 304
    content_length, ///< exactly that many bytes
    chunked,        ///< until the last chunk and its trailers
    until_close     ///< until the peer closes; the connection cannot be reused
};

struct ResponseHead {
    int status = 0;          ///< 100–999
    std::string_view reason; ///< may be empty
    HeaderList headers;
    int version_minor = 1;
    Framing framing = Framing::none;
    std::uint64_t content_length = 0; ///< only with Framing::content_length
    bool keep_alive = true;           ///< the peer lets this connection be reused

    std::optional<std::string_view> find(std::string_view name) const noexcept { return headers.find(name); }
};

/// A stretch of a body as it came off the wire.
struct Piece {
    /// The bytes with their framing intact (chunk sizes, trailers): relay them untouched under the same framing.
    std::string_view raw;
    /// The payload inside `raw`, in order. One element unless the body is chunked.
    std::span<std::string_view const> data;
    /// The message is complete with this piece; `raw` may then be empty.
    bool last = false;
    /// `raw` ends between two chunks (always true of other framings): a relay may say something of its own here.
    bool between_chunks = true;
};

/// "HTTP/1.1 200 OK\r\n"; an unknown status gets the reason "Status".
std::string_view status_line(int status) noexcept;
std::string_view reason_phrase(int status) noexcept;

/// The headers a proxy must not pass on (RFC 9110 7.6.1): connection, keep-alive, proxy-*, te, trailer,
/// transfer-encoding, upgrade. The members named by `connection` are the caller's to check.
bool is_hop_by_hop(std::string_view name) noexcept;

/// Appends "name: value\r\n".
void append_header(std::string& out, std::string_view name, std::string_view value);
void append_header(std::string& out, std::string_view name, std::uint64_t value);

/// Appends one chunk with its framing; empty data appends nothing (it would end the body).
void append_chunk(std::string& out, std::string_view data);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

} // namespace tollgate::net
