#include "metering/media.hpp"

#include <algorithm>
#include <array>

#include "metering/model_name.hpp"

namespace tollgate::metering {
namespace {

struct Row {
    std::string_view prefix;
    MediaRule rule;
};

// OpenAI, tiles: scaled into 2048 × 2048, shorter side to 768, so at most 2 × 4 tiles of 512: base + 8 × per
// tile.
constexpr std::int64_t tiles(std::int64_t base, std::int64_t per_tile) {
    return base + 8 * per_tile;
}
// OpenAI, patches: at most `patches` squares of 32 pixels, times the model's factor (in hundredths).
constexpr std::int64_t patches(std::int64_t count, std::int64_t hundredths) {
    return (count * hundredths + 99) / 100;
}

constexpr std::int64_t openai_audio = 10; // 1 token per 100 ms
constexpr std::int64_t gemini_audio = 32;
constexpr std::int64_t gemini_video = 263 + 32;
// A dense page holds 3,000 tokens of text; providers add a picture of the page.
constexpr std::int64_t page_text = 3000;

constexpr MediaRule openai(std::int64_t image) {
    return {image, openai_audio, page_text + image, 0};
}
constexpr MediaRule claude(std::int64_t image) {
    return {image, 0, page_text + image, 0};
}
constexpr MediaRule images_only(std::int64_t image) {
    return {image, gemini_audio, page_text + image, gemini_video};
}

// What nobody told us about: the dearest rule of all but gpt-4o-mini's.
constexpr MediaRule unknown{16'384, gemini_audio, page_text + 16'384, gemini_video};

// First match wins, so longer names come before their families.
constexpr std::array rows{
    Row{"gpt-4o-mini", openai(tiles(2833, 5667))},
    Row{"gpt-4o", openai(tiles(85, 170))},
    Row{"chatgpt-4o", openai(tiles(85, 170))},
    Row{"gpt-4.1-mini", openai(patches(1536, 162))},
    Row{"gpt-4.1-nano", openai(patches(1536, 246))},
    Row{"gpt-4", openai(tiles(85, 170))},
    Row{"o4-mini", openai(patches(1536, 172))},
    Row{"o1", openai(tiles(75, 150))},
    Row{"o3", openai(tiles(75, 150))},
    Row{"computer-use", openai(tiles(65, 129))},
    Row{"gpt-5-mini", openai(patches(1536, 162))},
    Row{"gpt-5-nano", openai(patches(1536, 246))},
    Row{"gpt-5-", openai(tiles(70, 140))},
    Row{"gpt-5.",
        openai(patches(10'000, 246))}, // these take images at their original size: up to 10,000 patches
    Row{"gpt-5", openai(tiles(70, 140))},
    // Anthropic: width × height / 750 after scaling to about 1.15 megapixels; from Opus 4.7 on to 3.75
    // megapixels.
    Row{"claude-3", claude(1640)},
    Row{"claude-sonnet-4", claude(1640)},
    Row{"claude-haiku-4", claude(1640)},
    Row{"claude-opus-4-7", claude(5000)},
    Row{"claude-opus-4.7", claude(5000)},
    Row{"claude-opus-4-8", claude(5000)},
    Row{"claude-opus-4.8", claude(5000)},
    Row{"claude-opus-4-9", claude(5000)},
    Row{"claude-opus-4.9", claude(5000)},
    Row{"claude-opus-4", claude(1640)},
    Row{"claude", claude(5000)},
    // Gemini: 258 a tile of 768 pixels, images scaled to at most 3072 × 3072 (4 × 4 tiles); 3.x: at most
    // 2,240.
    Row{"gemini", images_only(16 * 258)},
    Row{"gemma", images_only(16 * 258)},
    Row{"llama", images_only(6404)}, // four tiles of 1,601
    Row{"pixtral", images_only(4096)},
    Row{"mistral", images_only(4096)},
    Row{"ministral", images_only(4096)},
    Row{"qwen", images_only(16'384)},
};

/// Seconds of audio in `bytes` of base64 at the lowest rate that speech codecs use (6 kbit/s).
constexpr std::int64_t seconds_max(std::int64_t bytes, std::int64_t bytes_per_second) {
    return bytes * 3 / 4 / bytes_per_second + 1;
}

} // namespace

MediaRule media_rule(std::string_view model) noexcept {
    ModelName const name(model);
    for (auto const& row : rows)
        if (name.text().starts_with(row.prefix))
            return row.rule;
    return unknown;
}

std::int64_t media_tokens_max(std::string_view model, MediaParts const& parts) noexcept {
    auto const rule = media_rule(model);
    auto tokens = parts.images * rule.image_tokens_max;

    constexpr std::int64_t lowest_audio_rate = 750; // bytes a second
    if (parts.audio_parts > 0)
        tokens += (seconds_max(parts.audio_bytes, lowest_audio_rate) + parts.audio_parts) *
                  rule.audio_tokens_per_second;
    constexpr std::int64_t lowest_video_rate = 4000;
    if (parts.videos > 0)
        tokens +=
            (seconds_max(parts.video_bytes, lowest_video_rate) + parts.videos) * rule.video_tokens_per_second;

    // A page of a real document takes no less than this; providers refuse documents of more pages.
    constexpr std::int64_t page_bytes_min = 2048;
    constexpr std::int64_t pages_max = 600;
    auto const known = parts.files - parts.files_by_reference;
    if (parts.files > 0) {
        auto const pages = std::min(parts.file_bytes * 3 / 4 / page_bytes_min + known, known * pages_max);
        tokens += (pages + parts.files_by_reference * pages_max) * rule.page_tokens_max;
    }
    return tokens;
}

} // namespace tollgate::metering
