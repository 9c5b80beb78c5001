#pragma once
// What a request used, in disjoint buckets: every unit is counted in exactly one of them.
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tollgate {

/// Buckets, disjoint but for `reasoning`, a part of `output`: informational, priced only where a price names it.
/// The numbers are stored in journals and records: append only, never reorder.
enum class Bucket : std::uint8_t {
    input = 0,       ///< uncached text input tokens
    cache_read,      ///< input tokens read from the provider's prompt cache
    cache_write_5m,  ///< input tokens written to the cache, 5-minute (or unspecified) lifetime
    cache_write_1h,  ///< the same with 1-hour lifetime
    audio_in,        ///< audio input tokens
    image_in,        ///< image input tokens, where the provider reports them apart
    output,          ///< output tokens, reasoning included, audio and image excluded
    reasoning,       ///< informational
    audio_out,
    image_out,
    web_search,      ///< server-side searches, count
    request,         ///< 1 per request
    input_seconds,   ///< audio in, whole milliseconds are rounded up to seconds by the provider's rule
    output_seconds,
    input_characters,
    pages,
    images,          ///< generated images, count
    count_
};
inline constexpr std::size_t bucket_count = static_cast<std::size_t>(Bucket::count_);

/// JSON names, in Bucket order.
inline constexpr std::array<std::string_view, bucket_count> bucket_names{
    "input",     "cache_read",  "cache_write_5m", "cache_write_1h", "audio_in",      "image_in",
    "output",    "reasoning",   "audio_out",      "image_out",      "web_search",    "request",
    "input_seconds", "output_seconds", "input_characters", "pages", "images"};
std::optional<Bucket> bucket_from_name(std::string_view name) noexcept;

struct Usage {
    std::array<std::int64_t, bucket_count> quantity{};
    /// A provider reported a negative count somewhere; it was clamped to 0.
    bool anomaly = false;

    std::int64_t& operator[](Bucket b) { return quantity[static_cast<std::size_t>(b)]; }
    std::int64_t operator[](Bucket b) const { return quantity[static_cast<std::size_t>(b)]; }
    /// All input tokens: input + cache reads + cache writes + audio + image. Decides price tiers.
    std::int64_t input_total() const {
        return (*this)[Bucket::input] + (*this)[Bucket::cache_read] + (*this)[Bucket::cache_write_5m] +
               (*this)[Bucket::cache_write_1h] + (*this)[Bucket::audio_in] + (*this)[Bucket::image_in];
    }
    std::int64_t output_total() const {
        return (*this)[Bucket::output] + (*this)[Bucket::audio_out] + (*this)[Bucket::image_out];
    }
    friend bool operator==(Usage const&, Usage const&) = default;
};

/// Where a usage figure comes from. Stored: append only.
enum class UsageSource : std::uint8_t { none = 0, provider, counted, estimated };
std::string_view usage_source_name(UsageSource source) noexcept; ///< "none" "provider" "counted" "estimated"

} // namespace tollgate
