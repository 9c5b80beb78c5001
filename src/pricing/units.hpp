#pragma once
// The units a price can name. Numbers stand in journals and records (PriceLine::unit): append only, never reorder.
// The table repeats the price library's registry; a test fails when the library gains or changes a unit.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tollgate::pricing {

enum class UnitId : std::uint8_t {
    audio_seconds = 0,
    cache_audio_read_tokens,
    cache_audio_write_1h_tokens,
    cache_audio_write_5m_tokens,
    cache_audio_write_tokens,
    cache_image_read_tokens,
    cache_image_write_1h_tokens,
    cache_image_write_5m_tokens,
    cache_image_write_tokens,
    cache_read_tokens,
    cache_text_read_tokens,
    cache_text_write_1h_tokens,
    cache_text_write_5m_tokens,
    cache_text_write_tokens,
    cache_video_read_tokens,
    cache_video_write_1h_tokens,
    cache_video_write_5m_tokens,
    cache_video_write_tokens,
    cache_write_1h_tokens,
    cache_write_5m_tokens,
    cache_write_tokens,
    code_executions,
    input_annotated_document_pages,
    input_audio_seconds,
    input_audio_tokens,
    input_audio_tool_tokens,
    input_characters,
    input_document_pages,
    input_image_tokens,
    input_image_tool_tokens,
    input_pixels,
    input_text_messages,
    input_text_tokens,
    input_text_tool_tokens,
    input_tokens,
    input_tool_tokens,
    input_video_tokens,
    input_video_tool_tokens,
    output_audio_citation_tokens,
    output_audio_reasoning_tokens,
    output_audio_seconds,
    output_audio_tokens,
    output_citation_tokens,
    output_image_citation_tokens,
    output_image_reasoning_tokens,
    output_image_tokens,
    output_reasoning_tokens,
    output_text_citation_tokens,
    output_text_reasoning_tokens,
    output_text_tokens,
    output_tokens,
    output_video_citation_tokens,
    output_video_reasoning_tokens,
    output_video_tokens,
    requests,
    rerank_searches,
    social_searches,
    storage_searches,
    web_searches,
    // Ours: what the library does not price.
    images,       ///< generated images, count
    input_images, ///< images in a request, count (where a feed prices them apart from tokens)
    count_
};
inline constexpr std::size_t unit_count = static_cast<std::size_t>(UnitId::count_);

/// What a unit counts. A unit is an ancestor of another of the same family when its dimensions are a subset of the
/// other's: input_tokens ⊃ cache_read_tokens ⊃ cache_audio_read_tokens. Quantities are inclusive: an ancestor's
/// count contains its descendants'. Empty text = the unit does not set this dimension.
struct UnitDimensions {
    std::string_view family, direction, modality, token_type, cache_ttl, tool_type, page_type;
    friend constexpr bool operator==(UnitDimensions const&, UnitDimensions const&) = default;
};

struct Unit {
    std::string_view usage_key; ///< "input_tokens"
    std::string_view price_key; ///< "input_mtok": a price in USD per `per` units
    std::int64_t per;
    UnitDimensions dimensions;
};

/// Units of our own come after the library's.
inline constexpr std::size_t library_unit_count = static_cast<std::size_t>(UnitId::images);

inline constexpr std::array<Unit, unit_count> units{{
    {"audio_seconds", "audio_hours", 3'600, {"durations", "", "audio", "", "", "", ""}},
    {"cache_audio_read_tokens", "cache_audio_read_mtok", 1'000'000, {"tokens", "input", "audio", "cache_read", "", "", ""}},
    {"cache_audio_write_1h_tokens", "cache_audio_write_1h_mtok", 1'000'000, {"tokens", "input", "audio", "cache_write", "1h", "", ""}},
    {"cache_audio_write_5m_tokens", "cache_audio_write_5m_mtok", 1'000'000, {"tokens", "input", "audio", "cache_write", "5m", "", ""}},
    {"cache_audio_write_tokens", "cache_audio_write_mtok", 1'000'000, {"tokens", "input", "audio", "cache_write", "", "", ""}},
    {"cache_image_read_tokens", "cache_image_read_mtok", 1'000'000, {"tokens", "input", "image", "cache_read", "", "", ""}},
    {"cache_image_write_1h_tokens", "cache_image_write_1h_mtok", 1'000'000, {"tokens", "input", "image", "cache_write", "1h", "", ""}},
    {"cache_image_write_5m_tokens", "cache_image_write_5m_mtok", 1'000'000, {"tokens", "input", "image", "cache_write", "5m", "", ""}},
    {"cache_image_write_tokens", "cache_image_write_mtok", 1'000'000, {"tokens", "input", "image", "cache_write", "", "", ""}},
    {"cache_read_tokens", "cache_read_mtok", 1'000'000, {"tokens", "input", "", "cache_read", "", "", ""}},
    {"cache_text_read_tokens", "cache_text_read_mtok", 1'000'000, {"tokens", "input", "text", "cache_read", "", "", ""}},
    {"cache_text_write_1h_tokens", "cache_text_write_1h_mtok", 1'000'000, {"tokens", "input", "text", "cache_write", "1h", "", ""}},
    {"cache_text_write_5m_tokens", "cache_text_write_5m_mtok", 1'000'000, {"tokens", "input", "text", "cache_write", "5m", "", ""}},
    {"cache_text_write_tokens", "cache_text_write_mtok", 1'000'000, {"tokens", "input", "text", "cache_write", "", "", ""}},
    {"cache_video_read_tokens", "cache_video_read_mtok", 1'000'000, {"tokens", "input", "video", "cache_read", "", "", ""}},
    {"cache_video_write_1h_tokens", "cache_video_write_1h_mtok", 1'000'000, {"tokens", "input", "video", "cache_write", "1h", "", ""}},
    {"cache_video_write_5m_tokens", "cache_video_write_5m_mtok", 1'000'000, {"tokens", "input", "video", "cache_write", "5m", "", ""}},
    {"cache_video_write_tokens", "cache_video_write_mtok", 1'000'000, {"tokens", "input", "video", "cache_write", "", "", ""}},
    {"cache_write_1h_tokens", "cache_write_1h_mtok", 1'000'000, {"tokens", "input", "", "cache_write", "1h", "", ""}},
    {"cache_write_5m_tokens", "cache_write_5m_mtok", 1'000'000, {"tokens", "input", "", "cache_write", "5m", "", ""}},
    {"cache_write_tokens", "cache_write_mtok", 1'000'000, {"tokens", "input", "", "cache_write", "", "", ""}},
    {"code_executions", "code_executions_kcount", 1'000, {"tool_calls", "", "", "", "", "code_execution", ""}},
    {"input_annotated_document_pages", "input_annotated_document_kpages", 1'000, {"document_pages", "input", "", "", "", "", "annotated"}},
    {"input_audio_seconds", "input_audio_hours", 3'600, {"durations", "input", "audio", "", "", "", ""}},
    {"input_audio_tokens", "input_audio_mtok", 1'000'000, {"tokens", "input", "audio", "", "", "", ""}},
    {"input_audio_tool_tokens", "input_audio_tool_mtok", 1'000'000, {"tokens", "input", "audio", "tool", "", "", ""}},
    {"input_characters", "input_mchars", 1'000'000, {"characters", "input", "", "", "", "", ""}},
    {"input_document_pages", "input_document_kpages", 1'000, {"document_pages", "input", "", "", "", "", ""}},
    {"input_image_tokens", "input_image_mtok", 1'000'000, {"tokens", "input", "image", "", "", "", ""}},
    {"input_image_tool_tokens", "input_image_tool_mtok", 1'000'000, {"tokens", "input", "image", "tool", "", "", ""}},
    {"input_pixels", "input_gpixels", 1'000'000'000, {"pixels", "input", "", "", "", "", ""}},
    {"input_text_messages", "input_text_messages_kcount", 1'000, {"messages", "input", "text", "", "", "", ""}},
    {"input_text_tokens", "input_text_mtok", 1'000'000, {"tokens", "input", "text", "", "", "", ""}},
    {"input_text_tool_tokens", "input_text_tool_mtok", 1'000'000, {"tokens", "input", "text", "tool", "", "", ""}},
    {"input_tokens", "input_mtok", 1'000'000, {"tokens", "input", "", "", "", "", ""}},
    {"input_tool_tokens", "input_tool_mtok", 1'000'000, {"tokens", "input", "", "tool", "", "", ""}},
    {"input_video_tokens", "input_video_mtok", 1'000'000, {"tokens", "input", "video", "", "", "", ""}},
    {"input_video_tool_tokens", "input_video_tool_mtok", 1'000'000, {"tokens", "input", "video", "tool", "", "", ""}},
    {"output_audio_citation_tokens", "output_audio_citation_mtok", 1'000'000, {"tokens", "output", "audio", "citation", "", "", ""}},
    {"output_audio_reasoning_tokens", "output_audio_reasoning_mtok", 1'000'000, {"tokens", "output", "audio", "reasoning", "", "", ""}},
    {"output_audio_seconds", "output_audio_hours", 3'600, {"durations", "output", "audio", "", "", "", ""}},
    {"output_audio_tokens", "output_audio_mtok", 1'000'000, {"tokens", "output", "audio", "", "", "", ""}},
    {"output_citation_tokens", "output_citation_mtok", 1'000'000, {"tokens", "output", "", "citation", "", "", ""}},
    {"output_image_citation_tokens", "output_image_citation_mtok", 1'000'000, {"tokens", "output", "image", "citation", "", "", ""}},
    {"output_image_reasoning_tokens", "output_image_reasoning_mtok", 1'000'000, {"tokens", "output", "image", "reasoning", "", "", ""}},
    {"output_image_tokens", "output_image_mtok", 1'000'000, {"tokens", "output", "image", "", "", "", ""}},
    {"output_reasoning_tokens", "output_reasoning_mtok", 1'000'000, {"tokens", "output", "", "reasoning", "", "", ""}},
    {"output_text_citation_tokens", "output_text_citation_mtok", 1'000'000, {"tokens", "output", "text", "citation", "", "", ""}},
    {"output_text_reasoning_tokens", "output_text_reasoning_mtok", 1'000'000, {"tokens", "output", "text", "reasoning", "", "", ""}},
    {"output_text_tokens", "output_text_mtok", 1'000'000, {"tokens", "output", "text", "", "", "", ""}},
    {"output_tokens", "output_mtok", 1'000'000, {"tokens", "output", "", "", "", "", ""}},
    {"output_video_citation_tokens", "output_video_citation_mtok", 1'000'000, {"tokens", "output", "video", "citation", "", "", ""}},
    {"output_video_reasoning_tokens", "output_video_reasoning_mtok", 1'000'000, {"tokens", "output", "video", "reasoning", "", "", ""}},
    {"output_video_tokens", "output_video_mtok", 1'000'000, {"tokens", "output", "video", "", "", "", ""}},
    {"requests", "requests_kcount", 1'000, {"requests", "", "", "", "", "", ""}},
    {"rerank_searches", "rerank_searches_kcount", 1'000, {"rerank", "", "", "", "", "", ""}},
    {"social_searches", "social_searches_kcount", 1'000, {"tool_calls", "", "", "", "", "social_search", ""}},
    {"storage_searches", "storage_searches_kcount", 1'000, {"tool_calls", "", "", "", "", "storage_search", ""}},
    {"web_searches", "web_searches_kcount", 1'000, {"tool_calls", "", "", "", "", "web_search", ""}},
    {"images", "image", 1, {"images", "output", "", "", "", "", ""}},
    {"input_images", "input_image", 1, {"images", "input", "", "", "", "", ""}},
}};

constexpr Unit const& unit(UnitId id) { return units[static_cast<std::size_t>(id)]; }
std::optional<UnitId> unit_from_usage_key(std::string_view key) noexcept;
std::optional<UnitId> unit_from_price_key(std::string_view key) noexcept;

/// A set of units, one bit each.
using UnitSet = std::uint64_t;
static_assert(unit_count <= 64, "UnitSet needs more bits");
constexpr UnitSet unit_bit(UnitId id) { return UnitSet{1} << static_cast<unsigned>(id); }

/// The strict ancestors of `id`.
UnitSet unit_ancestors(UnitId id) noexcept;
/// The unit that counts what `a` and `b` have in common, when their dimensions do not contradict and it is
/// registered. May be one of the two.
std::optional<UnitId> unit_join(UnitId a, UnitId b) noexcept;
/// Whether something can be counted in both, registered or not.
bool units_overlap(UnitId a, UnitId b) noexcept;

} // namespace tollgate::pricing
