#include "dialects/deltas.hpp"

#include <algorithm>
#include <string>

#include "dialects/json/scan.hpp"

namespace tollgate::dialects {
namespace {

using Json = json::LooseScanner;

/// Channels of one choice: content, reasoning, refusal, then its tool calls.
constexpr std::uint32_t channels_per_choice = 64;
enum Channel : std::uint32_t { content = 0, reasoning = 1, refusal = 2, first_tool = 3 };

/// Decodes strings and hands them on.
class Extractor {
public:
    Extractor(std::string_view text, TextFn fn, void* context) : scan_(text), fn_(fn), context_(context) {}

    void openai();
    void anthropic();

private:
    void emit(std::uint32_t channel) {
        if (scan_.peek() != '"') return scan_.skip();
        json::Text const text = scan_.string();
        if (scan_.failed() || text.raw.empty()) return;
        if (!text.escaped) return fn_(context_, text.raw, channel);
        decoded_.clear();
        (void)json::decode_string(text.raw, decoded_);
        fn_(context_, decoded_, channel);
    }
    /// JSON that the model wrote itself (a tool's input): its text stands for its tokens.
    void emit_raw(std::uint32_t channel) {
        (void)scan_.peek();
        std::size_t const begin = scan_.offset();
        scan_.skip();
        std::string_view const text = scan_.text().substr(begin, scan_.offset() - begin);
        if (!scan_.failed() && text != "{}") fn_(context_, text, channel); // a block that streams begins with {}
    }
    template <class F>
    void object(F&& member) {
        if (scan_.peek() == '{') scan_.object(member);
        else scan_.skip();
    }
    template <class F>
    void array(F&& element) {
        if (scan_.peek() == '[') scan_.array(element);
        else scan_.skip();
    }
    static std::uint32_t bounded(std::optional<std::int64_t> index) {
        return static_cast<std::uint32_t>(std::clamp<std::int64_t>(index.value_or(0), 0, 1'000'000));
    }
    void openai_message(std::uint32_t base);
    void openai_call(std::uint32_t channel);
    void anthropic_block(std::uint32_t channel);

    Json scan_;
    TextFn fn_;
    void* context_;
    std::string decoded_;
};

/// `{"name":…,"arguments":…}` of a function or custom tool call.
void Extractor::openai_call(std::uint32_t channel) {
    object([&](std::string_view name) {
        if (name == "name" || name == "arguments" || name == "input") emit(channel);
        else scan_.skip();
    });
}

/// A `delta` or a `message`.
void Extractor::openai_message(std::uint32_t base) {
    bool reasoning_seen = false; // some providers send the same text under two names
    object([&](std::string_view name) {
        if (name == "content") {
            if (scan_.peek() != '[') return emit(base + content);
            return array([&] { // parts: Mistral and others
                object([&](std::string_view part) {
                    if (part == "text") emit(base + content);
                    else scan_.skip();
                });
            });
        }
        if (name == "reasoning_content" || name == "reasoning") {
            if (reasoning_seen) return scan_.skip();
            reasoning_seen = scan_.peek() == '"';
            return emit(base + reasoning);
        }
        if (name == "refusal") return emit(base + refusal);
        if (name == "function_call") return openai_call(base + first_tool);
        if (name != "tool_calls") return scan_.skip();
        std::uint32_t position = 0;
        array([&] {
            std::uint32_t channel = base + first_tool + std::min(position++, channels_per_choice - first_tool - 1);
            object([&](std::string_view call) {
                if (call == "index" && scan_.peek() != 'n') {
                    auto const index = bounded(json::plain_integer(scan_.number()));
                    channel = base + first_tool + std::min(index, channels_per_choice - first_tool - 1);
                } else if (call == "function" || call == "custom") {
                    openai_call(channel);
                } else {
                    scan_.skip();
                }
            });
        });
    });
}

/// A chunk or a whole reply: `choices[].delta`, `.message` or `.text`.
void Extractor::openai() {
    object([&](std::string_view name) {
        if (name != "choices") return scan_.skip();
        std::uint32_t position = 0;
        array([&] {
            // `index` stands before the delta in every known stream; without it the position counts.
            std::uint32_t choice = position++;
            object([&](std::string_view member) {
                if (member == "index" && scan_.peek() != 'n') choice = bounded(json::plain_integer(scan_.number()));
                else if (member == "delta" || member == "message") openai_message(choice * channels_per_choice);
                else if (member == "text") emit(choice * channels_per_choice);
                else scan_.skip();
            });
        });
    });
}

/// A content block, or a delta of one.
void Extractor::anthropic_block(std::uint32_t channel) {
    object([&](std::string_view name) {
        if (name == "text" || name == "thinking" || name == "partial_json" || name == "name") emit(channel);
        else if (name == "input" && scan_.peek() == '{') emit_raw(channel);
        else scan_.skip();
    });
}

void Extractor::anthropic() {
    std::uint32_t index = 0;
    object([&](std::string_view name) {
        if (name == "index" && scan_.peek() != 'n') {
            index = bounded(json::plain_integer(scan_.number()));
        } else if (name == "delta" || name == "content_block") {
            anthropic_block(index);
        } else if (name == "content") {
            std::uint32_t block = 0;
            array([&] { anthropic_block(block++); });
        } else {
            scan_.skip();
        }
    });
}

} // namespace

void extract_deltas(Surface surface, std::string_view event_data, TextFn fn, void* context) {
    Extractor extractor(event_data, fn, context);
    if (dialect_of(surface) == Dialect::anthropic) extractor.anthropic();
    else extractor.openai();
}

void extract_reply_text(Surface surface, std::string_view body, TextFn fn, void* context) {
    if (surface == Surface::openai_embeddings || surface == Surface::anthropic_count_tokens) return;
    extract_deltas(surface, body, fn, context);
}

} // namespace tollgate::dialects
