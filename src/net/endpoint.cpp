#include "net/endpoint.hpp"

#include <algorithm>
#include <charconv>

#include "net/http.hpp"
#include "types/ip.hpp"

namespace tollgate::net {
namespace {

struct Authority {
    std::string host;
    std::optional<std::uint16_t> port;
};

bool is_name_char(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

Result<Authority> parse_authority(std::string_view text, std::string_view url) {
    auto const wrong = [&](std::string_view what) {
        return fail(Errc::invalid_request, "The address '" + std::string(url) + "' " + std::string(what));
    };
    Authority out;
    std::string_view port;
    if (text.starts_with('[')) {
        auto const close = text.find(']');
        if (close == std::string_view::npos) return wrong("has a '[' without ']'.");
        out.host = text.substr(1, close - 1);
        auto const ip = parse_ip(out.host);
        if (!ip) return wrong("has no valid IPv6 address between its brackets.");
        auto const rest = text.substr(close + 1);
        if (!rest.empty() && rest.front() != ':') return wrong("has something other than a port after ']'.");
        if (!rest.empty()) port = rest;
    } else {
        auto const colon = text.find(':');
        out.host = text.substr(0, colon);
        if (colon != std::string_view::npos) port = text.substr(colon);
        std::transform(out.host.begin(), out.host.end(), out.host.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        if (out.host.empty()) return wrong("has no host name.");
        if (out.host.size() > 253 || !std::all_of(out.host.begin(), out.host.end(), is_name_char))
            return wrong("has a host name with characters that are not allowed (use punycode for other scripts).");
    }
    if (!port.empty()) {
        unsigned value = 0;
        auto const digits = port.substr(1);
        auto const [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (ec != std::errc() || end != digits.data() + digits.size() || value == 0 || value > 65535)
            return wrong("has a port that is not a number from 1 to 65535.");
        out.port = static_cast<std::uint16_t>(value);
    }
    return out;
}

std::string base64(std::string_view in) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < in.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t j = 0; j < 3; ++j)
            group = group << 8 | (i + j < in.size() ? static_cast<unsigned char>(in[i + j]) : 0u);
        for (std::size_t j = 0; j < 4; ++j)
            out += i + j > in.size() ? '=' : alphabet[group >> (18 - 6 * j) & 63];
    }
    return out;
}

std::string percent_decode(std::string_view in) {
    std::string out;
    for (std::size_t i = 0; i < in.size(); ++i) {
        unsigned value = 0;
        if (in[i] == '%' && i + 2 < in.size() &&
            std::from_chars(in.data() + i + 1, in.data() + i + 3, value, 16).ptr == in.data() + i + 3) {
            out += static_cast<char>(value);
            i += 2;
        } else {
            out += in[i];
        }
    }
    return out;
}

} // namespace

void Endpoint::rekey() {
    pool_key = std::string(tls ? "s " : "c ") + (public_only ? "p " : "") + host + " " + std::to_string(port);
    if (proxy) pool_key += " " + proxy->host + " " + std::to_string(proxy->port) + " " + proxy->authorization;
}

Result<Endpoint> parse_endpoint(std::string_view url) {
    auto const wrong = [&](std::string_view what) {
        return fail(Errc::invalid_request, "The address '" + std::string(url) + "' " + std::string(what));
    };
    Endpoint out;
    auto rest = url;
    if (iequals(rest.substr(0, 8), "https://")) {
        out.tls = true;
        rest.remove_prefix(8);
    } else if (iequals(rest.substr(0, 7), "http://")) {
        rest.remove_prefix(7);
    } else {
        return wrong("must start with https:// or http://.");
    }
    auto const path = rest.find_first_of("/?#");
    auto const authority_text = rest.substr(0, path);
    if (authority_text.find('@') != std::string_view::npos)
        return fail(Errc::invalid_request,
                    "The address must not contain user information; give credentials as a key or a header."); // not shown: it is a secret
    auto authority = parse_authority(authority_text, url);
    if (!authority) return tl::unexpected(authority.error());
    if (path != std::string_view::npos) {
        auto prefix = rest.substr(path);
        if (prefix.find_first_of("?#") != std::string_view::npos) return wrong("must not have a query or a fragment.");
        for (char const c : prefix)
            if (c <= 0x20 || c >= 0x7f) return wrong("has a path with characters that must be percent-encoded.");
        while (!prefix.empty() && prefix.back() == '/') prefix.remove_suffix(1);
        out.prefix = prefix;
    }
    std::uint16_t const standard = out.tls ? 443 : 80;
    out.host = std::move(authority->host);
    out.port = authority->port.value_or(standard);
    out.host_header = out.host.find(':') == std::string::npos ? out.host : "[" + out.host + "]";
    if (out.port != standard) out.host_header += ":" + std::to_string(out.port);
    out.rekey();
    return out;
}

Result<void> set_proxy(Endpoint& endpoint, std::string_view proxy_url) {
    constexpr std::string_view expected = "The proxy must be given as http://host:port or http://user:password@host:port.";
    if (!iequals(proxy_url.substr(0, 7), "http://")) return fail(Errc::invalid_request, std::string(expected), "proxy");
    auto rest = proxy_url.substr(7);
    while (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
    if (rest.find_first_of("/?#") != std::string_view::npos) return fail(Errc::invalid_request, std::string(expected), "proxy");
    Proxy proxy;
    if (auto const at = rest.rfind('@'); at != std::string_view::npos) {
        proxy.authorization = "Basic " + base64(percent_decode(rest.substr(0, at)));
        rest.remove_prefix(at + 1);
    }
    auto authority = parse_authority(rest, rest);
    if (!authority) return tl::unexpected(authority.error());
    proxy.host = std::move(authority->host);
    proxy.port = authority->port.value_or(std::uint16_t(3128));
    endpoint.proxy = std::move(proxy);
    endpoint.rekey();
    return {};
}

} // namespace tollgate::net
