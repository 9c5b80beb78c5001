// Request bodies: what we accept is JSON for another parser too, and stays JSON after our splices.
#include <boost/json.hpp>

#include "dialects/ask.hpp"
#include "dialects/deltas.hpp"
#include "dialects/edit.hpp"
#include "fuzz.hpp"

namespace json = boost::json;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace tollgate;
    if (size < 1) return 0;
    constexpr Surface surfaces[] = {Surface::openai_chat, Surface::openai_completions, Surface::openai_embeddings,
                                    Surface::anthropic_messages, Surface::anthropic_count_tokens};
    auto const surface = surfaces[data[0] % 5];
    auto const body = as_text(data + 1, size - 1);
    auto const ask = dialects::understand(surface, body);
    if (!ask) return 0;
    json::parse_options options;
    options.max_depth = 512;
    options.allow_invalid_utf8 = false;
    json::error_code error;
    auto const value = json::parse(body, error, {}, options);
    if (error) return 0; // lone surrogate escapes, which we let pass as bytes
    FUZZ_REQUIRE(value.is_object());
    FUZZ_REQUIRE(std::string_view(value.as_object().at("model").as_string()) == ask->model());
    FUZZ_REQUIRE(ask->text_bytes >= 0 && ask->choices >= 1);
    dialects::Edits edits(body);
    dialects::set_model(edits, *ask, "other/\"model\\");
    if (surface == Surface::openai_chat && ask->stream) dialects::add_include_usage(edits, *ask);
    dialects::remove_usage_option(edits, *ask);
    if (!ask->max_tokens && surface != Surface::openai_embeddings && surface != Surface::anthropic_count_tokens)
        dialects::set_output_limit(edits, *ask, "gpt-4o", 77);
    auto const edited = json::parse(edits.apply(), error, {}, options);
    FUZZ_REQUIRE(!error);
    FUZZ_REQUIRE(edited.as_object().at("model").as_string() == "other/\"model\\");
    dialects::extract_prompt(surface, body, [](void*, dialects::PromptPart, std::string_view, std::int64_t) {}, nullptr);
    return 0;
}
