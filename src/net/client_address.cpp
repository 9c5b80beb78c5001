#include "net/client_address.hpp"

#include <algorithm>

namespace tollgate::net {
namespace {

bool is_trusted(IpAddress const& address, std::vector<Cidr> const& trusted) {
    return std::any_of(trusted.begin(), trusted.end(), [&](Cidr const& range) { return range.contains(address); });
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

} // namespace

IpAddress client_address(IpAddress const& peer, HeaderList const& headers, std::vector<Cidr> const& trusted) {
    auto address = peer;
    for (std::size_t i = headers.size(); i-- > 0 && is_trusted(address, trusted);) {
        if (!iequals(headers[i].name, "x-forwarded-for")) continue;
        auto rest = headers[i].value;
        while (is_trusted(address, trusted)) {
            auto const comma = rest.rfind(',');
            auto const hop = parse_ip(trimmed(comma == std::string_view::npos ? rest : rest.substr(comma + 1)));
            if (!hop) return address;
            address = *hop;
            if (comma == std::string_view::npos) break;
            rest = rest.substr(0, comma);
        }
    }
    return address;
}

} // namespace tollgate::net
