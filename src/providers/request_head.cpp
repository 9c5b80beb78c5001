#include "providers/request_head.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace tollgate::providers {
namespace {

constexpr std::string_view anthropic_version_default = "2023-06-01";
constexpr std::size_t forwarded_value_max = 1024; ///< bytes; longer wishes of a caller are not passed on

bool is_token(std::string_view name) {
    static constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
               marks.find(c) != std::string_view::npos;
    });
}

bool is_plain_value(std::string_view value) {
    return std::all_of(value.begin(), value.end(), [](char c) {
        auto const u = static_cast<unsigned char>(c);
        return u >= 0x20 && u != 0x7f;
    });
}

/// Headers that this class writes itself, or that must not be set by hand because they frame the message.
bool is_reserved(std::string_view name) {
    constexpr std::array reserved{"host", "content-length", "content-type", "authorization", "x-api-key", "api-key",
                                  "accept-encoding", "expect"};
    return net::is_hop_by_hop(name) ||
           std::any_of(reserved.begin(), reserved.end(), [name](char const* r) { return net::iequals(name, r); });
}

bool is_get(Surface surface) { return surface == Surface::openai_models || surface == Surface::anthropic_models; }

Result<void> append_credential(std::string& out, Kind const& kind, Secret const& api_key) {
    std::string const& key = api_key.reveal();
    if (key.empty()) {
        if (!kind.credential_required) return {};
        return fail(Errc::invalid_request, "api_key: required for kind " + std::string(kind.name), "api_key");
    }
    if (!is_plain_value(key) || key.find(' ') != std::string::npos)
        return fail(Errc::invalid_request, "api_key: must not contain spaces or control characters", "api_key");
    switch (kind.credential) {
    case Credential::none: break;
    case Credential::bearer: out.append("authorization: Bearer ").append(key).append("\r\n"); break;
    case Credential::x_api_key: out.append("x-api-key: ").append(key).append("\r\n"); break;
    case Credential::api_key: out.append("api-key: ").append(key).append("\r\n"); break;
    }
    return {};
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
}

} // namespace

Result<HeadTemplate> HeadTemplate::make(Kind const& kind, net::Endpoint const& endpoint, Secret const& api_key,
                                        Surface surface,
                                        std::vector<std::pair<std::string, std::string>> const& extra_headers) {
    auto const path = upstream_path(kind, surface);
    if (!path) return Fail(path.error());
    HeadTemplate head;
    head.dialect_ = dialect_of(surface);
    std::string line = is_get(surface) ? "GET " : "POST ";
    line.append(endpoint.prefix).append(*path);
    head.before_query_ = Secret(std::move(line));

    std::string rest;
    rest.append(" HTTP/1.1\r\nhost: ").append(endpoint.host_header).append("\r\nuser-agent: tollgate\r\n");
    if (auto const credential = append_credential(rest, kind, api_key); !credential) return Fail(credential.error());
    if (!is_get(surface)) rest.append("content-type: application/json\r\n");
    for (auto const& [name, value] : extra_headers) {
        if (!is_token(name) || is_reserved(name) || !is_plain_value(value))
            return fail(Errc::invalid_request, "headers: '" + name.substr(0, 64) + "' cannot be set for a provider",
                        "headers");
        append_header(rest, name, value);
    }
    head.after_query_ = Secret(std::move(rest));
    return head;
}

void HeadTemplate::write(net::HeaderList const& caller_headers, std::string_view caller_query, std::int64_t body_size,
                         std::string& out) const {
    out.append(before_query_.reveal());
    bool const anthropic = dialect_ == Dialect::anthropic;
    if (anthropic && caller_query == "beta=true") out.append("?beta=true");
    out.append(after_query_.reveal());
    bool version_seen = false, accept_seen = false;
    for (net::HeaderView const& header : caller_headers) {
        // Decided by length first: most of a caller's headers are none of these.
        switch (header.name.size()) {
        case 6:
            if (accept_seen || !net::iequals(header.name, "accept")) continue;
            accept_seen = true;
            break;
        case 11:
            if (anthropic || !net::iequals(header.name, "openai-beta")) continue;
            break;
        case 14:
            if (!anthropic || !net::iequals(header.name, "anthropic-beta")) continue;
            break;
        case 17:
            if (!anthropic || version_seen || !net::iequals(header.name, "anthropic-version")) continue;
            if (header.value.empty()) continue;
            version_seen = true;
            break;
        default: continue;
        }
        if (header.value.size() <= forwarded_value_max && is_plain_value(header.value))
            append_header(out, header.name, header.value);
        else if (net::iequals(header.name, "anthropic-version"))
            version_seen = false;
    }
    if (anthropic && !version_seen) append_header(out, "anthropic-version", anthropic_version_default);
    if (body_size >= 0) {
        char digits[20];
        auto const [end, ec] = std::to_chars(digits, digits + sizeof digits, body_size);
        out.append("content-length: ").append(digits, static_cast<std::size_t>(end - digits)).append("\r\n");
    }
    out.append("\r\n");
}

bool forward_reply_header(std::string_view name) noexcept {
    constexpr std::array allowed{"content-type", "content-language", "cache-control", "retry-after", "retry-after-ms",
                                 "request-id", "openai-processing-ms", "openai-version", "anthropic-version",
                                 "content-encoding", "x-accel-buffering", "x-should-retry"};
    return std::any_of(allowed.begin(), allowed.end(), [name](char const* a) { return net::iequals(name, a); });
}

} // namespace tollgate::providers
