#include "types/ip.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>

namespace tollgate {
namespace {

constexpr std::array<std::uint8_t, 12> v4_mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct Block {
    std::array<std::uint8_t, 4> base;
    int bits;
};
/// IANA's special-purpose IPv4 registry, as far as it is not globally reachable.
constexpr Block private_v4[] = {
    {{0, 0, 0, 0}, 8},      {{10, 0, 0, 0}, 8},     {{100, 64, 0, 0}, 10},  {{127, 0, 0, 0}, 8},
    {{169, 254, 0, 0}, 16}, {{172, 16, 0, 0}, 12},  {{192, 0, 0, 0}, 24},   {{192, 0, 2, 0}, 24},
    {{192, 168, 0, 0}, 16}, {{198, 18, 0, 0}, 15},  {{198, 51, 100, 0}, 24}, {{203, 0, 113, 0}, 24},
    {{224, 0, 0, 0}, 4},    {{240, 0, 0, 0}, 4},
};

bool same_prefix(std::uint8_t const* a, std::uint8_t const* b, int bits) noexcept {
    auto const whole = static_cast<std::size_t>(bits / 8);
    if (std::memcmp(a, b, whole) != 0) return false;
    int const rest = bits % 8;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool is_private_v4(std::uint8_t const* four) noexcept {
    return std::any_of(std::begin(private_v4), std::end(private_v4),
                       [&](Block const& block) { return same_prefix(four, block.base.data(), block.bits); });
}

} // namespace

IpAddress IpAddress::from_v4(std::array<std::uint8_t, 4> const& bytes) noexcept {
    IpAddress out;
    std::copy(v4_mapped.begin(), v4_mapped.end(), out.bytes_.begin());
    std::copy(bytes.begin(), bytes.end(), out.bytes_.begin() + 12);
    return out;
}

IpAddress IpAddress::from_v6(std::array<std::uint8_t, 16> const& bytes) noexcept {
    IpAddress out;
    out.bytes_ = bytes;
    return out;
}

bool IpAddress::is_v4() const noexcept { return std::equal(v4_mapped.begin(), v4_mapped.end(), bytes_.begin()); }

bool IpAddress::is_loopback() const noexcept {
    if (is_v4()) return bytes_[12] == 127;
    return std::all_of(bytes_.begin(), bytes_.begin() + 15, [](auto b) { return b == 0; }) && bytes_[15] == 1;
}

bool IpAddress::is_private() const noexcept {
    auto const* b = bytes_.data();
    if (is_v4()) return is_private_v4(b + 12);
    // Only 2000::/3 is global unicast; NAT64 (64:ff9b::/96) reaches the IPv4 address it embeds.
    static constexpr std::array<std::uint8_t, 12> nat64{0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};
    if (std::equal(nat64.begin(), nat64.end(), b)) return is_private_v4(b + 12);
    if ((b[0] & 0xe0) != 0x20) return true;
    if (b[0] == 0x20 && b[1] == 0x02) return is_private_v4(b + 2);                         // 6to4
    if (b[0] == 0x20 && b[1] == 0x01 && b[2] <= 0x01) return true;                         // 2001::/23: Teredo, ORCHID
    return b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8;                   // documentation
}

std::string IpAddress::text() const {
    char out[INET6_ADDRSTRLEN] = {};
    if (!is_v4()) {
        inet_ntop(AF_INET6, bytes_.data(), out, sizeof out);
        return out;
    }
    char* at = out; // inet_ntop prints with snprintf, and every request has an address
    for (std::size_t i = 12; i < 16; ++i) {
        int const n = bytes_[i];
        if (i > 12) *at++ = '.';
        if (n >= 100) *at++ = static_cast<char>('0' + n / 100);
        if (n >= 10) *at++ = static_cast<char>('0' + n / 10 % 10);
        *at++ = static_cast<char>('0' + n % 10);
    }
    return std::string(out, at);
}

Result<IpAddress> parse_ip(std::string_view text) {
    char buffer[INET6_ADDRSTRLEN + 1];
    if (text.size() < sizeof buffer && text.find('\0') == std::string_view::npos) {
        buffer[text.copy(buffer, sizeof buffer - 1)] = '\0';
        std::array<std::uint8_t, 4> four;
        if (inet_pton(AF_INET, buffer, four.data()) == 1) return IpAddress::from_v4(four);
        std::array<std::uint8_t, 16> sixteen;
        if (inet_pton(AF_INET6, buffer, sixteen.data()) == 1) return IpAddress::from_v6(sixteen);
    }
    return fail(Errc::invalid_request, "'" + std::string(text.substr(0, 64)) +
                                           "' is not an IP address: write one such as 192.0.2.7 or 2001:db8::7");
}

bool Cidr::contains(IpAddress const& address) const noexcept {
    return same_prefix(base_.bytes().data(), address.bytes().data(), bits_);
}

std::string Cidr::text() const {
    return base_.text() + "/" + std::to_string(base_.is_v4() && bits_ >= 96 ? bits_ - 96 : bits_);
}

Result<Cidr> parse_cidr(std::string_view text) {
    auto bad = [&](std::string const& why) {
        return fail(Errc::invalid_request, "'" + std::string(text.substr(0, 64)) + "' is not an address block: " + why);
    };
    auto const slash = text.find('/');
    auto const address = parse_ip(text.substr(0, slash));
    if (!address) return bad("write one such as 10.0.0.0/8, 2001:db8::/32 or a single address");
    int const width = address->is_v4() ? 32 : 128;
    int bits = width;
    if (slash != std::string_view::npos) {
        auto const digits = text.substr(slash + 1);
        bool const plain = !digits.empty() && digits.size() <= 3 && (digits.size() == 1 || digits[0] != '0') &&
                           std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
        bits = plain ? 0 : -1;
        if (plain)
            for (char const c : digits) bits = bits * 10 + (c - '0');
        if (bits < 0 || bits > width) return bad("the number after '/' must be 0 to " + std::to_string(width));
    }
    Cidr out;
    out.bits_ = bits + (128 - width);
    auto masked = address->bytes();
    for (int bit = out.bits_; bit < 128; ++bit)
        masked[static_cast<std::size_t>(bit / 8)] &= static_cast<std::uint8_t>(~(0x80 >> (bit % 8)));
    out.base_ = IpAddress::from_v6(masked);
    if (masked != address->bytes()) return bad("the address has bits after the prefix; " + out.text() + " may be meant");
    return out;
}

} // namespace tollgate
