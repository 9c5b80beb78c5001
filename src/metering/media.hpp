#pragma once
// Upper bounds for what images, audio and files may cost in input tokens, for holds. Nothing is decoded:
// images are bounded by the model's own rule (providers scale them down first), audio and documents by their
// size in bytes. Settlement charges what the provider reports; a bound only decides how much is held
// meanwhile.
#include <cstdint>
#include <string_view>

namespace tollgate::metering {

/// What a request carries besides text. Byte sizes are those in the request: base64 text where inline, 0 when
/// the part is only referenced by URL or file id.
struct MediaParts {
    std::int64_t images = 0;
    std::int64_t audio_parts = 0;
    std::int64_t audio_bytes = 0;
    std::int64_t files = 0; ///< PDFs and other documents
    std::int64_t file_bytes = 0;
    std::int64_t files_by_reference = 0; ///< of `files`, those whose size is not known
    std::int64_t videos = 0;
    std::int64_t video_bytes = 0;
};

struct MediaRule {
    std::int64_t image_tokens_max; ///< the dearest single image
    std::int64_t audio_tokens_per_second;
    std::int64_t page_tokens_max; ///< one page of a document, text and picture of it
    std::int64_t video_tokens_per_second;
};

/// The rule of a model family by name, as encoding_for_model reads names. Unknown models get the dearest
/// known rule.
MediaRule media_rule(std::string_view model) noexcept;

/// Tokens that the media parts cost at most.
std::int64_t media_tokens_max(std::string_view model, MediaParts const& parts) noexcept;

} // namespace tollgate::metering
