#pragma once
// The built-in provider: answers OpenAI and Anthropic calls deterministically, with real token counts, without any
// outside account. The app serves it on a loopback port of its own, so that the request path knows no special case.
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "metering/tokenizer.hpp"
#include "net/exchange.hpp"
#include "types/surface.hpp"

namespace tollgate::providers::demo {

inline constexpr std::string_view echo_model = "demo/echo";     ///< repeats the last user text
inline constexpr std::string_view stream_model = "demo/stream"; ///< tells a fixed paragraph
inline constexpr std::string_view embed_model = "demo/embed";   ///< embeddings of 8 numbers, a function of the text

/// One reply, made whole before it is sent. Pure: the same request gives the same reply but for id and time.
struct Reply {
    int status = 200;
    bool sse = false;
    std::string body;                ///< the JSON, when not `sse`
    std::vector<std::string> events; ///< complete SSE events in order
    std::int64_t pace_ms = 0;        ///< wait before each event but the first: `metadata.delay_ms`, ≤ 10'000
};

/// `id` makes reply ids ("chatcmpl-<id>"), `created` is Unix seconds. What the request may ask:
/// models demo/echo and demo/stream (any other name is a 404); `max_tokens` is honoured (finish reason length);
/// a last user text "call NAME" with tool NAME declared gives a tool call; `metadata.delay_ms` paces a stream;
/// `metadata.status` in 400–599 fails with that status; OpenAI usage in streams only when asked for.
Reply respond(metering::Tokenizer const& tokenizer, Surface surface, std::string_view body, std::string_view id,
              std::int64_t created);

/// The HTTP side: paths /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models, /v1/messages,
/// /v1/messages/count_tokens. `tokenizer` and `clock` must outlive the server that uses the handler.
class Handler {
public:
    Handler(metering::Tokenizer const& tokenizer, Clock const& clock) : tokenizer_(tokenizer), clock_(clock) {}
    boost::asio::awaitable<void> handle(net::Exchange& exchange) const;

private:
    boost::asio::awaitable<void> send(net::Exchange& exchange, Reply const& reply) const;
    metering::Tokenizer const& tokenizer_;
    Clock const& clock_;
};

} // namespace tollgate::providers::demo
