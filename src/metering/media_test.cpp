#include "metering/media.hpp"

#include <gtest/gtest.h>

namespace tollgate::metering {
namespace {

struct ImageCase {
    std::string_view model;
    std::int64_t tokens;
};
class ImageBound : public testing::TestWithParam<ImageCase> {};

TEST_P(ImageBound, IsTheDearestImageOfTheFamily) {
    EXPECT_EQ(media_tokens_max(GetParam().model, {.images = 1}), GetParam().tokens) << GetParam().model;
    EXPECT_EQ(media_tokens_max(GetParam().model, {.images = 3}), GetParam().tokens * 3) << GetParam().model;
}

INSTANTIATE_TEST_SUITE_P(
    Table, ImageBound,
    testing::Values(ImageCase{"gpt-4o", 1445}, ImageCase{"openai/gpt-4o-2024-08-06", 1445},
                    ImageCase{"gpt-4o-mini", 48'169}, ImageCase{"gpt-4.1", 1445},
                    ImageCase{"gpt-4.1-mini", 2489}, ImageCase{"gpt-4.1-nano", 3779},
                    ImageCase{"o4-mini", 2642}, ImageCase{"o3", 1275}, ImageCase{"gpt-5", 1190},
                    ImageCase{"gpt-5-mini-2025-08-07", 2489}, ImageCase{"gpt-5.4", 24'600},
                    ImageCase{"claude-sonnet-4-5", 1640}, ImageCase{"claude-3-5-haiku-latest", 1640},
                    ImageCase{"claude-opus-4-7", 5000}, ImageCase{"claude-next", 5000},
                    ImageCase{"gemini-2.5-flash", 4128}, ImageCase{"never-heard-of", 16'384}));

TEST(MediaBound, NothingCostsNothing) {
    EXPECT_EQ(media_tokens_max("gpt-4o", {}), 0);
}

TEST(MediaBound, AudioGrowsWithItsBytesAtTheLowestRate) {
    // One minute at 6 kbit/s is 45,000 bytes, 60,000 in base64: 600 tokens and at most two seconds more.
    auto const minute = media_tokens_max("gpt-4o-audio-preview", {.audio_parts = 1, .audio_bytes = 60'000});
    EXPECT_GE(minute, 600);
    EXPECT_LE(minute, 620);
    EXPECT_GT(media_tokens_max("gemini-2.5-pro", {.audio_parts = 1, .audio_bytes = 60'000}), minute);
}

TEST(MediaBound, DocumentsCountAtLeastOnePageAndAtMostWhatProvidersTake) {
    auto const page = media_rule("claude-sonnet-4-5").page_tokens_max;
    EXPECT_EQ(media_tokens_max("claude-sonnet-4-5", {.files = 1, .file_bytes = 10}), page);
    EXPECT_EQ(media_tokens_max("claude-sonnet-4-5", {.files = 1, .file_bytes = 1 << 30}), page * 600);
    EXPECT_EQ(media_tokens_max("claude-sonnet-4-5", {.files = 1, .files_by_reference = 1}), page * 600);
    EXPECT_GT(media_tokens_max("claude-sonnet-4-5", {.files = 2, .file_bytes = 100'000}),
              media_tokens_max("claude-sonnet-4-5", {.files = 1, .file_bytes = 100'000}));
}

} // namespace
} // namespace tollgate::metering
