#include <string>

#include "dialects/deltas.hpp"
#include "dialects/json/scan.hpp"

namespace tollgate::dialects {
namespace {

class PromptExtractor {
public:
    PromptExtractor(std::string_view body, PromptFn fn, void* context) : scan_(body), fn_(fn), context_(context) {}

    void read() {
        object([this](std::string_view name) {
            if (name == "messages") messages();
            else if (name == "system" || name == "prompt" || name == "input") texts();
            else if (name == "tools" || name == "functions" || name == "response_format") raw(PromptPart::tools);
            else scan_.skip();
        });
    }

private:
    template <class F>
    void object(F&& member) {
        if (scan_.peek() == '{') scan_.object(member);
        else scan_.skip();
    }
    void raw(PromptPart part) {
        if (scan_.peek() == 'n') return scan_.skip();
        std::size_t const begin = scan_.offset();
        scan_.skip();
        if (!scan_.failed()) fn_(context_, part, scan_.text().substr(begin, scan_.offset() - begin), 0);
    }
    void string(PromptPart part) {
        if (scan_.peek() != '"') return scan_.skip();
        json::Text const text = scan_.string();
        if (scan_.failed()) return;
        decoded_.clear();
        if (text.escaped) (void)json::decode_string(text.raw, decoded_);
        fn_(context_, part, text.escaped ? std::string_view(decoded_) : text.raw, 0);
    }
    void messages() {
        if (scan_.peek() != '[') return scan_.skip();
        scan_.array([this] {
            bool announced = false;
            object([&](std::string_view name) {
                if (name != "role" && !announced) { // text before its role: the message begins all the same
                    fn_(context_, PromptPart::message, {}, 0);
                    announced = true;
                }
                if (name == "role" && !announced) {
                    announced = true;
                    string(PromptPart::message);
                } else if (name == "name") {
                    string(PromptPart::name);
                } else if (name == "content") {
                    texts();
                } else if (name == "tool_calls" || name == "function_call") {
                    calls();
                } else if (name == "reasoning_content" || name == "reasoning" || name == "refusal") {
                    string(PromptPart::text);
                } else {
                    scan_.skip();
                }
            });
        });
    }
    /// A string, token ids, or an array of strings, parts or token id lists.
    void texts() {
        char const first = scan_.peek();
        if (first == '"') return string(PromptPart::text);
        if (first != '[') return scan_.skip();
        std::int64_t ids = 0;
        scan_.array([&] {
            char const c = scan_.peek();
            if (c == '"') return string(PromptPart::text);
            if (c == '[') return texts();
            if (c == '{') return part();
            ids += c == '-' || (c >= '0' && c <= '9') ? 1 : 0;
            scan_.skip();
        });
        if (ids > 0) fn_(context_, PromptPart::token_ids, {}, ids);
    }
    void part() {
        object([this](std::string_view name) {
            if (name == "text" || name == "thinking" || name == "refusal" || name == "title" || name == "context")
                string(PromptPart::text);
            else if (name == "content") texts();
            else if (name == "name") string(PromptPart::text); // of a tool_use block
            else if (name == "input") raw(PromptPart::text);
            else if (name == "source") source();
            else scan_.skip();
        });
    }
    /// Anthropic documents given as text; base64 data is left out.
    void source() {
        std::string_view data;
        bool is_text = false;
        object([&](std::string_view name) {
            if (name == "type" && scan_.peek() == '"') is_text = scan_.string().raw == "text";
            else if (name == "data" && scan_.peek() == '"') data = scan_.string().raw;
            else if (name == "content") texts();
            else scan_.skip();
        });
        if (!is_text || data.empty()) return;
        decoded_.clear();
        (void)json::decode_string(data, decoded_);
        fn_(context_, PromptPart::text, decoded_, 0);
    }
    void calls() {
        auto const function = [this](std::string_view name) {
            if (name == "name" || name == "arguments" || name == "input") string(PromptPart::text);
            else scan_.skip();
        };
        if (scan_.peek() == '{') return scan_.object(function);
        if (scan_.peek() != '[') return scan_.skip();
        scan_.array([&] {
            object([&](std::string_view name) {
                if (name == "function" || name == "custom") object(function);
                else scan_.skip();
            });
        });
    }

    json::LooseScanner scan_;
    PromptFn fn_;
    void* context_;
    std::string decoded_;
};

} // namespace

void extract_prompt(Surface, std::string_view body, PromptFn fn, void* context) {
    PromptExtractor(body, fn, context).read();
}

} // namespace tollgate::dialects
