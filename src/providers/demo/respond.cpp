#include <algorithm>
#include <boost/json.hpp>

#include "dialects/errors.hpp"
#include "providers/demo/dress.hpp"

namespace tollgate::providers::demo {
namespace {

constexpr std::int64_t choices_max = 128;
constexpr std::size_t dimensions_default = 8, dimensions_max = 4096;

Errc errc_of(int status) {
    switch (status) {
    case 401: return Errc::unauthenticated;
    case 402: return Errc::insufficient_credits;
    case 403: return Errc::forbidden;
    case 404: return Errc::not_found;
    case 408: return Errc::request_timeout;
    case 409: return Errc::conflict;
    case 413: return Errc::payload_too_large;
    case 422: return Errc::unprocessable;
    case 429: return Errc::rate_limited;
    case 503: case 529: return Errc::unavailable;
    default: return status < 500 ? Errc::invalid_request : Errc::internal;
    }
}

Reply refuse(Surface surface, Error const& error, std::string_view id, int status) {
    Reply reply;
    reply.status = status;
    reply.body = dialects::render_error(dialect_of(surface), error, id).body;
    return reply;
}

void dress_embedding_request(Frame const& frame, Reply& reply) {
    auto const parsed = parse_body(frame.ask.body);
    auto const& body = parsed.get_object();
    std::size_t dimensions = dimensions_default;
    if (auto const* d = body.if_contains("dimensions"); d != nullptr && d->is_int64() && d->get_int64() > 0)
        dimensions = std::min(static_cast<std::size_t>(d->get_int64()), dimensions_max);
    auto const* format = body.if_contains("encoding_format");
    bool const base64 = format != nullptr && format->is_string() && format->get_string() == "base64";
    dress_embeddings(frame, dimensions, base64, reply);
}

std::vector<Answer> completion_choices(metering::Tokenizer const& tokenizer, dialects::Ask const& ask,
                                       Question const& question, std::int64_t each) {
    std::vector<Answer> choices;
    for (auto const& prompt : question.prompts) {
        // The legacy endpoint's own default limit is 16 tokens.
        auto const text = ask.model() == stream_model ? paragraph : std::string_view(prompt);
        Answer const said = say(tokenizer, text, ask.max_tokens.value_or(16));
        for (std::int64_t i = 0; i < each; ++i) choices.push_back(said);
    }
    return choices;
}

} // namespace

Reply respond(metering::Tokenizer const& tokenizer, Surface surface, std::string_view body, std::string_view id,
              std::int64_t created) {
    auto const ask = dialects::understand(surface, body);
    if (!ask) return refuse(surface, ask.error(), id, errc_row(ask.error().code).status);
    bool const embeddings = surface == Surface::openai_embeddings;
    bool const known = embeddings ? ask->model() == embed_model
                                  : ask->model() == echo_model || ask->model() == stream_model;
    if (!known)
        return refuse(surface, Error(Errc::not_found, "The model '" + std::string(ask->model()) + "' does not exist", "model"),
                      id, 404);
    Question const question = read_question(tokenizer, *ask);
    if (question.status)
        return refuse(surface, Error(errc_of(*question.status), "the demo failed because metadata.status asked for it"), id,
                      *question.status);
    Reply reply;
    reply.pace_ms = question.delay_ms;
    reply.sse = ask->stream && !embeddings && surface != Surface::anthropic_count_tokens;
    Frame const frame{*ask, question, id, created};
    std::int64_t const choices = std::min(ask->choices, choices_max);
    switch (surface) {
    case Surface::openai_chat:
        dress_chat(frame, std::vector<Answer>(static_cast<std::size_t>(choices), answer(tokenizer, *ask, question)), reply);
        break;
    case Surface::openai_completions: {
        auto const prompts = std::max<std::int64_t>(1, static_cast<std::int64_t>(question.prompts.size()));
        dress_completion(frame, completion_choices(tokenizer, *ask, question, std::max<std::int64_t>(1, choices / prompts)),
                         reply);
        break;
    }
    case Surface::openai_embeddings: dress_embedding_request(frame, reply); break;
    case Surface::anthropic_messages: dress_message(frame, answer(tokenizer, *ask, question), reply); break;
    case Surface::anthropic_count_tokens:
        reply.body = "{\"input_tokens\":" + std::to_string(question.prompt_tokens) + "}";
        break;
    default:
        return refuse(surface, Error(Errc::not_found, "the demo has no such endpoint"), id, 404);
    }
    return reply;
}

} // namespace tollgate::providers::demo
