#pragma once
// The layout of segment files, and one segment in memory. Private to journal/.
#include <bit>
#include <cstring>
#include <memory>
#include <string>

#include "journal/journal.hpp"

namespace tollgate::journal {

static_assert(std::endian::native == std::endian::little, "the journal is stored little-endian");

inline constexpr std::uint32_t format_version = 1;
inline constexpr std::size_t header_bytes = 256;
inline constexpr std::size_t frame_header_bytes =
    16; ///< u32 frame length, u32 crc, u64 seq with the type on top
inline constexpr std::string_view segment_suffix = ".tgj";
inline constexpr std::string_view temporary_suffix = ".tmp";
inline constexpr std::string_view identity_name = "node";
inline constexpr std::string_view lock_name = "lock";

/// The first bytes of a segment. Everything up to `check` never changes. The rest is stored through the
/// mapping, in one disk sector with it: a power cut leaves either the old or the new bytes.
struct SegmentHeader {
    char magic[8];
    std::uint32_t version;
    std::uint32_t bytes;
    std::uint64_t number;
    std::uint64_t size; ///< of the file when it was made
    std::uint64_t salt; ///< goes into every frame's checksum: frames of an older file never look valid
    char node[32];
    char store_id[32];
    std::uint64_t check; ///< crc32c of all above

    std::uint64_t first_seq; ///< 0 = prepared, not in use yet
    std::uint64_t first_seq_check;
    /// 1 = the segment before this one is durable to its seal: a torn frame there is damage, not a power cut.
    std::uint64_t previous_durable;
    std::uint64_t durable_offset; ///< frames below were durable when this was stored
    std::uint64_t durable_check;
};
static_assert(sizeof(SegmentHeader) <= header_bytes);

inline std::uint64_t header_check(SegmentHeader const& h) noexcept {
    return crc32c(0, {reinterpret_cast<char const*>(&h), offsetof(SegmentHeader, check)});
}
/// A checksum for one field that is stored later.
inline std::uint64_t field_check(SegmentHeader const& h, std::uint64_t value) noexcept {
    std::uint64_t const words[2] = {h.salt, value};
    return crc32c(0x5EA1u, {reinterpret_cast<char const*>(words), sizeof words});
}

inline constexpr std::size_t aligned(std::size_t n) noexcept {
    return (n + 7) & ~std::size_t{7};
}
inline constexpr std::size_t frame_bytes(std::size_t payload) noexcept {
    return aligned(frame_header_bytes + payload);
}

/// Type and sequence number as one word, covered by the checksum.
inline constexpr std::uint64_t tag_of(FrameType type, std::uint64_t seq) noexcept {
    return static_cast<std::uint64_t>(type) << 56 | seq;
}
inline constexpr std::uint64_t seq_mask = (std::uint64_t{1} << 56) - 1;

/// Finishes a frame's checksum; `payload_crc` = crc32c(0, payload), computed before any lock is taken.
inline std::uint32_t frame_crc(std::uint32_t payload_crc, std::uint64_t tag, std::uint64_t salt,
                               std::uint32_t length) noexcept {
    std::uint64_t const words[3] = {tag, salt, length};
    return crc32c(payload_crc, {reinterpret_cast<char const*>(words), sizeof words});
}

/// What stands at one offset.
struct FrameView {
    FrameType type{};
    std::uint64_t seq = 0;
    std::uint32_t length = 0; ///< of the payload
    std::size_t bytes = 0;    ///< of the whole frame, padding included
};

/// Reads the frame header in `at` (≥ frame_header_bytes long). False: nothing plausible stands there. The
/// length word is payload bytes + 1, so that zeroed space is never a frame.
inline bool parse_frame_header(char const* at, std::uint64_t room, FrameView& view) noexcept {
    std::uint32_t length_word;
    std::uint64_t tag;
    std::memcpy(&length_word, at, 4);
    std::memcpy(&tag, at + 8, 8);
    if (length_word == 0 || length_word - 1 > payload_max)
        return false;
    view.length = length_word - 1;
    view.bytes = frame_bytes(view.length);
    view.type = static_cast<FrameType>(tag >> 56);
    view.seq = tag & seq_mask;
    return view.bytes <= room;
}
inline bool frame_valid(char const* at, FrameView const& view, std::uint64_t salt) noexcept {
    std::uint32_t stored;
    std::memcpy(&stored, at + 4, 4);
    std::uint32_t const payload = crc32c(0, {at + frame_header_bytes, view.length});
    return stored == frame_crc(payload, tag_of(view.type, view.seq), salt, view.length);
}

/// Writes a frame at `at`. The length word goes last: until it is there, the frame is not.
inline void store_frame(char* at, FrameType type, std::uint64_t seq, std::string_view payload,
                        std::uint32_t payload_crc, std::uint64_t salt) noexcept {
    std::uint64_t const tag = tag_of(type, seq);
    auto const length = static_cast<std::uint32_t>(payload.size());
    std::uint32_t const crc = frame_crc(payload_crc, tag, salt, length);
    if (!payload.empty())
        std::memcpy(at + frame_header_bytes, payload.data(), payload.size());
    std::memcpy(at + 8, &tag, 8);
    std::memcpy(at + 4, &crc, 4);
    __atomic_store_n(reinterpret_cast<std::uint32_t*>(at), length + 1, __ATOMIC_RELEASE);
}

struct Journal::Segment {
    std::string name;
    std::uint64_t number = 0;
    std::uint64_t salt = 0;
    std::uint64_t first_seq = 0;     ///< 0 = prepared
    std::uint64_t last_seq = 0;      ///< valid once another segment follows
    std::uint64_t logical_start = 0; ///< journal bytes before this segment
    std::uint64_t end_offset = 0;    ///< of the last frame (before the seal); valid once another follows
    bool sealed = false;
    std::uint64_t durable_offset = 0; ///< as found at open
    bool previous_durable = false;    ///< as found at open
    bool rolled_unsynced = false;     ///< complete, but not yet synced; guarded by mutex_
    std::unique_ptr<File> file;
    SegmentHeader* header = nullptr; ///< into the mapping; null when not mapped
};

std::string segment_name(std::uint64_t number);
/// 0 when `name` is not a segment's name.
std::uint64_t segment_number(std::string_view name) noexcept;

} // namespace tollgate::journal
