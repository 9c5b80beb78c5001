#pragma once
// Internet addresses as plain values, without sockets: for allow-lists, proxies, the SSRF guard and records.
#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tollgate {

/// An IPv4 or IPv6 address. IPv4 is kept in its v4-mapped form (::ffff:a.b.c.d), so a v4 caller that arrives on a
/// dual-stack socket equals the same address written as v4.
class IpAddress {
public:
    constexpr IpAddress() = default; ///< `::`, which stands for "unknown"
    static IpAddress from_v4(std::array<std::uint8_t, 4> const& bytes) noexcept;
    static IpAddress from_v6(std::array<std::uint8_t, 16> const& bytes) noexcept;

    bool is_v4() const noexcept;
    bool is_unknown() const noexcept { return *this == IpAddress(); }
    bool is_loopback() const noexcept;
    /// Anything that is not a public unicast address: loopback, private, link-local, shared, multicast, documentation,
    /// unspecified, unique-local, and v6 forms that embed such a v4 address (NAT64, 6to4). For the SSRF guard.
    bool is_private() const noexcept;
    /// All 16 bytes, network order.
    std::array<std::uint8_t, 16> const& bytes() const noexcept { return bytes_; }
    /// Dotted decimal or RFC 5952 text.
    std::string text() const;

    friend constexpr auto operator<=>(IpAddress const&, IpAddress const&) = default;

private:
    std::array<std::uint8_t, 16> bytes_{};
};

/// Strict: dotted decimal with four parts and no leading zeros, or RFC 4291 text; no zone, port or brackets.
/// Errors: invalid_request.
Result<IpAddress> parse_ip(std::string_view text);

/// A block of addresses, such as 10.0.0.0/8 or 2001:db8::/32.
class Cidr {
public:
    constexpr Cidr() = default;
    bool contains(IpAddress const& address) const noexcept;
    std::string text() const; ///< always with a prefix length: "10.0.0.0/8"
    friend bool operator==(Cidr const&, Cidr const&) = default;

private:
    friend Result<Cidr> parse_cidr(std::string_view);
    IpAddress base_;
    int bits_ = 128; ///< of the v4-mapped form
};

/// "10.0.0.0/8", or a single address. Bits set after the prefix are an error that shows the block meant.
/// Errors: invalid_request.
Result<Cidr> parse_cidr(std::string_view text);

} // namespace tollgate
