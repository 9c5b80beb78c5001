#include "net/client_address.hpp"

#include <gtest/gtest.h>

namespace tollgate::net {
namespace {

struct AddressCase {
    std::string_view name, peer;
    std::vector<std::string_view> forwarded; ///< one entry a header line
    std::string_view want;
};

TEST(client_address, believes_only_what_trusted_proxies_appended) {
    std::vector<Cidr> const trusted{*parse_cidr("127.0.0.0/8"), *parse_cidr("10.0.0.0/8")};
    for (auto const& c : {AddressCase{"no header", "127.0.0.1", {}, "127.0.0.1"},
                          AddressCase{"untrusted peer", "203.0.113.9", {"10.1.1.1"}, "203.0.113.9"},
                          AddressCase{"one hop", "127.0.0.1", {"203.0.113.7"}, "203.0.113.7"},
                          AddressCase{"a caller's own claim stands left", "127.0.0.1", {"198.51.100.1, 203.0.113.7"}, "203.0.113.7"},
                          AddressCase{"a caller's own header stands first", "127.0.0.1", {"198.51.100.1", "203.0.113.7"}, "203.0.113.7"},
                          AddressCase{"two trusted hops", "127.0.0.1", {"203.0.113.7, 10.2.2.2"}, "203.0.113.7"},
                          AddressCase{"over two lines", "127.0.0.1", {"203.0.113.7", "10.2.2.2"}, "203.0.113.7"},
                          AddressCase{"garbage ends it", "127.0.0.1", {"203.0.113.7, who knows, 10.2.2.2"}, "10.2.2.2"}}) {
        HeaderList headers;
        for (auto const line : c.forwarded) headers.add("X-Forwarded-For", line);
        EXPECT_EQ(client_address(*parse_ip(c.peer), headers, trusted).text(), c.want) << c.name;
    }
    HeaderList headers;
    headers.add("x-forwarded-for", "203.0.113.7");
    EXPECT_EQ(client_address(*parse_ip("127.0.0.1"), headers, {}).text(), "127.0.0.1") << "nobody is trusted";
}

} // namespace
} // namespace tollgate::net
