#include "net/http_parse.hpp"

#include <array>
#include <cstring>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tollgate::net {
namespace {

struct CharTable {
    std::array<bool, 256> is{};
    constexpr bool operator[](char c) const noexcept { return is[static_cast<unsigned char>(c)]; }
};

constexpr CharTable make_token_table() {
    CharTable t;
    for (char c = '0'; c <= '9'; ++c) t.is[static_cast<unsigned char>(c)] = true;
    for (char c = 'a'; c <= 'z'; ++c) t.is[static_cast<unsigned char>(c)] = true;
    for (char c = 'A'; c <= 'Z'; ++c) t.is[static_cast<unsigned char>(c)] = true;
    for (char c : std::string_view("!#$%&'*+-.^_`|~")) t.is[static_cast<unsigned char>(c)] = true;
    return t;
}

constexpr CharTable make_target_table() {
    CharTable t;
    for (char c = 0x21; c < 0x7f; ++c) t.is[static_cast<unsigned char>(c)] = c != '#'; // a fragment never travels
    return t;
}

constexpr CharTable make_host_table() {
    CharTable t;
    for (char c = '0'; c <= '9'; ++c) t.is[static_cast<unsigned char>(c)] = true;
    for (char c = 'a'; c <= 'z'; ++c) t.is[static_cast<unsigned char>(c)] = true;
    for (char c = 'A'; c <= 'Z'; ++c) t.is[static_cast<unsigned char>(c)] = true;
    for (char c : std::string_view("-._~:[]%!$&'()*+;=")) t.is[static_cast<unsigned char>(c)] = true;
    return t;
}

constexpr CharTable token_chars = make_token_table();
constexpr CharTable target_chars = make_target_table();
constexpr CharTable host_chars = make_host_table();
constexpr std::size_t method_bytes_max = 32;

/// First control character (all below 0x20 but tab, and DEL) in [p, end), or end.
char const* find_control(char const* p, char const* end) noexcept {
#if defined(__SSE2__)
    auto const limit = _mm_set1_epi8(0x1f);
    auto const tab = _mm_set1_epi8('\t');
    auto const del = _mm_set1_epi8(0x7f);
    while (end - p >= 16) {
        auto const bytes = _mm_loadu_si128(reinterpret_cast<__m128i const*>(p));
        auto const low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, limit), bytes);
        auto const control = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), low), _mm_cmpeq_epi8(bytes, del));
        if (auto const mask = _mm_movemask_epi8(control); mask != 0) return p + __builtin_ctz(static_cast<unsigned>(mask));
        p += 16;
    }
#endif
    while (p != end && (static_cast<unsigned char>(*p) >= 0x20 || *p == '\t') && *p != 0x7f) ++p;
    return p;
}

ParseResult bad(int status, std::string_view message) noexcept { return {ParseState::bad, 0, status, message}; }
ParseResult more() noexcept { return {}; }

/// What need_more becomes once the limit is reached.
ParseResult out_of_bytes(std::size_t have, HeadLimits const& limits) noexcept {
    if (have >= limits.head_bytes) return bad(431, "The request line and headers are too large.");
    return more();
}

std::string_view view(char const* begin, char const* end) noexcept {
    return {begin, static_cast<std::size_t>(end - begin)};
}

/// Framing and connection headers, gathered while the fields are read; the same for both kinds of message.
struct Framer {
    std::optional<std::uint64_t> content_length;
    bool chunked = false;
    bool close = false;
    bool keep_alive = false;
    bool expect_continue = false;
    int hosts = 0;
    std::string_view host;

    /// Returns a bad result's message and sets `status`, or an empty view.
    std::string_view take(std::string_view name, std::string_view value, int& status) noexcept {
        status = 400;
        switch (name.size()) {
        case 4:
            if (iequals(name, "host")) {
                ++hosts;
                host = value;
            }
            return {};
        case 6:
            if (iequals(name, "expect")) {
                expect_continue = iequals(value, "100-continue");
                status = 417;
                if (!expect_continue) return "The only expectation supported is 100-continue.";
            }
            return {};
        case 10:
            if (iequals(name, "connection")) take_connection(value);
            return {};
        case 14: return iequals(name, "content-length") ? take_length(value) : std::string_view();
        case 17: return iequals(name, "transfer-encoding") ? take_encoding(value, status) : std::string_view();
        default: return {};
        }
    }

private:
    void take_connection(std::string_view value) noexcept {
        while (!value.empty()) {
            auto const comma = value.find(',');
            auto member = value.substr(0, comma);
            while (!member.empty() && (member.front() == ' ' || member.front() == '\t')) member.remove_prefix(1);
            while (!member.empty() && (member.back() == ' ' || member.back() == '\t')) member.remove_suffix(1);
            if (iequals(member, "close")) close = true;
            if (iequals(member, "keep-alive")) keep_alive = true;
            if (comma == std::string_view::npos) break;
            value.remove_prefix(comma + 1);
        }
    }
    std::string_view take_length(std::string_view value) noexcept {
        if (content_length) return "Send content-length only once.";
        if (value.empty() || value.size() > 18) return "content-length must be a plain number below 10^18.";
        std::uint64_t n = 0;
        for (char const c : value) {
            if (c < '0' || c > '9') return "content-length must be a plain number below 10^18.";
            n = n * 10 + static_cast<std::uint64_t>(c - '0');
        }
        content_length = n;
        return {};
    }
    std::string_view take_encoding(std::string_view value, int& status) noexcept {
        if (chunked) return "Send transfer-encoding only once.";
        if (!iequals(value, "chunked")) {
            status = 501;
            return "The only transfer-encoding supported is chunked.";
        }
        chunked = true;
        return {};
    }
};

/// Reads header fields from `p` up to and including the empty line.
ParseResult parse_fields(std::string_view bytes, char const* p, HeadLimits const& limits, HeaderList& headers,
                         Framer& framer) {
    char const* const end = bytes.data() + bytes.size();
    for (;;) {
        if (p == end) return out_of_bytes(bytes.size(), limits);
        if (*p == '\r') {
            if (end - p < 2) return out_of_bytes(bytes.size(), limits);
            if (p[1] != '\n') return bad(400, "A carriage return stands alone in the headers.");
            auto const consumed = static_cast<std::size_t>(p + 2 - bytes.data());
            if (consumed > limits.head_bytes) return bad(431, "The request line and headers are too large.");
            if (framer.chunked && framer.content_length)
                return bad(400, "Send either content-length or transfer-encoding, not both.");
            return {ParseState::complete, consumed, 0, {}};
        }
        if (*p == '\n') return bad(400, "Lines must end with CR LF.");
        if (*p == ' ' || *p == '\t') return bad(400, "Folded header lines are not supported.");
        char const* const name = p;
        while (p != end && token_chars[*p]) ++p;
        if (p == end) return out_of_bytes(bytes.size(), limits);
        if (*p == ' ' || *p == '\t') return bad(400, "There must be no space between a header's name and its colon.");
        if (*p != ':') return bad(400, "A header name contains a character that is not allowed.");
        if (p == name) return bad(400, "A header has no name.");
        char const* const name_end = p++;
        while (p != end && (*p == ' ' || *p == '\t')) ++p;
        char const* const value = p;
        p = find_control(p, end);
        if (p == end) return out_of_bytes(bytes.size(), limits);
        if (*p == '\n') return bad(400, "Lines must end with CR LF.");
        if (*p != '\r') return bad(400, "A header value contains a control character.");
        if (end - p < 2) return out_of_bytes(bytes.size(), limits);
        if (p[1] != '\n') return bad(400, "A carriage return stands alone in the headers.");
        char const* value_end = p;
        while (value_end != value && (value_end[-1] == ' ' || value_end[-1] == '\t')) --value_end;
        p += 2;
        if (headers.size() == limits.headers) return bad(431, "There are too many headers.");
        headers.add(view(name, name_end), view(value, value_end));
        int status = 0;
        if (auto const wrong = framer.take(view(name, name_end), view(value, value_end), status); !wrong.empty())
            return bad(status, wrong);
    }
}

/// "HTTP/1.x" at p (8 bytes present). Returns the minor version or -1.
int version_at(char const* p) noexcept {
    if (std::memcmp(p, "HTTP/1.", 7) != 0) return -1;
    return p[7] == '1' ? 1 : p[7] == '0' ? 0 : -1;
}

/// Splits the target into path and query; false = not a form we serve.
bool split_target(RequestHead& head, std::string_view& authority) noexcept {
    std::string_view rest = head.target;
    if (rest.front() != '/') {
        if (rest == "*") {
            head.path = rest;
            return head.method == "OPTIONS";
        }
        // absolute-form: must be understood by servers (RFC 9112 3.2.2)
        std::size_t const scheme = iequals(rest.substr(0, 7), "http://") ? 7 : iequals(rest.substr(0, 8), "https://") ? 8 : 0;
        if (scheme == 0) return false;
        rest.remove_prefix(scheme);
        auto const slash = rest.find_first_of("/?");
        authority = rest.substr(0, slash);
        rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
        if (authority.empty()) return false;
    }
    auto const question = rest.find('?');
    head.path = rest.substr(0, question);
    if (head.path.empty()) head.path = "/";
    if (question != std::string_view::npos) head.query = rest.substr(question + 1);
    return true;
}

/// Method, target, version and CR LF. On success `p` stands behind the line.
ParseResult parse_request_line(std::string_view bytes, char const*& p, HeadLimits const& limits, RequestHead& out) {
    char const* const end = bytes.data() + bytes.size();
    char const* const method = p;
    while (p != end && token_chars[*p]) ++p;
    if (static_cast<std::size_t>(p - method) > method_bytes_max) return bad(400, "The method is too long.");
    if (p == end) return out_of_bytes(bytes.size(), limits);
    if (*p != ' ' || p == method) return bad(400, "The request line must be: METHOD, one space, target, one space, HTTP/1.1.");
    out.method = view(method, p);
    char const* const target = ++p;
    while (p != end && target_chars[*p]) ++p;
    if (static_cast<std::size_t>(p - target) > limits.target_bytes) return bad(414, "The request target is too long.");
    if (p == end) return out_of_bytes(bytes.size(), limits);
    if (*p != ' ' || p == target)
        return bad(400, "The request target is missing or contains a character that must be percent-encoded.");
    out.target = view(target, p++);
    if (end - p < 10) {
        // Refuse at once what cannot become a version, so that garbage is not waited for.
        auto const have = view(p, end).substr(0, 5);
        if (have != std::string_view("HTTP/").substr(0, have.size()))
            return bad(400, "The request line must end with HTTP/1.1.");
        return out_of_bytes(bytes.size(), limits);
    }
    out.version_minor = version_at(p);
    if (out.version_minor < 0) {
        if (std::memcmp(p, "HTTP/", 5) == 0) return bad(505, "Use HTTP/1.1.");
        return bad(400, "The request line must end with HTTP/1.1.");
    }
    if (p[8] != '\r' || p[9] != '\n') return bad(400, "The request line must end with HTTP/1.1, CR LF.");
    p += 10;
    return {ParseState::complete, 0, 0, {}};
}

bool valid_host(std::string_view host) noexcept {
    for (char const c : host)
        if (!host_chars[c]) return false;
    return true;
}

} // namespace

ParseResult parse_request_head(std::string_view bytes, HeadLimits const& limits, RequestHead& out) {
    out.headers.clear();
    out.query = {};
    char const* p = bytes.data();
    if (bytes.size() >= 2 && p[0] == '\r' && p[1] == '\n') p += 2; // left over by some clients after a POST body
    else if (bytes == "\r") return more();
    if (auto const line = parse_request_line(bytes, p, limits, out); line.state != ParseState::complete) return line;
    Framer framer;
    auto const result = parse_fields(bytes, p, limits, out.headers, framer);
    if (result.state != ParseState::complete) return result;

    std::string_view authority;
    if (out.method == "CONNECT") return bad(501, "CONNECT is not supported.");
    if (!split_target(out, authority)) return bad(400, "The request target must start with '/'.");
    if (framer.hosts > 1) return bad(400, "Send the host header only once.");
    if (framer.hosts == 0 && out.version_minor == 1) return bad(400, "The host header is missing.");
    if (!valid_host(framer.host)) return bad(400, "The host header contains a character that is not allowed.");
    if (!authority.empty() && framer.hosts == 1 && !iequals(authority, framer.host))
        return bad(400, "The request target and the host header name different hosts.");
    if (framer.chunked && out.version_minor == 0) return bad(400, "HTTP/1.0 has no transfer-encoding.");
    out.content_length = framer.content_length;
    out.chunked = framer.chunked;
    out.keep_alive = !framer.close && (out.version_minor == 1 || framer.keep_alive);
    out.expect_continue = framer.expect_continue && out.version_minor == 1;
    return result;
}

ParseResult parse_response_head(std::string_view bytes, bool to_head, HeadLimits const& limits, ResponseHead& out) {
    out.headers.clear();
    out.reason = {};
    out.content_length = 0;
    char const* p = bytes.data();
    char const* const end = p + bytes.size();
    auto const first = bytes.substr(0, 7);
    if (first != std::string_view("HTTP/1.").substr(0, first.size())) return bad(502, "The answer is not HTTP/1.x.");
    if (bytes.size() < 14) return out_of_bytes(bytes.size(), limits);
    out.version_minor = version_at(p);
    if (out.version_minor < 0) return bad(502, "The answer is not HTTP/1.0 or 1.1.");
    auto const digit = [&](int i) { return p[i] >= '0' && p[i] <= '9'; };
    if (p[8] != ' ' || p[9] == '0' || !digit(9) || !digit(10) || !digit(11))
        return bad(502, "The answer has a malformed status line.");
    out.status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    p += 12;
    if (*p != ' ' && *p != '\r') return bad(502, "The answer has a malformed status line.");
    if (*p == ' ') ++p;
    char const* const reason = p;
    p = find_control(p, end);
    if (p == end || (*p == '\r' && end - p < 2)) return out_of_bytes(bytes.size(), limits);
    if (*p != '\r' || p[1] != '\n') return bad(502, "The answer has a malformed status line.");
    out.reason = view(reason, p);
    p += 2;

    Framer framer;
    auto result = parse_fields(bytes, p, limits, out.headers, framer);
    if (result.state == ParseState::bad) result.status = 502;
    if (result.state != ParseState::complete) return result;
    if (framer.chunked && out.version_minor == 0) return bad(502, "The answer mixes HTTP/1.0 with transfer-encoding.");
    out.keep_alive = !framer.close && (out.version_minor == 1 || framer.keep_alive);
    if (to_head || out.status < 200 || out.status == 204 || out.status == 304) {
        out.framing = Framing::none;
        // A body where none may be would be read as the next answer.
        if (!to_head && out.status != 304 && (framer.chunked || framer.content_length.value_or(0) > 0)) out.keep_alive = false;
    } else if (framer.chunked) {
        out.framing = Framing::chunked;
    } else if (framer.content_length) {
        out.framing = Framing::content_length;
    } else {
        out.framing = Framing::until_close;
        out.keep_alive = false;
    }
    out.content_length = framer.content_length.value_or(0);
    return result;
}

bool is_token(std::string_view text) noexcept {
    for (char const c : text)
        if (!token_chars[c]) return false;
    return !text.empty();
}

bool is_field_value(std::string_view text) noexcept {
    return find_control(text.data(), text.data() + text.size()) == text.data() + text.size();
}

} // namespace tollgate::net
