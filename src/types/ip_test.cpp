#include "types/ip.hpp"

#include <gtest/gtest.h>

namespace tollgate {
namespace {

TEST(IpAddress, ParsesAndFormats) {
    struct Case {
        std::string_view text, want; ///< want empty = refused
    };
    for (auto const& [text, want] :
         {Case{"192.0.2.7", "192.0.2.7"}, Case{"::ffff:192.0.2.7", "192.0.2.7"}, Case{"2001:DB8:0:0::1", "2001:db8::1"},
          Case{"::1", "::1"}, Case{"::", "::"}, Case{"", ""}, Case{"1.2.3", ""}, Case{"1.2.3.4.5", ""}, Case{"01.2.3.4", ""},
          Case{"256.1.1.1", ""}, Case{"1.2.3.4:80", ""}, Case{"[::1]", ""}, Case{"fe80::1%eth0", ""}, Case{" 1.2.3.4", ""},
          Case{"localhost", ""}, Case{std::string_view("1.2.3.4\0x", 9), ""}}) {
        auto const address = parse_ip(text);
        ASSERT_EQ(address.has_value(), !want.empty()) << text;
        if (address) {
            EXPECT_EQ(address->text(), want);
        }
    }
    EXPECT_EQ(*parse_ip("::ffff:10.0.0.1"), *parse_ip("10.0.0.1"));
}

TEST(IpAddress, KnowsWhatIsNotPublic) {
    for (auto const* text : {"127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "0.0.0.0",
                             "100.64.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1",
                             "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "2001:db8::1", "2001::1"})
        EXPECT_TRUE(parse_ip(text)->is_private()) << text;
    for (auto const* text : {"8.8.8.8", "172.32.0.1", "172.15.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808", "2a00::1"})
        EXPECT_FALSE(parse_ip(text)->is_private()) << text;
    EXPECT_TRUE(parse_ip("127.8.9.1")->is_loopback());
    EXPECT_FALSE(parse_ip("::2")->is_loopback());
}

TEST(Cidr, ContainsItsBlockOnly) {
    struct Case {
        std::string_view block, address;
        bool want;
    };
    for (auto const& [block, address, want] :
         {Case{"10.0.0.0/8", "10.255.0.1", true}, Case{"10.0.0.0/8", "11.0.0.0", false}, Case{"192.0.2.7", "192.0.2.7", true},
          Case{"192.0.2.7", "192.0.2.8", false}, Case{"192.0.2.4/31", "192.0.2.5", true}, Case{"192.0.2.4/31", "192.0.2.6", false},
          Case{"0.0.0.0/0", "8.8.8.8", true}, Case{"0.0.0.0/0", "2a00::1", false}, Case{"2001:db8::/33", "2001:db8:7fff::1", true},
          Case{"2001:db8::/33", "2001:db8:8000::1", false}, Case{"::/0", "2a00::1", true}, Case{"10.0.0.0/8", "::ffff:10.1.1.1", true}})
        EXPECT_EQ(parse_cidr(block)->contains(*parse_ip(address)), want) << block << " " << address;
    EXPECT_EQ(parse_cidr("192.0.2.7")->text(), "192.0.2.7/32");
    EXPECT_EQ(parse_cidr("2001:db8::/32")->text(), "2001:db8::/32");
}

TEST(Cidr, RefusesWithTheBlockThatWasMeant) {
    for (auto const* text : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/a", "x/8", "::/129", "/8"})
        EXPECT_FALSE(parse_cidr(text)) << text;
    auto const host_bits = parse_cidr("10.1.2.3/8");
    ASSERT_FALSE(host_bits);
    EXPECT_NE(host_bits.error().message.find("10.0.0.0/8"), std::string::npos) << host_bits.error().message;
}

} // namespace
} // namespace tollgate
