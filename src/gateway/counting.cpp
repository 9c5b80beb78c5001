#include "gateway/counting.hpp"

#include <string>
#include <vector>

#include "dialects/deltas.hpp"
#include "metering/media.hpp"

namespace tollgate::gateway {
namespace {

/// Bodies up to this size are counted on the I/O thread: about a tenth of a millisecond.
constexpr std::size_t inline_count_bytes = 4 * 1024;

/// Larger bodies are not tokenised: that would cost the processor more than the answer is worth knowing.
constexpr std::size_t counted_bytes_max = 4u << 20;

/// What stands for a count that was not made: about four bytes are a token. An estimate, marked as one; where a bound is
/// needed, the quote by size is one already.
metering::PromptCount bound_by_size(std::size_t bytes) {
    metering::PromptCount bound;
    bound.tokens = static_cast<std::int64_t>(bytes) / 4;
    bound.estimated = true;
    return bound;
}

/// Collects what extract_prompt yields; owns the texts, because they are only valid during the call.
struct PromptParts {
    std::vector<std::string> texts;   // role or text, in order of `parts`
    std::vector<dialects::PromptPart> parts;
    std::int64_t token_ids = 0;

    static void take(void* context, dialects::PromptPart part, std::string_view text, std::int64_t count) {
        auto& self = *static_cast<PromptParts*>(context);
        if (part == dialects::PromptPart::token_ids) {
            self.token_ids += count;
            return;
        }
        self.parts.push_back(part);
        self.texts.emplace_back(text);
    }
};

bool is_chat(Surface s) {
    return s == Surface::openai_chat || s == Surface::anthropic_messages || s == Surface::anthropic_count_tokens;
}

template <Surface surface>
void extract(std::string_view event_data, metering::TextSink& sink) {
    dialects::extract_deltas(
        surface, event_data,
        [](void* context, std::string_view text, std::uint32_t channel) {
            static_cast<metering::TextSink*>(context)->text(channel, text);
        },
        &sink);
}

} // namespace

metering::PromptCount count_prompt(metering::Tokenizer const& tokenizer, metering::ModelEncoding how, Surface surface,
                                   std::string_view body) {
    PromptParts collected;
    dialects::extract_prompt(surface, body, PromptParts::take, &collected);
    metering::PromptCount count;
    if (!is_chat(surface)) { // completions and embeddings: the texts alone, without a chat format around them
        for (auto const& text : collected.texts) count.tokens += tokenizer.count(how, text);
        count.tokens += collected.token_ids;
        count.estimated = !how.exact;
        return count;
    }
    std::vector<metering::ChatText> messages;
    std::string tools;
    bool message_has_text = false;
    for (std::size_t i = 0; i < collected.parts.size(); ++i) {
        std::string_view const text = collected.texts[i];
        switch (collected.parts[i]) {
        case dialects::PromptPart::message:
            messages.push_back(metering::ChatText{.role = text, .content = {}, .name = {}, .continues = false});
            message_has_text = false;
            break;
        case dialects::PromptPart::name:
            if (!messages.empty()) messages.back().name = text;
            break;
        case dialects::PromptPart::text:
            if (!messages.empty() && !message_has_text) {
                messages.back().content = text;
            } else {
                messages.push_back(metering::ChatText{.role = {}, .content = text, .name = {}, .continues = !messages.empty()});
            }
            message_has_text = true;
            break;
        case dialects::PromptPart::tools: tools += text; break;
        case dialects::PromptPart::token_ids: break;
        }
    }
    metering::ChatPrompt prompt;
    prompt.messages = messages;
    prompt.tools_json = tools;
    count = metering::count_chat_prompt(tokenizer, how, prompt);
    count.tokens += collected.token_ids;
    return count;
}

asio::awaitable<metering::PromptCount> count_prompt_async(Services& services, metering::ModelEncoding how,
                                                          Surface surface, std::string_view body) {
    if (body.size() <= inline_count_bytes) co_return count_prompt(services.tokenizer, how, surface, body);
    if (body.size() > counted_bytes_max) co_return bound_by_size(body.size());
    // By value: the job may outlive this coroutine when the server stops.
    auto job = [tokenizer = services.tokenizer, how, surface, text = std::string(body)] {
        return count_prompt(tokenizer, how, surface, text);
    };
    auto counted = co_await services.counting.run(std::move(job));
    if (counted) co_return *counted;
    co_return bound_by_size(body.size()); // the pool is full
}

std::int64_t count_reply(metering::Tokenizer const& tokenizer, metering::ModelEncoding how, Surface surface,
                         std::string_view body) {
    struct Collected {
        std::string text;
    } collected;
    dialects::extract_reply_text(
        surface, body,
        [](void* context, std::string_view text, std::uint32_t) { static_cast<Collected*>(context)->text += text; }, &collected);
    return tokenizer.count(how, collected.text);
}

std::int64_t media_bound(dialects::Ask const& ask, std::string_view provider_model) {
    if (ask.media.none()) return 0;
    metering::MediaParts parts;
    parts.images = ask.media.images;
    parts.audio_parts = ask.media.audios;
    parts.audio_bytes = ask.media.audio_bytes;
    parts.files = ask.media.files;
    parts.file_bytes = ask.media.file_bytes;
    parts.files_by_reference = ask.media.remote_files;
    return metering::media_tokens_max(provider_model, parts);
}

metering::DeltaExtractor delta_extractor(Surface surface) noexcept {
    switch (surface) {
    case Surface::openai_completions: return extract<Surface::openai_completions>;
    case Surface::anthropic_messages: return extract<Surface::anthropic_messages>;
    default: return extract<Surface::openai_chat>;
    }
}

} // namespace tollgate::gateway
