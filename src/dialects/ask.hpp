#pragma once
// What the gateway understands of a request body, without copying or changing it: which model, how much output at
// most, how much input at most, and which fields would change the provider's bill. Everything else passes unread.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "types/surface.hpp"
#include "types/usage.hpp"

namespace tollgate::dialects {

/// Bytes [begin, end) of the body; empty (begin == end) when the thing is not there.
struct Range {
    std::size_t begin = 0;
    std::size_t end = 0;
    bool empty() const { return begin == end; }
    std::size_t size() const { return end - begin; }
    friend bool operator==(Range, Range) = default;
};

/// Non-text parts of the prompt. Byte counts are of the encoded (base64) payloads carried in the body itself; parts
/// given by URL or file id have no bytes here and are counted in `remote_*`: their size is unknown to us.
struct Media {
    int images = 0;          ///< inline and remote
    int audios = 0;
    int files = 0;           ///< documents, PDFs
    int videos = 0;
    int remote_images = 0;
    int remote_files = 0;    ///< of files, audios and videos together
    int low_detail_images = 0; ///< OpenAI `detail: "low"`; a part of `images`
    std::int64_t image_bytes = 0;
    std::int64_t audio_bytes = 0;
    std::int64_t file_bytes = 0;
    std::int64_t video_bytes = 0;
    std::int64_t bytes() const { return image_bytes + audio_bytes + file_bytes + video_bytes; }
    bool none() const { return images == 0 && audios == 0 && files == 0 && videos == 0; }
};

/// How long prompt cache entries that the caller asks to write would live (Anthropic `cache_control`).
enum class CacheWrite : std::uint8_t { none = 0, five_minutes, one_hour };

/// The largest number of tokens or choices a body may name; more is a 400.
inline constexpr std::int64_t named_tokens_max = 2'147'483'647;
/// Deeper nesting than this is refused as malformed.
inline constexpr int json_depth_max = 256;
inline constexpr std::size_t model_name_max = 512; ///< bytes

/// A view of one request body: valid as long as the body's bytes stay where they are.
struct Ask {
    Surface surface = Surface::openai_chat;
    std::string_view body;

    /// The model asked for, unescaped; never empty, without control characters.
    std::string_view model() const { return model_escaped ? std::string_view(model_text) : model_view; }
    /// The caller's own end-user id (OpenAI `user`, Anthropic `metadata.user_id`), unescaped; empty = none.
    std::string_view user() const { return user_escaped ? std::string_view(user_text) : user_view; }

    Range model_range;           ///< the JSON string value, quotes included: what Edits replaces
    Range object_open;           ///< the body's opening brace: where new first members go
    bool has_members = false;    ///< the top-level object is not empty (always true after a successful understand)

    bool stream = false;
    bool include_usage = false;  ///< the caller itself asked for the usage chunk (`stream_options.include_usage`)
    Range stream_options;        ///< its value: an object or null; empty = not given
    bool stream_options_null = false;
    bool stream_options_has_members = false;
    Range include_usage_value;   ///< the value of stream_options.include_usage; empty = not given

    bool usage_include = false;  ///< our own `"usage":{"include":true}`: the caller wants the charge in the reply
    Range usage_member;          ///< what to delete so that it does not reach the provider, comma included

    /// The output limit the caller named: the larger one when it named both OpenAI fields. nullopt = none.
    std::optional<std::int64_t> max_tokens;
    std::string_view max_tokens_field; ///< "max_tokens" or "max_completion_tokens"; empty = none
    Range max_tokens_value;            ///< the number of `max_tokens_field`
    Range max_tokens_null;             ///< a `null` given in its place, to be replaced when a limit is set
    std::string_view max_tokens_null_field;
    std::int64_t choices = 1;          ///< max(n, best_of): every choice is billed

    /// Upper bound of the text tokens of the prompt: all bytes of the body but inline media payloads. A token is at
    /// least one byte in every tokenizer we bill by.
    std::int64_t text_bytes = 0;
    /// Prompt tokens a provider adds on its own for tools (hidden system prompts): upper bound, 0 without tools.
    std::int64_t overhead_tokens = 0;
    /// Output tokens that may be billed beyond the output limit (rejected `prediction` text).
    std::int64_t extra_output_tokens = 0;
    Media media;
    int messages = 0;
    bool has_tools = false;
    bool wants_audio = false;    ///< output modalities name audio
    bool wants_images = false;   ///< output modalities name image
    /// Reasoning was asked for by a field of the body: output is billed that no stream shows. Models that always
    /// reason are known by name: `bills_unseen_output(model)`.
    bool reasoning = false;
    CacheWrite cache_write = CacheWrite::none;

    /// Fields of this body that change what the provider charges beyond token counts (SPEC-fixed refusals), by the
    /// name to show: "service_tier", "tools.web_search", "model:online" … Static text. Empty for ordinary bodies.
    std::vector<std::string_view> priced_fields;

    /// Upper bound of prompt tokens without media.
    std::int64_t prompt_tokens_bound() const { return text_bytes + overhead_tokens; }

    std::string_view model_view, user_view;
    std::string model_text, user_text; ///< used when the JSON text had escapes
    bool model_escaped = false, user_escaped = false;
};

/// Validates the whole body as strict JSON (UTF-8, depth ≤ json_depth_max, nothing behind the object) and reads what
/// Ask holds. Pure, thread-safe; needs no padding behind the body; never decodes base64. `body` must outlive the Ask.
/// Errors: malformed_json (message names line, column and byte), invalid_request (param names the field: missing,
/// wrong type, out of range, or given twice).
Result<Ask> understand(Surface surface, std::string_view body);

/// The bucket whose price covers a priced field, if its use is reported in usage (Anthropic web search): the gateway
/// lets the field pass when the model's price has that bucket.
std::optional<Bucket> covering_bucket(Surface surface, std::string_view priced_field) noexcept;

/// Whether a model bills output that its stream does not show, whatever the body says (OpenAI o-series and gpt-5,
/// and others known to always reason). Accepts vendor prefixes ("openai/o3") and dated names.
bool bills_unseen_output(std::string_view model) noexcept;

/// The field in which an OpenAI chat model takes its output limit: "max_completion_tokens" for o-series and gpt-5
/// and later, else "max_tokens". For the other surfaces always "max_tokens".
std::string_view output_limit_field(Surface surface, std::string_view provider_model) noexcept;

} // namespace tollgate::dialects
