#pragma once
#include <vector>

#include "net/http.hpp"
#include "types/ip.hpp"

namespace tollgate::net {

/// Who called: the peer, or, when the peer is a trusted proxy, what the X-Forwarded-For headers say, read from the right
/// (each trusted proxy appended the address it saw) up to the first address that is not trusted. Several headers are one
/// list, in order. A hop that is no address ends it: nothing behind it can be believed.
IpAddress client_address(IpAddress const& peer, HeaderList const& headers, std::vector<Cidr> const& trusted);

} // namespace tollgate::net
