#pragma once
#include <boost/asio/awaitable.hpp>

#include "gateway/services.hpp"
#include "net/server.hpp"

namespace tollgate::gateway {

namespace asio = boost::asio;

/// The whole paid request. Answers the exchange, whatever happens, and leaves exactly one record behind once the key
/// is known.
asio::awaitable<void> serve(Worker& worker, net::Exchange& exchange);

/// The handler of one I/O thread; `services` outlives the server.
net::Handler make_handler(Services& services, net::ThreadContext thread);

} // namespace tollgate::gateway
