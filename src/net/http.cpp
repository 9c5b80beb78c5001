#include "net/http.hpp"

#include <array>
#include <charconv>

namespace tollgate::net {
namespace {

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

struct StatusRow {
    int status;
    std::string_view line; ///< the whole status line, so that sending it copies once
};

constexpr std::array status_table{
    StatusRow{100, "HTTP/1.1 100 Continue\r\n"},
    StatusRow{101, "HTTP/1.1 101 Switching Protocols\r\n"},
    StatusRow{200, "HTTP/1.1 200 OK\r\n"},
    StatusRow{201, "HTTP/1.1 201 Created\r\n"},
    StatusRow{202, "HTTP/1.1 202 Accepted\r\n"},
    StatusRow{203, "HTTP/1.1 203 Non-Authoritative Information\r\n"},
    StatusRow{204, "HTTP/1.1 204 No Content\r\n"},
    StatusRow{205, "HTTP/1.1 205 Reset Content\r\n"},
    StatusRow{206, "HTTP/1.1 206 Partial Content\r\n"},
    StatusRow{207, "HTTP/1.1 207 Multi-Status\r\n"},
    StatusRow{300, "HTTP/1.1 300 Multiple Choices\r\n"},
    StatusRow{301, "HTTP/1.1 301 Moved Permanently\r\n"},
    StatusRow{302, "HTTP/1.1 302 Found\r\n"},
    StatusRow{303, "HTTP/1.1 303 See Other\r\n"},
    StatusRow{304, "HTTP/1.1 304 Not Modified\r\n"},
    StatusRow{307, "HTTP/1.1 307 Temporary Redirect\r\n"},
    StatusRow{308, "HTTP/1.1 308 Permanent Redirect\r\n"},
    StatusRow{400, "HTTP/1.1 400 Bad Request\r\n"},
    StatusRow{401, "HTTP/1.1 401 Unauthorized\r\n"},
    StatusRow{402, "HTTP/1.1 402 Payment Required\r\n"},
    StatusRow{403, "HTTP/1.1 403 Forbidden\r\n"},
    StatusRow{404, "HTTP/1.1 404 Not Found\r\n"},
    StatusRow{405, "HTTP/1.1 405 Method Not Allowed\r\n"},
    StatusRow{406, "HTTP/1.1 406 Not Acceptable\r\n"},
    StatusRow{408, "HTTP/1.1 408 Request Timeout\r\n"},
    StatusRow{409, "HTTP/1.1 409 Conflict\r\n"},
    StatusRow{410, "HTTP/1.1 410 Gone\r\n"},
    StatusRow{411, "HTTP/1.1 411 Length Required\r\n"},
    StatusRow{412, "HTTP/1.1 412 Precondition Failed\r\n"},
    StatusRow{413, "HTTP/1.1 413 Content Too Large\r\n"},
    StatusRow{414, "HTTP/1.1 414 URI Too Long\r\n"},
    StatusRow{415, "HTTP/1.1 415 Unsupported Media Type\r\n"},
    StatusRow{416, "HTTP/1.1 416 Range Not Satisfiable\r\n"},
    StatusRow{417, "HTTP/1.1 417 Expectation Failed\r\n"},
    StatusRow{421, "HTTP/1.1 421 Misdirected Request\r\n"},
    StatusRow{422, "HTTP/1.1 422 Unprocessable Content\r\n"},
    StatusRow{425, "HTTP/1.1 425 Too Early\r\n"},
    StatusRow{426, "HTTP/1.1 426 Upgrade Required\r\n"},
    StatusRow{428, "HTTP/1.1 428 Precondition Required\r\n"},
    StatusRow{429, "HTTP/1.1 429 Too Many Requests\r\n"},
    StatusRow{431, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
    StatusRow{451, "HTTP/1.1 451 Unavailable For Legal Reasons\r\n"},
    StatusRow{500, "HTTP/1.1 500 Internal Server Error\r\n"},
    StatusRow{501, "HTTP/1.1 501 Not Implemented\r\n"},
    StatusRow{502, "HTTP/1.1 502 Bad Gateway\r\n"},
    StatusRow{503, "HTTP/1.1 503 Service Unavailable\r\n"},
    StatusRow{504, "HTTP/1.1 504 Gateway Timeout\r\n"},
    StatusRow{505, "HTTP/1.1 505 HTTP Version Not Supported\r\n"},
    StatusRow{529, "HTTP/1.1 529 Overloaded\r\n"},
};

/// "HTTP/1.1 nnn Status\r\n" for every other three-digit status: providers invent some, and they are relayed.
struct OtherLines {
    static constexpr std::size_t width = 21;
    std::array<char, 900 * width> text{};
    constexpr OtherLines() {
        constexpr std::string_view shape = "HTTP/1.1 000 Status\r\n";
        for (std::size_t status = 100; status < 1000; ++status) {
            char* line = text.data() + (status - 100) * width;
            for (std::size_t i = 0; i < width; ++i) line[i] = shape[i];
            line[9] = static_cast<char>('0' + status / 100);
            line[10] = static_cast<char>('0' + status / 10 % 10);
            line[11] = static_cast<char>('0' + status % 10);
        }
    }
};
constexpr OtherLines other_lines;

/// Index into status_table by status, or -1: one load instead of a search per response.
struct StatusIndex {
    std::array<std::int8_t, 1000> row{};
    constexpr StatusIndex() {
        for (auto& r : row) r = -1;
        for (std::size_t i = 0; i < status_table.size(); ++i)
            row[static_cast<std::size_t>(status_table[i].status)] = static_cast<std::int8_t>(i);
    }
};
constexpr StatusIndex status_index;

} // namespace

bool iequals(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

std::optional<std::string_view> HeaderList::find(std::string_view name) const noexcept {
    for (auto const& item : items_)
        if (iequals(item.name, name)) return item.value;
    return std::nullopt;
}

std::size_t HeaderList::count(std::string_view name) const noexcept {
    std::size_t n = 0;
    for (auto const& item : items_) n += iequals(item.name, name);
    return n;
}

bool HeaderList::has_token(std::string_view name, std::string_view token) const noexcept {
    for (auto const& item : items_) {
        if (!iequals(item.name, name)) continue;
        std::string_view rest = item.value;
        while (!rest.empty()) {
            auto const comma = rest.find(',');
            if (iequals(trim(rest.substr(0, comma)), token)) return true;
            if (comma == std::string_view::npos) break;
            rest.remove_prefix(comma + 1);
        }
    }
    return false;
}

std::string_view status_line(int status) noexcept {
    if (status < 100 || status > 999) status = 500;
    auto const row = status_index.row[static_cast<std::size_t>(status)];
    if (row >= 0) return status_table[static_cast<std::size_t>(row)].line;
    return {other_lines.text.data() + static_cast<std::size_t>(status - 100) * OtherLines::width, OtherLines::width};
}

std::string_view reason_phrase(int status) noexcept {
    auto const line = status_line(status);
    return line.substr(13, line.size() - 15);
}

bool is_hop_by_hop(std::string_view name) noexcept {
    switch (name.size()) {
    case 2: return iequals(name, "te");
    case 7: return iequals(name, "trailer") || iequals(name, "upgrade");
    case 8: return iequals(name, "trailers");
    case 10: return iequals(name, "connection") || iequals(name, "keep-alive");
    case 16: return iequals(name, "proxy-connection");
    case 17: return iequals(name, "transfer-encoding");
    case 18: return iequals(name, "proxy-authenticate");
    case 19: return iequals(name, "proxy-authorization");
    default: return false;
    }
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
}

void append_header(std::string& out, std::string_view name, std::uint64_t value) {
    char digits[20];
    auto const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    append_header(out, name, std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

void append_chunk(std::string& out, std::string_view data) {
    if (data.empty()) return;
    char digits[16];
    auto const end = std::to_chars(digits, digits + sizeof digits, data.size(), 16).ptr;
    out.append(digits, static_cast<std::size_t>(end - digits)).append("\r\n").append(data).append("\r\n");
}

} // namespace tollgate::net
