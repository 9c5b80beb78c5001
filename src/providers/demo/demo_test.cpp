#include "providers/demo/demo.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <string>

#include "dialects/deltas.hpp"
#include "dialects/sse.hpp"
#include "dialects/usage.hpp"
#include "net/server.hpp"

namespace tollgate::providers::demo {
namespace {

namespace json = boost::json;
constexpr auto chat = Surface::openai_chat;
constexpr auto messages = Surface::anthropic_messages;

class Demo : public testing::Test {
protected:
    Reply ask(Surface surface, std::string_view body) { return respond(tokenizer_, surface, body, "id", 1'790'000'000); }
    std::int64_t count(std::string_view text) { return tokenizer_.count(metering::Encoding::o200k_base, text); }
    /// The delivered text of a stream, choice 0.
    static std::string text_of(Surface surface, Reply const& reply) {
        std::string text;
        for (auto const& event : reply.events) {
            dialects::SseScanner scanner;
            scanner.feed(event);
            dialects::SseEvent parsed;
            while (scanner.next(parsed))
                dialects::extract_deltas(surface, parsed.data, [](void* context, std::string_view delta, std::uint32_t channel) {
                    if (channel == 0) static_cast<std::string*>(context)->append(delta);
                }, &text);
        }
        return text;
    }
    static std::optional<dialects::UsageReport> usage_of(Surface surface, Reply const& reply) {
        dialects::UsageTap tap(surface, dialects::UsageTap::Mode::observe);
        for (auto const& event : reply.events) tap.feed(event);
        EXPECT_TRUE(tap.done());
        return tap.usage();
    }
    metering::Tokenizer tokenizer_;
};

constexpr std::string_view hello = R"("messages":[{"role":"system","content":"s"},{"role":"user","content":"Grüße, 世界 🙂!"}])";

TEST_F(Demo, EchoesWithRealCounts) {
    auto const reply = ask(chat, R"({"model":"demo/echo",)" + std::string(hello) + "}");
    EXPECT_EQ(reply.status, 200);
    auto const body = json::parse(reply.body);
    auto const& choice = body.at("choices").at(0);
    EXPECT_EQ(choice.at("message").at("content").as_string(), "Grüße, 世界 🙂!");
    EXPECT_EQ(choice.at("finish_reason").as_string(), "stop");
    auto const report = dialects::find_usage_in_body(chat, reply.body);
    EXPECT_EQ(report->output, count("Grüße, 世界 🙂!"));
    // two messages of 3, the priming 3, roles and texts
    EXPECT_EQ(report->input, 9 + count("system") + count("s") + count("user") + count("Grüße, 世界 🙂!"));
}

TEST_F(Demo, StreamsTheSameTextAndTellsUsageOnlyWhenAsked) {
    auto const plain = ask(chat, R"({"model":"demo/echo","stream":true,)" + std::string(hello) + "}");
    EXPECT_TRUE(plain.sse);
    EXPECT_EQ(text_of(chat, plain), "Grüße, 世界 🙂!");
    EXPECT_FALSE(usage_of(chat, plain));
    auto const counted = ask(chat, R"({"model":"demo/echo","stream":true,"stream_options":{"include_usage":true},)" + std::string(hello) + "}");
    EXPECT_EQ(text_of(chat, counted), "Grüße, 世界 🙂!");
    EXPECT_EQ(usage_of(chat, counted)->output, count("Grüße, 世界 🙂!"));
}

TEST_F(Demo, HonoursTheOutputLimit) {
    auto const reply = ask(chat, R"({"model":"demo/stream","max_tokens":5,)" + std::string(hello) + "}");
    auto const body = json::parse(reply.body);
    EXPECT_EQ(body.at("choices").at(0).at("finish_reason").as_string(), "length");
    EXPECT_EQ(dialects::find_usage_in_body(chat, reply.body)->output, 5);
    auto const message = ask(messages, R"({"model":"demo/stream","max_tokens":5,"stream":true,)" + std::string(hello) + "}");
    EXPECT_EQ(usage_of(messages, message)->output, 5);
    EXPECT_NE(message.events.at(message.events.size() - 2).find("\"max_tokens\""), std::string::npos);
}

TEST_F(Demo, AnswersEveryChoice) {
    auto const reply = ask(chat, R"({"model":"demo/echo","n":3,"messages":[{"role":"user","content":"a b c"}]})");
    EXPECT_EQ(json::parse(reply.body).at("choices").as_array().size(), 3u);
    EXPECT_EQ(dialects::find_usage_in_body(chat, reply.body)->output, 3 * count("a b c"));
}

TEST_F(Demo, CallsADeclaredTool) {
    std::string const rest = R"("messages":[{"role":"user","content":"call weather {\"city\":\"Graz\"}"}])";
    auto const openai = json::parse(ask(chat, R"({"model":"demo/echo","tools":[{"type":"function","function":{"name":"weather"}}],)" + rest + "}").body);
    auto const& choice = openai.at("choices").at(0);
    EXPECT_EQ(choice.at("finish_reason").as_string(), "tool_calls");
    EXPECT_EQ(choice.at("message").at("tool_calls").at(0).at("function").at("arguments").as_string(), R"({"city":"Graz"})");
    auto const anthropic = json::parse(ask(messages, R"({"model":"demo/echo","max_tokens":50,"tools":[{"name":"weather","input_schema":{}}],)" + rest + "}").body);
    EXPECT_EQ(anthropic.at("stop_reason").as_string(), "tool_use");
    EXPECT_EQ(anthropic.at("content").at(0).at("input").at("city").as_string(), "Graz");
    auto const undeclared = json::parse(ask(chat, R"({"model":"demo/echo",)" + rest + "}").body);
    EXPECT_EQ(undeclared.at("choices").at(0).at("finish_reason").as_string(), "stop");
}

TEST_F(Demo, SpeaksAnthropic) {
    std::string const body = R"({"model":"demo/echo","max_tokens":99,"system":"s","messages":[{"role":"user","content":[{"type":"text","text":"hi there"}]}])";
    auto const whole = json::parse(ask(messages, body + "}").body);
    EXPECT_EQ(whole.at("content").at(0).at("text").as_string(), "hi there");
    auto const streamed = ask(messages, body + R"(,"stream":true})");
    EXPECT_EQ(text_of(messages, streamed), "hi there");
    auto const usage = usage_of(messages, streamed);
    EXPECT_EQ(usage->output, count("hi there"));
    EXPECT_EQ(usage->input, whole.at("usage").at("input_tokens").as_int64());
    auto const counted = json::parse(ask(Surface::anthropic_count_tokens, body + "}").body);
    EXPECT_EQ(counted.at("input_tokens").as_int64(), whole.at("usage").at("input_tokens").as_int64());
}

TEST_F(Demo, CompletesEveryPrompt) {
    auto const reply = ask(Surface::openai_completions, R"({"model":"demo/echo","prompt":["one two","three"]})");
    auto const body = json::parse(reply.body);
    EXPECT_EQ(body.at("choices").at(1).at("text").as_string(), "three");
    EXPECT_EQ(dialects::find_usage_in_body(Surface::openai_completions, reply.body)->input, count("one two") + count("three"));
    auto const cut = json::parse(ask(Surface::openai_completions, R"({"model":"demo/stream","prompt":"x"})").body);
    EXPECT_EQ(cut.at("usage").at("completion_tokens").as_int64(), 16);
}

TEST_F(Demo, EmbedsTheSameTextAlike) {
    auto const embed = [&](std::string_view rest) { return json::parse(ask(Surface::openai_embeddings, R"({"model":"demo/embed",)" + std::string(rest) + "}").body); };
    auto const two = embed(R"("input":["a b","a b","c"])");
    EXPECT_EQ(two.at("data").at(0).at("embedding"), two.at("data").at(1).at("embedding"));
    EXPECT_NE(two.at("data").at(0).at("embedding"), two.at("data").at(2).at("embedding"));
    EXPECT_EQ(two.at("usage").at("prompt_tokens").as_int64(), 2 * count("a b") + count("c"));
    EXPECT_EQ(two.at("data").at(0).at("embedding").as_array().size(), 8u);
    auto const base64 = embed(R"("input":"a b","encoding_format":"base64")");
    EXPECT_EQ(base64.at("data").at(0).at("embedding").as_string().size(), 44u); // 32 bytes
}

TEST_F(Demo, FailsClearly) {
    EXPECT_EQ(ask(chat, R"({"model":"demo/other","messages":[]})").status, 404);
    EXPECT_EQ(ask(chat, "{").status, 400);
    EXPECT_EQ(ask(chat, R"({"model":"demo/echo","messages":[],"metadata":{"status":"503"}})").status, 503);
    EXPECT_EQ(ask(chat, R"({"model":"demo/echo","messages":[],"metadata":{"status":200}})").status, 200);
    EXPECT_EQ(ask(chat, R"({"model":"demo/echo","messages":[],"stream":true,"metadata":{"delay_ms":"25"}})").pace_ms, 25);
    std::string deep = R"({"model":"demo/echo","messages":[],"x":)" + std::string(200, '[') + std::string(200, ']') + "}";
    EXPECT_EQ(ask(chat, deep).status, 200);
}

TEST(DemoServer, AnswersOverHttp) {
    metering::Tokenizer const tokenizer;
    SystemClock const clock;
    Handler const handler(tokenizer, clock);
    auto server = net::Server::start(net::ServerOptions{}, [&handler](net::ThreadContext) -> net::Handler {
        return [&handler](net::Exchange& exchange) { return handler.handle(exchange); };
    });
    ASSERT_TRUE(server) << server.error().message;
    auto const endpoint = net::parse_endpoint("http://" + (*server)->address());
    boost::asio::io_context io;
    net::ClientPool pool(io, {});
    std::string json_reply, stream_reply, missing;
    auto const call = [&](std::string head, std::string body, std::string& out) -> boost::asio::awaitable<void> {
        std::string const wire = head + " HTTP/1.1\r\nhost: x\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n";
        std::string_view const pieces[] = {wire, body};
        net::Deadlines const deadlines;
        auto response = co_await pool.send(*endpoint, pieces, deadlines);
        if (!response) {
            ADD_FAILURE() << response.error().detail;
            co_return;
        }
        auto text = co_await response->read_all(1 << 20);
        out = std::to_string(response->head().status) + " " + (text ? *text : std::string("broken"));
    };
    auto const all = [&]() -> boost::asio::awaitable<void> {
        std::string const path = "POST /v1/chat/completions";
        std::string body = R"({"model":"demo/echo","messages":[{"role":"user","content":"over http"}]})";
        co_await call(path, body, json_reply);
        body = R"({"model":"demo/echo","stream":true,"metadata":{"delay_ms":1},"messages":[{"role":"user","content":"over http"}]})";
        co_await call(path, body, stream_reply);
        body.clear();
        std::string const nowhere = "GET /v1/nowhere";
        co_await call(nowhere, body, missing);
        io.stop(); // the pool's timers would keep it running
    };
    boost::asio::co_spawn(io, all, boost::asio::detached);
    io.run_for(std::chrono::seconds(20));
    EXPECT_TRUE(json_reply.starts_with("200 {")) << json_reply;
    EXPECT_NE(json_reply.find("over http"), std::string::npos);
    EXPECT_TRUE(stream_reply.starts_with("200 data: ")) << stream_reply;
    EXPECT_TRUE(stream_reply.ends_with("data: [DONE]\n\n"));
    EXPECT_TRUE(missing.starts_with("404 ")) << missing;
    pool.shutdown();
}

} // namespace
} // namespace tollgate::providers::demo
