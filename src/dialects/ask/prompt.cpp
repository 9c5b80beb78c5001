// The prompt: messages and their parts, media, tools. Text is only measured; payloads are never decoded.
#include <array>

#include "dialects/ask/reader.hpp"

namespace tollgate::dialects {
namespace {

struct ToolRow {
    std::string_view prefix; ///< of the tool's `type`
    std::string_view priced; ///< empty: executed by the caller, billed as tokens only
};
// Anthropic's and others' tools by type; dated names share a prefix. Any other type is refused as unknown.
constexpr std::array tool_rows{
    ToolRow{"bash_", ""},
    ToolRow{"text_editor_", ""},
    ToolRow{"computer_", ""},
    ToolRow{"browser_toolset_", ""},
    ToolRow{"memory_", ""},
    ToolRow{"tool_search_tool", ""},
    ToolRow{"web_search", "tools.web_search"},
    ToolRow{"web_fetch", "tools.web_fetch"},
    ToolRow{"code_execution", "tools.code_execution"},
    ToolRow{"code_interpreter", "tools.code_execution"},
    ToolRow{"mcp", "tools.mcp"},
};

} // namespace

void Reader::read_prompt() {
    if (scan_.peek() != '[') return scan_.skip();
    std::int64_t texts = 0;
    scan_.array([&] {
        char const first = scan_.peek();
        texts += first == '"' || first == '[' ? 1 : 0; // bare numbers are the token ids of one prompt
        scan_.skip();
    });
    prompts_ = std::max<std::int64_t>(texts, 1);
}

void Reader::read_tools() {
    if (scan_.null()) return;
    if (scan_.peek() != '[') return refuse_type("tools", "an array");
    scan_.array([this] {
        ask_.has_tools = true;
        if (scan_.peek() != '{') return scan_.skip();
        scan_.object([this](std::string_view name) {
            if (name == "cache_control") return note_cache_control();
            if (name != "type" || scan_.peek() != '"') return skip_watching_cache();
            std::string_view const type = scan_.string().raw;
            if (type == "function" || type == "custom") return;
            for (ToolRow const& row : tool_rows)
                if (anthropic() ? type.starts_with(row.prefix) : !row.priced.empty() && type.starts_with(row.prefix)) {
                    if (row.priced.empty()) ++typed_tools_;
                    else price(row.priced);
                    return;
                }
            price("tools.type");
        });
    });
}

void Reader::read_messages() {
    if (scan_.null()) return;
    if (scan_.peek() != '[') return refuse_type("messages", "an array");
    scan_.array([this] {
        ++ask_.messages;
        if (scan_.peek() != '{') return refuse_type("messages", "an array of objects");
        bool content_seen = false;
        scan_.object([&](std::string_view name) {
            if (name != "content") return skip_watching_cache();
            if (content_seen) refuse("messages", "messages: a message gives 'content' twice; send it once");
            content_seen = true;
            read_content();
        });
    });
}

/// A string, or an array of parts; also Anthropic's `system` and the content of tool results and documents.
void Reader::read_content() {
    if (scan_.peek() != '[') return skip_watching_cache();
    scan_.array([this] {
        if (scan_.peek() == '{') read_part();
        else scan_.skip();
    });
}

std::optional<std::int64_t> Reader::read_payload(bool bare_is_inline) {
    std::string_view const raw = scan_.string().raw;
    if (raw.starts_with("data:")) {
        std::size_t const comma = raw.substr(0, 256).find(',');
        return static_cast<std::int64_t>(comma == std::string_view::npos ? 0 : raw.size() - comma - 1);
    }
    if (bare_is_inline) return static_cast<std::int64_t>(raw.size());
    return std::nullopt;
}

/// One part. Its type may come after its payload, so both are gathered first. Only what stands in the payload field
/// of its own type counts as media; everything else is text.
void Reader::read_part() {
    enum class Type { other, image, audio, file, video } type = Type::other;
    std::optional<std::int64_t> image, audio, file, video, source; // inline bytes; nullopt = none or remote
    bool low_detail = false, source_is_text = false;
    std::bitset<8> seen;
    auto const once = [&](std::size_t bit) {
        if (seen[bit]) refuse("messages", "messages: a content part gives a member twice; send it once");
        seen[bit] = true;
    };
    auto const url_object = [&](std::optional<std::int64_t>& bytes, std::string_view payload, bool bare_is_inline) {
        if (scan_.peek() == '"') {
            bytes = read_payload(false);
            return;
        }
        if (scan_.peek() != '{') return scan_.skip();
        bool payload_seen = false;
        scan_.object([&](std::string_view name) {
            if (scan_.peek() != '"') return skip_watching_cache();
            if (name == payload) {
                if (payload_seen) refuse("messages", "messages: a content part gives its data twice; send it once");
                payload_seen = true;
                bytes = read_payload(bare_is_inline);
            } else if (name == "detail") {
                low_detail = scan_.string().raw == "low";
            } else {
                (void)scan_.string();
            }
        });
    };
    scan_.object([&](std::string_view name) {
        if (name == "type" && scan_.peek() == '"') {
            once(0);
            std::string_view const t = scan_.string().raw;
            if (t == "image_url" || t == "image") type = Type::image;
            else if (t == "input_audio") type = Type::audio;
            else if (t == "file" || t == "document") type = Type::file;
            else if (t == "video_url" || t == "input_video") type = Type::video;
        } else if (name == "image_url") {
            once(1);
            url_object(image, "url", false);
        } else if (name == "input_audio") {
            once(2);
            url_object(audio, "data", true);
        } else if (name == "file") {
            once(3);
            url_object(file, "file_data", true);
        } else if (name == "video_url") {
            once(4);
            url_object(video, "url", false);
        } else if (name == "source" && scan_.peek() == '{') {
            once(5);
            read_source(source, source_is_text);
        } else if (name == "content") {
            once(6);
            read_content();
        } else if (name == "cache_control") {
            note_cache_control();
        } else {
            skip_watching_cache();
        }
    });
    Media& media = ask_.media;
    auto const bytes_or_remote = [](std::optional<std::int64_t> bytes, std::int64_t& sum, int& remote) {
        if (bytes) sum += *bytes;
        else ++remote;
    };
    switch (type) {
    case Type::other: return;
    case Type::image:
        ++media.images;
        media.low_detail_images += low_detail ? 1 : 0;
        return bytes_or_remote(anthropic() ? source : image, media.image_bytes, media.remote_images);
    case Type::audio:
        ++media.audios;
        return bytes_or_remote(audio, media.audio_bytes, media.remote_files);
    case Type::file:
        if (source_is_text) return; // text, counted as text
        ++media.files;
        return bytes_or_remote(anthropic() ? source : file, media.file_bytes, media.remote_files);
    case Type::video:
        ++media.videos;
        return bytes_or_remote(video, media.video_bytes, media.remote_files);
    }
}

/// Anthropic `source`: base64 data, text, content blocks, or a reference by url or file id.
void Reader::read_source(std::optional<std::int64_t>& bytes, bool& is_text) {
    std::optional<std::int64_t> data;
    bool base64 = false, type_seen = false, data_seen = false;
    scan_.object([&](std::string_view name) {
        if (name == "type" && scan_.peek() == '"') {
            if (type_seen) refuse("messages", "messages: a source gives 'type' twice; send it once");
            type_seen = true;
            std::string_view const type = scan_.string().raw;
            base64 = type == "base64";
            is_text = type == "text" || type == "content";
        } else if (name == "data" && scan_.peek() == '"') {
            if (data_seen) refuse("messages", "messages: a source gives 'data' twice; send it once");
            data_seen = true;
            data = static_cast<std::int64_t>(scan_.string().raw.size());
        } else if (name == "content") {
            read_content();
        } else {
            skip_watching_cache();
        }
    });
    if (base64) bytes = data;
}

} // namespace tollgate::dialects
