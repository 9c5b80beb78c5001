#include "dialects/ask/reader.hpp"

#include <algorithm>

namespace tollgate::dialects {
namespace {

/// Hidden prompt that providers add when tools are offered at all, and for each of their own client-side tools
/// (bash, text editor, computer …): upper bounds over what vendors document.
constexpr std::int64_t tools_prompt_tokens = 1024;
constexpr std::int64_t typed_tool_tokens = 1024;

bool has_control_characters(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        auto const u = static_cast<unsigned char>(c);
        return u < 0x20 || u == 0x7f;
    });
}

} // namespace

Result<Ask> Reader::read() {
    if (ask_.body.empty()) return fail(Errc::malformed_json, "the body is empty; send a JSON object");
    if (scan_.peek() != '{') {
        scan_.skip();
        scan_.expect_end();
        if (!scan_.failed()) return fail(Errc::invalid_request, "the body must be a JSON object");
    } else {
        ask_.object_open = Range{scan_.offset(), scan_.offset() + 1};
        scan_.object([this](std::string_view name) { member(name); });
        scan_.expect_end();
    }
    if (scan_.failed())
        return fail(Errc::malformed_json, "the body is not valid JSON: " + std::string(scan_.error()) + " at " +
                                              json::position_text(ask_.body, scan_.error_at()));
    if (scan_.saw_non_ascii() && !json::valid_utf8(ask_.body))
        return fail(Errc::malformed_json, "the body is not valid UTF-8");
    if (auto error = check()) return Fail(std::move(*error));
    return std::move(ask_);
}

/// What can be judged only when all members were seen.
std::optional<Error> Reader::check() {
    if (refusal_) return std::move(refusal_);
    if (!seen_[static_cast<std::size_t>(Field::model)])
        return Error(Errc::invalid_request, "model: field required; name the model to call", "model");
    if (ask_.surface == Surface::anthropic_messages && !ask_.max_tokens)
        return Error(Errc::invalid_request, "max_tokens: field required", "max_tokens");
    ask_.choices = std::max(n_, best_of_) * prompts_;
    if (ask_.choices > named_tokens_max)
        return Error(Errc::invalid_request, "n: too many choices for this many prompts", "n");
    ask_.text_bytes = static_cast<std::int64_t>(ask_.body.size()) - ask_.media.bytes();
    ask_.overhead_tokens = (ask_.has_tools ? tools_prompt_tokens : 0) + typed_tools_ * typed_tool_tokens;
    return std::nullopt;
}

void Reader::member(std::string_view name) {
    Field const field = field_of(name);
    std::size_t const key_begin = scan_.key_begin();
    if (field == Field::none) {
        skip_watching_cache();
    } else {
        auto const bit = static_cast<std::size_t>(field);
        if (seen_[bit]) refuse(name, std::string(name) + ": given twice; send it once");
        seen_[bit] = true;
        if (field == Field::usage) read_usage_option(key_begin);
        else read_field(field, name);
    }
    previous_value_end_ = scan_.offset();
    any_member_ = ask_.has_members = true;
}

void Reader::read_field(Field field, std::string_view name) {
    switch (field) {
    case Field::model: return read_model();
    case Field::stream:
        ask_.stream = read_bool("stream").value_or(false);
        return;
    case Field::stream_options: return read_stream_options();
    case Field::max_tokens:
    case Field::max_completion_tokens:
    case Field::n:
    case Field::best_of: return read_limits(field, name);
    case Field::messages: return read_messages();
    case Field::system: return read_content();
    case Field::prompt: return read_prompt();
    case Field::tools: return read_tools();
    case Field::functions:
        ask_.has_tools |= scan_.peek() == '[';
        return scan_.skip();
    case Field::user:
    case Field::metadata: return read_user(field == Field::user ? "user" : "metadata");
    case Field::reasoning:
    case Field::reasoning_effort:
    case Field::thinking: return read_reasoning(field);
    case Field::modalities: return read_modalities();
    case Field::audio:
        ask_.wants_audio |= scan_.peek() == '{';
        return scan_.skip();
    case Field::prediction: {
        // Predicted text that does not match is billed as output beyond the limit; it has at most its own bytes.
        std::size_t const begin = scan_.offset();
        bool const given = scan_.peek() != 'n';
        scan_.skip();
        if (!given) return;
        ask_.extra_output_tokens = static_cast<std::int64_t>(scan_.offset() - begin);
        ask_.reasoning = true;
        return;
    }
    case Field::cache_control: return note_cache_control();
    case Field::input: return scan_.skip();
    default: return read_priced(field, name);
    }
}

void Reader::read_model() {
    if (scan_.peek() != '"') return refuse_type("model", "a string");
    std::size_t const begin = scan_.offset();
    json::Text const text = scan_.string();
    if (scan_.failed()) return;
    ask_.model_range = Range{begin, scan_.offset()};
    ask_.model_view = text.raw;
    if (text.escaped) {
        ask_.model_escaped = true;
        ask_.model_text.clear();
        if (!json::decode_string(text.raw, ask_.model_text))
            return refuse("model", "model: not a valid string (a lone surrogate)");
    }
    std::string_view const model = ask_.model();
    if (model.empty()) return refuse("model", "model: must not be empty; name the model to call");
    if (model.size() > model_name_max) return refuse("model", "model: longer than 512 bytes");
    if (has_control_characters(model)) return refuse("model", "model: must not contain control characters");
    if (model.ends_with(":online")) price("model:online");
    if (model.ends_with(":nitro")) price("model:nitro");
}

void Reader::read_limits(Field field, std::string_view name) {
    if (field == Field::n) {
        n_ = read_integer("n", 1).value_or(1);
        return;
    }
    if (field == Field::best_of) {
        best_of_ = read_integer("best_of", 1).value_or(1);
        return;
    }
    std::string_view const own = field == Field::max_tokens ? "max_tokens" : "max_completion_tokens";
    (void)scan_.peek();
    Range range{scan_.offset(), 0};
    auto const value = read_integer(name, 0);
    range.end = scan_.offset();
    if (scan_.failed()) return;
    if (!value) {
        ask_.max_tokens_null = range;
        ask_.max_tokens_null_field = own;
    } else if (!ask_.max_tokens || *value > *ask_.max_tokens) {
        ask_.max_tokens = value;
        ask_.max_tokens_field = own;
        ask_.max_tokens_value = range;
    }
}

void Reader::read_stream_options() {
    char const first = scan_.peek();
    ask_.stream_options.begin = scan_.offset();
    if (first == 'n') {
        ask_.stream_options_null = scan_.null();
    } else if (first == '{') {
        bool given = false;
        scan_.object([&](std::string_view name) {
            ask_.stream_options_has_members = true;
            if (name != "include_usage") return scan_.skip();
            if (given) refuse("stream_options", "stream_options.include_usage: given twice; send it once");
            given = true;
            (void)scan_.peek();
            std::size_t const begin = scan_.offset();
            ask_.include_usage = read_bool("stream_options.include_usage").value_or(false);
            ask_.include_usage_value = Range{begin, scan_.offset()};
        });
    } else {
        return refuse_type("stream_options", "an object");
    }
    ask_.stream_options.end = scan_.offset();
}

/// Ours, not the provider's: `{"include": true}`. The whole member is marked for removal with one comma.
void Reader::read_usage_option(std::size_t key_begin) {
    bool const first = !any_member_;
    std::size_t const before = previous_value_end_;
    if (scan_.peek() == '{') {
        scan_.object([&](std::string_view name) {
            if (name == "include") ask_.usage_include = read_bool("usage.include").value_or(false);
            else scan_.skip();
        });
    } else if (!scan_.null()) {
        return refuse_type("usage", "an object such as {\"include\": true}");
    }
    std::size_t const value_end = scan_.offset();
    if (!first) ask_.usage_member = Range{before, value_end};
    else ask_.usage_member = Range{key_begin, scan_.peek() == ',' ? scan_.offset() + 1 : value_end};
}

void Reader::read_user(std::string_view name) {
    auto const keep = [this] {
        json::Text const text = scan_.string();
        ask_.user_view = text.raw;
        ask_.user_escaped = text.escaped;
        ask_.user_text.clear();
        if (text.escaped) (void)json::decode_string(text.raw, ask_.user_text);
    };
    if (name == "user") {
        if (scan_.peek() == '"') return keep();
        if (!scan_.null()) refuse_type("user", "a string");
        return;
    }
    if (!anthropic() || scan_.peek() != '{') return scan_.skip();
    scan_.object([&](std::string_view member_name) {
        if (member_name == "user_id" && scan_.peek() == '"') keep();
        else scan_.skip();
    });
}

void Reader::read_reasoning(Field field) {
    char const first = scan_.peek();
    if (first == '"') {
        bool const off = scan_.string().raw == "none";
        ask_.reasoning |= !off;
    } else if (first == '{') {
        bool off = false;
        scan_.object([&](std::string_view name) {
            if (field == Field::thinking && name == "type" && scan_.peek() == '"')
                off = scan_.string().raw == "disabled";
            else scan_.skip();
        });
        ask_.reasoning |= !off;
    } else {
        ask_.reasoning |= first != 'n';
        scan_.skip();
    }
}

void Reader::read_modalities() {
    if (scan_.peek() != '[') return scan_.skip();
    scan_.array([this] {
        if (scan_.peek() != '"') return scan_.skip();
        std::string_view const kind = scan_.string().raw;
        ask_.wants_audio |= kind == "audio";
        ask_.wants_images |= kind == "image";
    });
}

/// Fields that change the provider's bill. null, false and empty containers ask for nothing.
void Reader::read_priced(Field field, std::string_view name) {
    char const first = scan_.peek();
    std::size_t const begin = scan_.offset();
    // The name may live in the scanner's scratch; the list keeps static text.
    std::string_view const shown = [field, name]() -> std::string_view {
        switch (field) {
        case Field::service_tier: return "service_tier";
        case Field::models: return "models";
        case Field::provider: return "provider";
        case Field::plugins: return "plugins";
        case Field::route: return "route";
        case Field::preset: return "preset";
        case Field::web_search_options: return "web_search_options";
        case Field::search_parameters: return "search_parameters";
        case Field::enable_search: return "enable_search";
        case Field::speed: return "speed";
        case Field::inference_geo: return "inference_geo";
        case Field::mcp_servers: return "mcp_servers";
        default: return "unknown";
        }
    }();
    if (first == '"') {
        std::string_view const value = scan_.string().raw;
        bool harmless = value.empty();
        if (field == Field::service_tier)
            harmless = value == "auto" || value == "default" || (anthropic() && value == "standard_only");
        if (field == Field::speed) harmless = value == "standard";
        if (field == Field::inference_geo) harmless = value == "global";
        if (!harmless) price(shown);
        return;
    }
    bool empty = first == 'n' || first == 'f';
    if (field != Field::web_search_options && first == '{') {
        empty = true;
        scan_.object([&](std::string_view) {
            empty = false;
            scan_.skip();
        });
    } else if (first == '[') {
        empty = true;
        scan_.array([&] {
            empty = false;
            scan_.skip();
        });
    } else {
        scan_.skip();
    }
    if (!empty && scan_.offset() > begin) price(shown);
}

void Reader::skip_watching_cache() {
    if (!anthropic()) return scan_.skip();
    auto const hook = [this](std::string_view name) {
        if (name != "cache_control") return false;
        note_cache_control();
        return true;
    };
    scan_.skip(hook);
}

void Reader::note_cache_control() {
    if (scan_.peek() != '{') return scan_.skip();
    auto lifetime = CacheWrite::five_minutes;
    scan_.object([&](std::string_view name) {
        if (name == "ttl" && scan_.peek() == '"') {
            if (scan_.string().raw != "5m") lifetime = CacheWrite::one_hour; // the dearer one for any unknown lifetime
        } else {
            scan_.skip();
        }
    });
    ask_.cache_write = std::max(ask_.cache_write, lifetime);
}

std::optional<std::int64_t> Reader::read_integer(std::string_view name, std::int64_t min) {
    if (scan_.null()) return std::nullopt;
    std::string const field(name);
    char const first = scan_.peek();
    if (first != '-' && (first < '0' || first > '9')) {
        refuse_type(field, "an integer");
        return std::nullopt;
    }
    auto const value = json::plain_integer(scan_.number());
    if (scan_.failed()) return std::nullopt;
    if (!value || *value < min || *value > named_tokens_max) {
        refuse(field, field + ": must be an integer between " + std::to_string(min) + " and " +
                          std::to_string(named_tokens_max));
        return std::nullopt;
    }
    return value;
}

std::optional<bool> Reader::read_bool(std::string_view name) {
    switch (scan_.peek()) {
    case 't': scan_.literal("true"); return true;
    case 'f': scan_.literal("false"); return false;
    case 'n': scan_.literal("null"); return std::nullopt;
    default: refuse_type(name, "true or false"); return std::nullopt;
    }
}

void Reader::refuse(std::string_view name, std::string message) {
    if (!refusal_) refusal_ = Error(Errc::invalid_request, std::move(message), std::string(name));
}

/// The value is passed over, so that malformed JSON behind it is still found first.
void Reader::refuse_type(std::string_view name, std::string_view expected) {
    refuse(name, std::string(name) + ": must be " + std::string(expected));
    scan_.skip();
}

void Reader::price(std::string_view field) {
    auto& fields = ask_.priced_fields;
    if (std::find(fields.begin(), fields.end(), field) == fields.end()) fields.push_back(field);
}

Result<Ask> understand(Surface surface, std::string_view body) { return Reader(surface, body).read(); }

} // namespace tollgate::dialects
