#include <array>
#include <chrono>
#include <optional>

#include "base/random.hpp"
#include "dialects/errors.hpp"
#include "dialects/models.hpp"
#include "net/timer.hpp"
#include "providers/demo/demo.hpp"

namespace tollgate::providers::demo {
namespace {

namespace asio = boost::asio;
constexpr std::size_t body_max = 64u << 20; // the gateway's own limit is below it
constexpr std::int64_t models_created = 1'790'000'000;

struct Path {
    std::string_view path;
    Surface surface;
};
constexpr std::array paths{
    Path{"/v1/chat/completions", Surface::openai_chat},
    Path{"/v1/completions", Surface::openai_completions},
    Path{"/v1/embeddings", Surface::openai_embeddings},
    Path{"/v1/messages", Surface::anthropic_messages},
    Path{"/v1/messages/count_tokens", Surface::anthropic_count_tokens},
};

std::optional<Surface> surface_of(net::RequestHead const& head) {
    if (head.method != "POST") return std::nullopt;
    for (Path const& row : paths)
        if (row.path == head.path) return row.surface;
    return std::nullopt;
}

/// The model list, or the 404 of any other path.
Reply answer_other(net::RequestHead const& head) {
    Reply reply;
    bool const anthropic = head.find("anthropic-version").has_value();
    if (head.method == "GET" && head.path == "/v1/models") {
        std::array const models{
            dialects::ModelEntry{echo_model, models_created, "tollgate", "Demo: echo"},
            dialects::ModelEntry{stream_model, models_created, "tollgate", "Demo: a paragraph, streamed"},
            dialects::ModelEntry{embed_model, models_created, "tollgate", "Demo: embeddings"}};
        reply.body = anthropic ? dialects::anthropic_model_list(models, {}) : dialects::openai_model_list(models);
        return reply;
    }
    reply.status = 404;
    reply.body = dialects::render_error(anthropic ? Dialect::anthropic : Dialect::openai,
                                        Error(Errc::not_found, "the demo has no such endpoint"), {})
                     .body;
    return reply;
}

} // namespace

asio::awaitable<void> Handler::handle(net::Exchange& exchange) const {
    auto const surface = surface_of(exchange.head());
    if (!surface) {
        Reply const other = answer_other(exchange.head());
        co_await send(exchange, other);
        co_return;
    }
    auto const body = co_await exchange.read_body(body_max);
    Reply reply;
    if (body) {
        auto const now = clock_.now();
        reply = respond(tokenizer_, *surface, *body, make_uuid7(now).text(), now.ms / 1000);
    } else {
        auto rendered = dialects::render_error(dialect_of(*surface), body.error(), {});
        reply.status = rendered.status;
        reply.body = std::move(rendered.body);
    }
    co_await send(exchange, reply);
}

asio::awaitable<void> Handler::send(net::Exchange& exchange, Reply const& reply) const {
    std::chrono::milliseconds const pace(reply.pace_ms);
    if (!reply.sse) {
        if (pace.count() > 0) co_await net::sleep_for(pace);
        (void)co_await exchange.respond(reply.status, "content-type: application/json\r\n", reply.body);
        co_return;
    }
    bool const chunked = exchange.accepts_chunked();
    std::string wire;
    exchange.compose_head(wire, reply.status, "content-type: text/event-stream\r\ncache-control: no-cache\r\n",
                          chunked ? net::Framing::chunked : net::Framing::until_close);
    bool first = true;
    for (std::string const& event : reply.events) {
        if (!first && pace.count() > 0) { // what is composed so far goes out, then a pause
            bool const sent = co_await exchange.write(wire);
            if (!sent) co_return;
            wire.clear();
            co_await net::sleep_for(pace);
        }
        first = false;
        if (chunked) net::append_chunk(wire, event);
        else wire.append(event);
    }
    if (chunked) wire.append(net::last_chunk);
    (void)co_await exchange.write(wire);
}

} // namespace tollgate::providers::demo
