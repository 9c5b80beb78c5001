#pragma once
// The compact binary form of a record, as it stands in journal frames. Little-endian, varints, versioned by
// its first byte: an old binary refuses what a newer one wrote instead of guessing.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "types/record.hpp"

namespace tollgate {

/// No encoded record is longer. Texts are cut to fit (at a UTF-8 boundary): key_name, route, model, provider,
/// provider_model, user, session 256 bytes; path 1,024; user_agent 512; error_type, client_ip 64; method 32;
/// country 16; at most 64 tags of at most 64 bytes each.
inline constexpr std::size_t encoded_record_max = 20 * 1024;
/// A charge never has more terms; more is a bug of the caller.
inline constexpr std::size_t price_lines_max = 64;

/// Appends the encoded record to `out`.
void encode_record(RequestRecord const& record, std::string& out);
/// Writes the encoded record to `out`, which has room for encoded_record_max bytes; returns its length.
std::size_t encode_record(RequestRecord const& record, char* out);
/// Strict: every byte must be accounted for. Errors (unavailable): damaged; written by a newer Tollgate.
Result<RequestRecord> decode_record(std::string_view bytes);

/// What a request had used at one moment, and what it would be charged if it ended there.
struct Progress {
    Usage usage;
    UsageSource usage_source = UsageSource::none;
    std::vector<PriceLine> lines;      ///< terms of `charge`
    std::vector<PriceLine> cost_lines; ///< terms of `cost`; empty = same as `lines`
    Money cost;
    Money charge; ///< ≥ 0
    friend bool operator==(Progress const&, Progress const&) = default;
};
inline constexpr std::size_t encoded_progress_max = 6 * 1024;
/// As for records; `out` has room for encoded_progress_max bytes.
std::size_t encode_progress(Progress const& progress, char* out);
Result<Progress> decode_progress(std::string_view bytes);

} // namespace tollgate
