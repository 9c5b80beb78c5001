#pragma once
// Where an upstream lives, parsed once from its URL.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tollgate::net {

/// An HTTP proxy in front of an upstream; reached in clear, tunnels with CONNECT.
struct Proxy {
    std::string host;
    std::uint16_t port = 0;
    std::string authorization; ///< value of proxy-authorization, or empty
};

struct Endpoint {
    bool tls = false;
    std::string host; ///< name or IP literal, without brackets, lower case; also the SNI and certificate name
    std::uint16_t port = 0;
    std::string prefix;      ///< of the path: "" or "/v1", never with a trailing '/'
    std::string host_header; ///< "api.openai.com", "127.0.0.1:9000", "[::1]:9000": the port only when not the default
    std::optional<Proxy> proxy;
    /// Set for addresses that came from the API or the console: a connection to a loopback, private or otherwise
    /// non-public address is refused when it is made, after resolving, so that DNS cannot be used to get around it.
    bool public_only = false;
    /// Connections are shared between requests whose pool_key is equal. Set by parse_endpoint and set_proxy; call
    /// `rekey()` after changing a field by hand.
    std::string pool_key;

    void rekey();
};

/// "https://api.openai.com/v1". No user information, query or fragment. Errors: invalid_request naming what to change.
Result<Endpoint> parse_endpoint(std::string_view url);
/// "http://user:pass@proxy:3128" in front of `endpoint`. Errors: invalid_request (https:// proxies included).
Result<void> set_proxy(Endpoint& endpoint, std::string_view proxy_url);

} // namespace tollgate::net
