#pragma once
// The bytes of a segment file: a 256-byte header, then frames, each 8-byte aligned and checksummed.
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tollgate::journal {

/// Stored by number: append only. The journal does not look into payloads; see ledger/frames.hpp.
enum class FrameType : std::uint8_t {
    hold = 1,     ///< credit was reserved for a request
    progress = 2, ///< what that request would be charged if it ended now
    terminal = 3, ///< the record of a finished request; closes its hold
    replay = 4,   ///< a kept answer of an idempotent call
    seal = 255,   ///< nothing follows in this segment
};

/// The place just after a frame. All zero = before the first frame. Ordered by `seq`.
struct Position {
    std::uint64_t segment = 0;
    std::uint64_t offset = 0; ///< bytes from the start of the segment file
    std::uint64_t seq = 0;    ///< sequence number of the frame, from 1, without gaps
    friend constexpr bool operator==(Position const&, Position const&) = default;
    friend constexpr auto operator<=>(Position const& a, Position const& b) { return a.seq <=> b.seq; }
};

struct Frame {
    FrameType type = FrameType::seal;
    Position position;        ///< just after this frame
    std::string_view payload; ///< valid until the next call on the Reader
};

/// Longest payload. A frame never crosses a segment's end, so a payload must also fit a quarter of a segment.
inline constexpr std::size_t payload_max = 4 * 1024 * 1024;

/// CRC32C (Castagnoli) of `bytes`, continued from `crc`; SSE 4.2 when the processor has it.
std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes) noexcept;

} // namespace tollgate::journal
