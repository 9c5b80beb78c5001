#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "dialects/deltas.hpp"
#include "dialects/errors.hpp"
#include "dialects/sse.hpp"
#include "dialects/stream/event.hpp"

namespace tollgate::dialects {
namespace {

constexpr auto chat = Surface::openai_chat;
constexpr auto messages = Surface::anthropic_messages;

struct Got {
    std::string event, data;
    std::uint64_t begin, end;
    friend bool operator==(Got const&, Got const&) = default;
    friend void PrintTo(Got const& g, std::ostream* out) { *out << g.event << '|' << g.data << '@' << g.begin << '-' << g.end; }
};
std::vector<Got> scan(std::vector<std::string_view> const& pieces) {
    SseScanner scanner;
    std::vector<Got> all;
    SseEvent event;
    auto const take = [&] {
        while (scanner.next(event)) all.push_back(Got{std::string(event.event), std::string(event.data), event.begin, event.end});
    };
    for (auto const piece : pieces) {
        scanner.feed(piece);
        take();
    }
    scanner.finish();
    take();
    return all;
}

struct Stream {
    std::string_view name, text;
    std::vector<std::pair<std::string_view, std::string_view>> want; ///< event, data
};
std::vector<Stream> const streams{
    {"Lf", "data: a\n\ndata:b\n\n", {{"", "a"}, {"", "b"}}},
    {"CrLf", "event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n", {{"x", "a"}, {"", "b"}}},
    {"Cr", "event: x\rdata: a\r\rdata: b\r\r", {{"x", "a"}, {"", "b"}}},
    {"Mixed", "data: a\r\n\ndata: b\n\r\ndata: c\r\r", {{"", "a"}, {"", "b"}, {"", "c"}}},
    {"Comments", ": hello\n\n:\n\ndata: a\n: inside\n\n", {{"", "a"}}},
    {"MultiLine", "data: a\ndata:  b\ndata\n\n", {{"", "a\n b\n"}}},
    {"OtherFields", "id: 7\nretry: 5\nunknown\ndata: a\n\nid: 8\n\n", {{"", "a"}}},
    {"NoFinalBlankLine", "data: a\n\ndata: [DONE]", {{"", "a"}, {"", "[DONE]"}}},
    {"ByteOrderMark", "\xef\xbb\xbf" "data: a\n\n", {{"", "a"}}},
    {"ExtraBlankLines", "\n\ndata: a\n\n\n\n\r\n\r\ndata: b\n\n", {{"", "a"}, {"", "b"}}},
    {"Colons", "data: {\"a\":\"b: c\"}\n\n", {{"", "{\"a\":\"b: c\"}"}}},
    {"Empty", "", {}},
};

TEST(SseScanner, ReadsEveryStreamInAnySplit) {
    for (auto const& stream : streams) {
        auto const whole = scan({stream.text});
        std::vector<std::pair<std::string_view, std::string_view>> got;
        for (auto const& g : whole) got.emplace_back(g.event, g.data);
        EXPECT_EQ(got, stream.want) << stream.name;
        for (std::size_t at = 0; at <= stream.text.size(); ++at)
            for (std::size_t second = at; second <= stream.text.size(); second += 3) {
                auto const split = scan({stream.text.substr(0, at), stream.text.substr(at, second - at), stream.text.substr(second)});
                ASSERT_EQ(split.size(), whole.size()) << stream.name << " at " << at << ", " << second;
                for (std::size_t i = 0; i < whole.size(); ++i) {
                    EXPECT_EQ(split[i].data, whole[i].data) << stream.name << " at " << at;
                    EXPECT_EQ(split[i].event, whole[i].event) << stream.name << " at " << at;
                }
            }
        std::vector<std::string_view> bytes;
        for (std::size_t i = 0; i < stream.text.size(); ++i) bytes.push_back(stream.text.substr(i, 1));
        EXPECT_EQ(scan(bytes).size(), whole.size()) << stream.name;
    }
}

TEST(SseScanner, OffsetsCoverTheStream) {
    auto const got = scan({"data: a\n\ndata: b\n", "\ndata: c\n\n"});
    ASSERT_EQ(got.size(), 3u);
    EXPECT_EQ(got[0].begin, 0u);
    EXPECT_EQ(got[1].begin, got[0].end);
    EXPECT_EQ(got[2].begin, got[1].end);
    EXPECT_EQ(got[2].end, 27u);
}

TEST(SseScanner, SkipsAndCountsOversizedEvents) {
    SseScanner scanner(64);
    SseEvent event;
    std::string const long_event = "data: " + std::string(100, 'x');
    std::vector<std::string> got;
    for (std::string const& piece : {std::string("data: a\n\n"), long_event, std::string(50, 'y') + "\n\ndata: b\n\n", long_event + "\n\ndata: c\n\n"}) {
        scanner.feed(piece);
        while (scanner.next(event)) got.emplace_back(event.data);
    }
    EXPECT_EQ(got, (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(scanner.oversized(), 2u);
}

TEST(InspectEvent, TellsWhatAnEventIs) {
    auto const inspect = [](Surface surface, std::string_view data) {
        SseEvent event;
        event.data = data;
        return inspect_event(surface, event);
    };
    EXPECT_TRUE(inspect(chat, "[DONE]").done);
    auto const usage_only = inspect(chat, R"({"choices":[],"usage":{"prompt_tokens":1}})");
    EXPECT_TRUE(usage_only.usage_only && usage_only.usage);
    auto const with_text = inspect(chat, R"({"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}})");
    EXPECT_TRUE(!with_text.usage_only && with_text.usage && with_text.finish);
    EXPECT_FALSE(inspect(chat, R"({"choices":[],"usage":null})").usage_only);
    EXPECT_TRUE(inspect(chat, R"({"error":{"message":"x"}})").error);
    EXPECT_FALSE(inspect(chat, R"({"error":null,"choices":[]})").error);
    EXPECT_TRUE(inspect(messages, R"({"type":"message_stop"})").done);
    EXPECT_TRUE(inspect(messages, R"({"type":"error","error":{"type":"overloaded_error"}})").error);
    EXPECT_TRUE(inspect(messages, R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}})").finish);
    EXPECT_FALSE(inspect(messages, R"({"type":"content_block_delta","delta":{"text":"message_stop"}})").done);
}

// --- the tap -------------------------------------------------------------------------------------------------------

std::string chunk(std::string_view content) {
    return "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" + std::string(content) +
           "\"},\"finish_reason\":null}],\"usage\":null}\n\n";
}
std::string const usage_chunk = "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2,\"total_tokens\":7}}\n\n";
std::string const done_event = "data: [DONE]\n\n";
std::string const chat_stream = chunk("one") + chunk("\\\"usage\\\":{\\\"prompt_tokens\\\":99}") + ": keep-alive\n\n" +
                                chunk("usage") + usage_chunk + done_event;
std::string const chat_without_usage = chunk("one") + chunk("\\\"usage\\\":{\\\"prompt_tokens\\\":99}") + ": keep-alive\n\n" +
                                       chunk("usage") + done_event;

/// All that a caller would get, the usage event left out (`drop`) or kept.
std::string relayed(UsageTap& tap, std::vector<std::string_view> const& pieces, bool drop) {
    std::string out;
    for (auto const piece : pieces) {
        auto const step = tap.feed(piece);
        if (step.untouched) {
            out.append(piece);
            continue;
        }
        out.append(step.before).append(step.middle);
        if (!drop || !step.usage_only) out.append(step.usage_event);
        out.append(step.after);
    }
    return out.append(tap.finish());
}

TEST(UsageTap, FindsUsageAndKeepsItFromTheCallerInAnySplit) {
    for (std::size_t at = 0; at <= chat_stream.size(); ++at)
        for (std::size_t step = 0; step < 4; ++step) {
            std::string_view const text = chat_stream;
            std::size_t const second = std::min(text.size(), at + step * 37);
            UsageTap tap(chat, UsageTap::Mode::intercept);
            auto const out = relayed(tap, {text.substr(0, at), text.substr(at, second - at), text.substr(second)}, true);
            ASSERT_EQ(out, chat_without_usage) << at << "+" << step;
            ASSERT_TRUE(tap.usage()) << at;
            EXPECT_EQ(tap.usage()->input, 5);
            EXPECT_TRUE(tap.done());
            EXPECT_FALSE(tap.failed());
        }
}

TEST(UsageTap, WorksByteByByteAndWithEveryLineEnd) {
    for (std::string_view const line_end : {"\n", "\r\n", "\r"}) {
        std::string text, want;
        for (char const c : chat_stream) text += c == '\n' ? std::string(line_end) : std::string(1, c);
        for (char const c : chat_without_usage) want += c == '\n' ? std::string(line_end) : std::string(1, c);
        UsageTap tap(chat, UsageTap::Mode::intercept);
        std::vector<std::string_view> bytes;
        for (std::size_t i = 0; i < text.size(); ++i) bytes.push_back(std::string_view(text).substr(i, 1));
        std::string const out = relayed(tap, bytes, true);
        ASSERT_TRUE(tap.usage());
        EXPECT_EQ(tap.usage()->output, 2);
        // With CRLF a blank line may be taken at its CR; the LF that follows then stands alone, which is no event.
        EXPECT_EQ(scan({out}).size(), scan({want}).size());
        UsageTap whole(chat, UsageTap::Mode::intercept);
        EXPECT_EQ(relayed(whole, {text}, true), want);
        EXPECT_EQ(whole.usage()->output, 2);
    }
}

TEST(UsageTap, ObservingChangesNothing) {
    for (std::size_t at = 0; at <= chat_stream.size(); ++at) {
        std::string_view const text = chat_stream;
        UsageTap tap(chat, UsageTap::Mode::observe);
        EXPECT_TRUE(tap.feed(text.substr(0, at)).untouched);
        EXPECT_TRUE(tap.feed(text.substr(at)).untouched);
        EXPECT_TRUE(tap.finish().empty());
        ASSERT_TRUE(tap.usage()) << at;
        EXPECT_EQ(tap.usage()->input, 5);
    }
}

TEST(UsageTap, WholeEventsPassUntouchedWhileIntercepting) {
    UsageTap tap(chat, UsageTap::Mode::intercept);
    EXPECT_TRUE(tap.feed(chunk("a") + chunk("b")).untouched); // nothing of it is kept
    auto const step = tap.feed("data: {\"choi");
    EXPECT_FALSE(step.untouched);
    EXPECT_TRUE(step.middle.empty() && step.before.empty());
    auto const rest = tap.feed("ces\":[]}\n\n");
    EXPECT_EQ(std::string(rest.before) + std::string(rest.middle), "data: {\"choices\":[]}\n\n");
}

TEST(UsageTap, KeepsAContentChunkThatAlsoCarriesUsage) {
    std::string const last = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n";
    UsageTap tap(chat, UsageTap::Mode::intercept);
    EXPECT_EQ(relayed(tap, {last, done_event}, true), last + done_event);
    EXPECT_EQ(tap.usage()->output, 4);
    EXPECT_TRUE(tap.finish_seen());
}

TEST(UsageTap, PassesEventsTooLongToBeUsage) {
    std::string const big = chunk(std::string(40'000, 'x'));
    std::string const text = big + chat_stream;
    for (std::size_t const at : {std::size_t{100}, std::size_t{20'000}, big.size() - 1, big.size() + 20}) {
        UsageTap tap(chat, UsageTap::Mode::intercept);
        std::string_view const view = text;
        EXPECT_EQ(relayed(tap, {view.substr(0, at), view.substr(at, 10'000), view.substr(std::min(view.size(), at + 10'000))}, true), big + chat_without_usage) << at;
        EXPECT_TRUE(tap.usage());
    }
}

TEST(UsageTap, LastOfRepeatedUsageWins) {
    UsageTap tap(chat, UsageTap::Mode::observe);
    for (int i = 1; i <= 3; ++i)
        tap.feed("data: {\"choices\":[{}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":" + std::to_string(i) + "}}\n\n");
    EXPECT_EQ(tap.usage()->output, 3);
}

TEST(UsageTap, SeesErrorsInsideTheStream) {
    UsageTap tap(chat, UsageTap::Mode::observe);
    tap.feed(chunk("a") + "data: {\"error\":{\"message\":\"overloaded\",\"code\":502}}\n\n");
    EXPECT_TRUE(tap.failed());
    UsageTap quoting(chat, UsageTap::Mode::observe);
    quoting.feed(chunk("{\\\"error\\\":1}") + chunk("[DONE]") + chunk("data: [DONE]"));
    EXPECT_FALSE(quoting.failed());
    EXPECT_FALSE(quoting.done());
}

std::string anthropic_stream(int deltas) {
    std::string out = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude\",\"usage\":{\"input_tokens\":25,\"cache_creation_input_tokens\":4,\"output_tokens\":1}}}\n\n"
                      "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
                      "event: ping\ndata: {\"type\":\"ping\"}\n\n";
    for (int i = 0; i < deltas; ++i)
        out += "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"message_stop message_delta message_start \\\"usage\\\"\"}}\n\n";
    out += "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
           "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":15}}\n\n"
           "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    return out;
}

TEST(UsageTap, JoinsAnthropicsTwoReportsInAnySplit) {
    for (int const deltas : {0, 2, 400}) {
        std::string const text = anthropic_stream(deltas);
        for (std::size_t at = 0; at <= text.size(); at += deltas == 400 ? 997 : 1) {
            UsageTap tap(messages, UsageTap::Mode::intercept);
            std::string_view const view = text;
            ASSERT_EQ(relayed(tap, {view.substr(0, at), view.substr(at)}, true), text);
            ASSERT_TRUE(tap.usage()) << at;
            EXPECT_EQ(tap.usage()->input, 25) << at;
            EXPECT_EQ(tap.usage()->cache_write, 4) << at;
            EXPECT_EQ(tap.usage()->output, 15) << at;
            EXPECT_TRUE(tap.done() && tap.finish_seen());
        }
    }
    UsageTap unfinished(messages, UsageTap::Mode::observe);
    std::string const text = anthropic_stream(3);
    unfinished.feed(std::string_view(text).substr(0, text.find("event: content_block_stop")));
    EXPECT_FALSE(unfinished.done());
    EXPECT_FALSE(unfinished.finish_seen());
    EXPECT_EQ(unfinished.usage()->input, 25);
}

TEST(UsageTap, HandsOutTheAnthropicUsageEvent) {
    UsageTap tap(messages, UsageTap::Mode::intercept);
    std::string const text = anthropic_stream(1);
    auto const step = tap.feed(text);
    EXPECT_TRUE(step.usage_event.starts_with("event: message_delta"));
    EXPECT_FALSE(step.usage_only);
}

TEST(EventEnds, AgreeForwardAndBackward) {
    std::mt19937 random(7);
    for (int round = 0; round < 20'000; ++round) {
        std::string text;
        for (int i = 0; i < 24; ++i) text += "ab\n\r\n\n"[random() % 6];
        std::size_t last = 0, at = 0;
        char previous = '\n';
        while (true) {
            std::size_t const size = first_event_end(std::string_view(text).substr(at), previous);
            if (size == std::string_view::npos) break;
            last = at += size;
            previous = '\n'; // a boundary: what follows begins a line
        }
        EXPECT_EQ(last_event_end(text), last) << testing::PrintToString(text);
    }
}

// --- deltas and cuts -----------------------------------------------------------------------------------------------

using Texts = std::vector<std::pair<std::uint32_t, std::string>>;
Texts deltas_of(Surface surface, std::string_view data) {
    Texts texts;
    extract_deltas(surface, data, [](void* context, std::string_view text, std::uint32_t channel) {
        static_cast<Texts*>(context)->emplace_back(channel, text);
    }, &texts);
    return texts;
}

TEST(Deltas, AreAllTheTextACallerGets) {
    EXPECT_EQ(deltas_of(chat, R"({"choices":[{"index":0,"delta":{"content":"a\nb","refusal":null}},{"index":1,"delta":{"content":"c"}}]})"),
              (Texts{{0, "a\nb"}, {64, "c"}}));
    EXPECT_EQ(deltas_of(chat, R"({"choices":[{"delta":{"reasoning":"r","reasoning_content":"r","content":"c"}}]})"), (Texts{{1, "r"}, {0, "c"}}));
    EXPECT_EQ(deltas_of(chat, R"({"choices":[{"delta":{"tool_calls":[{"index":1,"id":"x","function":{"name":"f","arguments":"{\"a\":1}"}}]}}]})"),
              (Texts{{4, "f"}, {4, R"({"a":1})"}}));
    EXPECT_EQ(deltas_of(chat, R"({"choices":[{"message":{"refusal":"no"}}],"usage":{}})"), (Texts{{2, "no"}}));
    EXPECT_EQ(deltas_of(Surface::openai_completions, R"({"choices":[{"text":"t","index":0}]})"), (Texts{{0, "t"}}));
    EXPECT_EQ(deltas_of(messages, R"({"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"t\u00e9"}})"), (Texts{{2, "t\xc3\xa9"}}));
    EXPECT_EQ(deltas_of(messages, R"({"type":"content_block_delta","index":1,"delta":{"type":"thinking_delta","thinking":"h"}})"), (Texts{{1, "h"}}));
    EXPECT_EQ(deltas_of(messages, R"({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a"}})"), (Texts{{1, "{\"a"}}));
    EXPECT_EQ(deltas_of(messages, R"({"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"x","name":"f","input":{}}})"), (Texts{{1, "f"}}));
    EXPECT_EQ(deltas_of(messages, R"({"content":[{"type":"text","text":"a"},{"type":"tool_use","name":"f","input":{"x":1}}],"stop_reason":"x"})"),
              (Texts{{0, "a"}, {1, "f"}, {1, R"({"x":1})"}}));
    EXPECT_TRUE(deltas_of(messages, R"({"type":"ping"})").empty());
    EXPECT_EQ(deltas_of(chat, R"({"choices":[{"delta":{"content":"kept"},"x":[)"), (Texts{{0, "kept"}}));
    EXPECT_TRUE(deltas_of(chat, "no json").empty());
}

TEST(Prompt, PartsComeInOrderWithoutPayloads) {
    using Parts = std::vector<std::pair<PromptPart, std::string>>;
    auto const parts = [](Surface surface, std::string_view body) {
        Parts all;
        extract_prompt(surface, body, [](void* context, PromptPart part, std::string_view text, std::int64_t count) {
            static_cast<Parts*>(context)->emplace_back(part, part == PromptPart::token_ids ? std::to_string(count) : std::string(text));
        }, &all);
        return all;
    };
    EXPECT_EQ(parts(chat, R"({"messages":[{"role":"system","content":"s"},{"role":"user","name":"n","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:x"}}]}],"tools":[{"x":1}]})"),
              (Parts{{PromptPart::message, "system"}, {PromptPart::text, "s"}, {PromptPart::message, "user"}, {PromptPart::name, "n"}, {PromptPart::text, "a"}, {PromptPart::tools, R"([{"x":1}])"}}));
    EXPECT_EQ(parts(Surface::openai_completions, R"({"prompt":["a",[1,2]]})"), (Parts{{PromptPart::text, "a"}, {PromptPart::token_ids, "2"}}));
    EXPECT_EQ(parts(Surface::openai_embeddings, R"({"input":[1,2,3]})"), (Parts{{PromptPart::token_ids, "3"}}));
    EXPECT_EQ(parts(messages, R"({"system":"s","messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","data":"d"}},{"type":"image","source":{"type":"base64","data":"AAAA"}},{"type":"tool_result","content":"r"}]}]})"),
              (Parts{{PromptPart::text, "s"}, {PromptPart::message, "user"}, {PromptPart::text, "d"}, {PromptPart::text, "r"}}));
}

TEST(Cut, EndsAChatStreamAsLength) {
    Cut cut;
    cut.stream_tail = "4 of a cut event\n\ndata: {\"id\":\"chatcmpl-7\",\"model\":\"gpt-4o-x\",\"choices\":[]}\n\n";
    cut.created = 5;
    cut.usage = Usage{};
    (*cut.usage)[Bucket::output] = 3;
    auto const events = scan({cut_events(cut)});
    ASSERT_EQ(events.size(), 3u);
    EXPECT_NE(events[0].data.find("\"id\":\"chatcmpl-7\""), std::string::npos);
    EXPECT_NE(events[0].data.find("\"model\":\"gpt-4o-x\""), std::string::npos);
    EXPECT_NE(events[0].data.find("\"finish_reason\":\"length\""), std::string::npos);
    EXPECT_NE(events[0].data.find("credit_exhausted"), std::string::npos);
    EXPECT_NE(events[1].data.find("\"completion_tokens\":3"), std::string::npos);
    EXPECT_EQ(events[2].data, "[DONE]");
}

TEST(Cut, ClosesAnthropicsOpenBlock) {
    std::string const text = anthropic_stream(2);
    std::size_t const inside = text.find("event: content_block_stop");
    Cut cut;
    cut.surface = messages;
    cut.stream_tail = std::string_view(text).substr(0, inside);
    auto events = scan({cut_events(cut)});
    ASSERT_EQ(events.size(), 3u);
    EXPECT_EQ(events[0].event, "content_block_stop");
    EXPECT_NE(events[1].data.find("\"stop_reason\":\"max_tokens\""), std::string::npos);
    EXPECT_EQ(events[2].event, "message_stop");
    cut.stream_tail = std::string_view(text).substr(0, text.find("event: message_delta"));
    EXPECT_EQ(scan({cut_events(cut)}).size(), 2u); // the block is closed already
    cut.stream_tail = std::string_view(text).substr(0, inside - 10);
    EXPECT_TRUE(cut_events(cut).starts_with("\n\n")); // an event was cut through
}

} // namespace
} // namespace tollgate::dialects
