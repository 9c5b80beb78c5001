#pragma once
// The walk through a request body that fills an Ask. One Reader per body.
#include <bitset>
#include <optional>
#include <string_view>

#include "dialects/ask.hpp"
#include "dialects/json/scan.hpp"

namespace tollgate::dialects {

/// Top-level members that are read; everything else passes unread (but validated).
enum class Field : std::uint8_t {
    none = 0, // not a member we read
    model, stream, stream_options, usage, max_tokens, max_completion_tokens, n, best_of, messages, system, prompt,
    input, tools, functions, user, metadata, reasoning, reasoning_effort, thinking, modalities, audio, prediction,
    service_tier, models, provider, plugins, route, preset, web_search_options, search_parameters, enable_search,
    speed, inference_geo, mcp_servers, cache_control,
    count_
};
Field field_of(std::string_view name) noexcept;

class Reader {
public:
    explicit Reader(Surface surface, std::string_view body) : scan_(body) {
        ask_.surface = surface;
        ask_.body = body;
    }
    Result<Ask> read();

private:
    using Json = json::StrictScanner;
    bool anthropic() const { return dialect_of(ask_.surface) == Dialect::anthropic; }
    void member(std::string_view name);
    void read_field(Field field, std::string_view name);
    void read_limits(Field field, std::string_view name);
    void read_model();
    void read_stream_options();
    void read_usage_option(std::size_t key_begin);
    void read_user(std::string_view name);
    void read_reasoning(Field field);
    void read_priced(Field field, std::string_view name);
    void read_modalities();
    void read_prompt();
    void read_tools();
    void read_messages();
    void read_content();
    void read_part();
    void read_source(std::optional<std::int64_t>& bytes, bool& is_text);
    void note_cache_control();
    void skip_watching_cache();
    std::optional<std::int64_t> read_integer(std::string_view name, std::int64_t min);
    std::optional<bool> read_bool(std::string_view name);
    /// Bytes of an inline payload ("data:…;base64,…" or bare base64) in the string that starts here; nullopt when it
    /// is a remote URL.
    std::optional<std::int64_t> read_payload(bool bare_is_inline);
    void refuse(std::string_view name, std::string message);
    void refuse_type(std::string_view name, std::string_view expected);
    void price(std::string_view field);
    std::optional<Error> check();

    Json scan_;
    Ask ask_;
    std::bitset<static_cast<std::size_t>(Field::count_)> seen_;
    std::optional<Error> refusal_;        // the first wrong field; told only when the JSON is whole
    std::size_t previous_value_end_ = 0;  // 0 before the first member
    bool any_member_ = false;
    std::int64_t n_ = 1, best_of_ = 1, prompts_ = 1;
    int typed_tools_ = 0;
};

} // namespace tollgate::dialects
