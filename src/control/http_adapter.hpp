#pragma once
// The control API on a listener.
#include <cstddef>
#include <vector>

#include "net/server.hpp"
#include "types/ip.hpp"

namespace tollgate::net {
class BlockingPool;
}

namespace tollgate::control {

class Api;

struct AdapterOptions {
    std::size_t body_max = 8u << 20;     ///< larger bodies are 413
    std::vector<Cidr> trusted_proxies;   ///< X-Forwarded-For counts only from these
};

/// Answers an exchange through the Api on `pool`; liveness (/health) on the I/O thread, so that a busy pool does not
/// make the process look dead. `api`, `pool` and `options` must outlive the handler.
net::Handler make_control_handler(Api& api, net::BlockingPool& pool, AdapterOptions const& options);

/// One exchange: for the gateway's handler, on paths for which on_gateway_too() holds.
net::asio::awaitable<void> serve_control(net::Exchange& exchange, Api& api, net::BlockingPool& pool,
                                         AdapterOptions const& options);

/// The caller's address: the peer, or, behind trusted proxies, the last address in X-Forwarded-For that is not one of
/// them. An entry that is no address ends the search: nothing before it can be trusted.
IpAddress client_address(IpAddress const& peer, std::string_view forwarded_for, std::vector<Cidr> const& trusted);

} // namespace tollgate::control
