#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace tollgate {

/// Fills `out` from the operating system's CSPRNG (through libsodium).
void fill_random(std::span<std::uint8_t> out);

/// A UUIDv7 (RFC 9562 5.7): 48 bits of milliseconds, then random bits; ids made later sort later to the millisecond.
struct Uuid {
    std::array<std::uint8_t, 16> bytes{};
    friend auto operator<=>(Uuid const&, Uuid const&) = default;
    std::string text() const;                          ///< 36 characters, lower case
    void write_text(char* out36) const noexcept;       ///< the same without allocating
    std::int64_t time_ms() const noexcept;
};
/// Mints a UUIDv7 at `now`. Thread-safe; the random part comes from a per-thread CSPRNG buffer.
/// Ids minted on one thread within one millisecond keep increasing.
Uuid make_uuid7(Timestamp now);
Result<Uuid> parse_uuid(std::string_view text);

/// Uniform random number in [0, bound), for jitter and weighted choice (not for secrets). `bound` ≥ 1.
std::uint64_t random_below(std::uint64_t bound);

} // namespace tollgate

template <>
struct std::hash<tollgate::Uuid> {
    std::size_t operator()(tollgate::Uuid const& id) const noexcept {
        std::uint64_t tail = 0; // the last 8 bytes are random
        for (std::size_t i = 8; i < 16; ++i) tail = tail << 8 | id.bytes[i];
        return static_cast<std::size_t>(tail);
    }
};
