#include "dialects/ask.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tollgate::dialects {
namespace {

struct Refused {
    std::string_view name;
    Surface surface;
    std::string body;
    Errc code;
    std::string_view param;
    std::string_view says; ///< part of the message
};
void PrintTo(Refused const& r, std::ostream* out) { *out << r.name; }
auto const name_of = [](auto const& info) { return std::string(info.param.name); };

class RefusedBodies : public testing::TestWithParam<Refused> {};
TEST_P(RefusedBodies, NameWhatToChange) {
    auto const& row = GetParam();
    auto const ask = understand(row.surface, row.body);
    ASSERT_FALSE(ask);
    EXPECT_EQ(ask.error().code, row.code) << ask.error().message;
    EXPECT_EQ(ask.error().param, row.param);
    EXPECT_NE(ask.error().message.find(row.says), std::string::npos) << ask.error().message;
}

std::string deep(int levels) {
    return "{\"model\":\"m\",\"x\":" + std::string(static_cast<std::size_t>(levels), '[') +
           std::string(static_cast<std::size_t>(levels), ']') + "}";
}
constexpr auto chat = Surface::openai_chat;
constexpr auto messages = Surface::anthropic_messages;
constexpr auto malformed = Errc::malformed_json;
constexpr auto invalid = Errc::invalid_request;

INSTANTIATE_TEST_SUITE_P(Json, RefusedBodies, testing::Values(
    Refused{"Empty", chat, "", malformed, "", "empty"},
    Refused{"OnlySpace", chat, "  ", malformed, "", "line 1, column 3"},
    Refused{"NotAnObject", chat, "[1]", invalid, "", "JSON object"},
    Refused{"CutOff", chat, R"({"model":"m")", malformed, "", "byte 12"},
    Refused{"TrailingText", chat, R"({"model":"m"} x)", malformed, "", "byte 14"},
    Refused{"TwoDocuments", chat, R"({"model":"m"}{"model":"n"})", malformed, "", "byte 13"},
    Refused{"TrailingNul", chat, std::string("{\"model\":\"m\"}\0", 14), malformed, "", "NUL"},
    Refused{"TrailingComma", chat, R"({"model":"m",})", malformed, "", "member name"},
    Refused{"MissingComma", chat, R"({"model":"m" "n":1})", malformed, "", "',' or '}'"},
    Refused{"SecondLine", chat, "{\"model\":\"m\",\n \"x\":tru}", malformed, "", "line 2, column 6"},
    Refused{"UnquotedKey", chat, R"({model:"m"})", malformed, "", "member name"},
    Refused{"SingleQuotes", chat, R"({'model':'m'})", malformed, "", "member name"},
    Refused{"BadEscape", chat, R"({"model":"m","x":"\q"})", malformed, "", "escape"},
    Refused{"ShortUnicodeEscape", chat, R"({"model":"m","x":"\u12g4"})", malformed, "", "hex"},
    Refused{"ControlCharacter", chat, "{\"model\":\"m\",\"x\":\"a\nb\"}", malformed, "", "control"},
    Refused{"LeadingZero", chat, R"({"model":"m","x":012})", malformed, "", "zero"},
    Refused{"BareDot", chat, R"({"model":"m","x":1.})", malformed, "", "decimal point"},
    Refused{"BareExponent", chat, R"({"model":"m","x":1e})", malformed, "", "exponent"},
    Refused{"NotANumber", chat, R"({"model":"m","x":NaN})", malformed, "", "value"},
    Refused{"ByteOrderMark", chat, "\xef\xbb\xbf{\"model\":\"m\"}", malformed, "", "byte 0"},
    Refused{"BadUtf8", chat, "{\"model\":\"m\",\"x\":\"\xff\"}", malformed, "", "UTF-8"},
    Refused{"OverlongUtf8", chat, "{\"model\":\"m\",\"x\":\"\xc0\xaf\"}", malformed, "", "UTF-8"},
    Refused{"UnclosedString", chat, R"({"model":"m)", malformed, "", "not closed"},
    Refused{"BackslashAtEnd", chat, R"({"model":"m\)", malformed, "", "not closed"},
    Refused{"TooDeep", chat, deep(256), malformed, "", "deep"},
    Refused{"BadTailWins", chat, R"({"model":7,"x":})", malformed, "", "value"}), name_of);

INSTANTIATE_TEST_SUITE_P(Fields, RefusedBodies, testing::Values(
    Refused{"NoModel", chat, R"({"messages":[]})", invalid, "model", "required"},
    Refused{"EmptyModel", chat, R"({"model":""})", invalid, "model", "empty"},
    Refused{"NumberModel", chat, R"({"model":4})", invalid, "model", "string"},
    Refused{"NullModel", chat, R"({"model":null})", invalid, "model", "string"},
    Refused{"ControlInModel", chat, R"({"model":"a\r\nx: y"})", invalid, "model", "control"},
    Refused{"LoneSurrogateModel", chat, R"({"model":"a\ud800"})", invalid, "model", "surrogate"},
    Refused{"LongModel", chat, "{\"model\":\"" + std::string(513, 'm') + "\"}", invalid, "model", "512"},
    Refused{"ModelTwice", chat, R"({"model":"cheap","model":"dear"})", invalid, "model", "twice"},
    Refused{"ModelTwiceEscaped", chat, R"({"model":"cheap","mod\u0065l":"dear"})", invalid, "model", "twice"},
    Refused{"StreamTwice", chat, R"({"model":"m","stream":true,"stream":false})", invalid, "stream", "twice"},
    Refused{"LimitTwice", chat, R"({"model":"m","max_tokens":1,"max_tokens":9})", invalid, "max_tokens", "twice"},
    Refused{"StreamText", chat, R"({"model":"m","stream":"yes"})", invalid, "stream", "true or false"},
    Refused{"NegativeLimit", chat, R"({"model":"m","max_tokens":-1})", invalid, "max_tokens", "between 0"},
    Refused{"HugeLimit", chat, R"({"model":"m","max_tokens":2147483648})", invalid, "max_tokens", "2147483647"},
    Refused{"BeyondInt64", chat, R"({"model":"m","max_tokens":99999999999999999999})", invalid, "max_tokens", "between"},
    Refused{"FractionLimit", chat, R"({"model":"m","max_tokens":1.5})", invalid, "max_tokens", "integer"},
    Refused{"TextLimit", chat, R"({"model":"m","max_completion_tokens":"5"})", invalid, "max_completion_tokens", "integer"},
    Refused{"ZeroChoices", chat, R"({"model":"m","n":0})", invalid, "n", "between 1"},
    Refused{"StreamOptionsText", chat, R"({"model":"m","stream_options":"x"})", invalid, "stream_options", "object"},
    Refused{"IncludeUsageText", chat, R"({"model":"m","stream_options":{"include_usage":1}})", invalid,
            "stream_options.include_usage", "true or false"},
    Refused{"MessagesObject", chat, R"({"model":"m","messages":{}})", invalid, "messages", "array"},
    Refused{"ContentTwice", chat, R"({"model":"m","messages":[{"content":"a","content":"b"}]})", invalid, "messages", "twice"},
    Refused{"PartTypeTwice", chat,
            R"({"model":"m","messages":[{"content":[{"type":"text","type":"image_url","text":"a"}]}]})", invalid,
            "messages", "twice"},
    Refused{"UsageText", chat, R"({"model":"m","usage":"x"})", invalid, "usage", "object"},
    Refused{"AnthropicNeedsLimit", messages, R"({"model":"m","messages":[]})", invalid, "max_tokens", "required"}), name_of);

Ask ask_of(Surface surface, std::string_view body) {
    auto ask = understand(surface, body);
    if (!ask) ADD_FAILURE() << ask.error().message << " in " << body;
    return ask ? std::move(*ask) : Ask{};
}

TEST(Understand, ReadsAnOrdinaryChat) {
    std::string const body =
        R"({"model":"gpt-4o","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}],)"
        R"("stream":true,"max_tokens":50,"n":2,"user":"u-1","temperature":0.5})";
    Ask const ask = ask_of(chat, body);
    EXPECT_EQ(ask.model(), "gpt-4o");
    EXPECT_EQ(body.substr(ask.model_range.begin, ask.model_range.size()), "\"gpt-4o\"");
    EXPECT_TRUE(ask.stream);
    EXPECT_FALSE(ask.include_usage);
    EXPECT_EQ(ask.max_tokens, 50);
    EXPECT_EQ(ask.max_tokens_field, "max_tokens");
    EXPECT_EQ(ask.choices, 2);
    EXPECT_EQ(ask.messages, 2);
    EXPECT_EQ(ask.user(), "u-1");
    EXPECT_EQ(ask.text_bytes, static_cast<std::int64_t>(body.size()));
    EXPECT_TRUE(ask.priced_fields.empty());
    EXPECT_TRUE(ask.media.none());
}

TEST(Understand, DecodesEscapesInNames) {
    Ask const ask = ask_of(chat, R"({"mod\u0065l":"gpt\u002d4\/x\ud83d\ude00","user":"a\"b"})");
    EXPECT_EQ(ask.model(), "gpt-4/x\xf0\x9f\x98\x80");
    EXPECT_EQ(ask.user(), "a\"b");
    Ask const moved = std::move(const_cast<Ask&>(ask));
    EXPECT_EQ(moved.model(), "gpt-4/x\xf0\x9f\x98\x80");
}

TEST(Understand, IgnoresLookalikesInsideStringsAndNestedObjects) {
    Ask const ask = ask_of(chat, R"({"messages":[{"role":"user","content":"\"model\":\"evil\",\"stream\":true"}],)"
                                 R"("metadata":{"model":"evil","max_tokens":"1","stream":true},"model":"good"})");
    EXPECT_EQ(ask.model(), "good");
    EXPECT_FALSE(ask.stream);
    EXPECT_FALSE(ask.max_tokens);
}

TEST(Understand, NullMeansNotGiven) {
    Ask const ask = ask_of(chat, R"({"model":"m","stream":null,"max_tokens":null,"n":null,"user":null,"tools":null,)"
                                 R"("service_tier":null,"stream_options":null,"usage":null,"reasoning_effort":null})");
    EXPECT_FALSE(ask.stream);
    EXPECT_FALSE(ask.max_tokens);
    EXPECT_EQ(ask.max_tokens_null_field, "max_tokens");
    EXPECT_TRUE(ask.stream_options_null);
    EXPECT_FALSE(ask.reasoning);
    EXPECT_TRUE(ask.priced_fields.empty());
}

TEST(Understand, TakesTheLargerOfTwoLimits) {
    Ask const ask = ask_of(chat, R"({"model":"m","max_tokens":10,"max_completion_tokens":900})");
    EXPECT_EQ(ask.max_tokens, 900);
    EXPECT_EQ(ask.max_tokens_field, "max_completion_tokens");
}

TEST(Understand, BillsEveryPromptAndChoiceOfCompletions) {
    auto const choices = [](std::string_view body) { return ask_of(Surface::openai_completions, body).choices; };
    EXPECT_EQ(choices(R"({"model":"m","prompt":"x","n":2,"best_of":5})"), 5);
    EXPECT_EQ(choices(R"({"model":"m","n":2,"prompt":["a","b","c"]})"), 6);
    EXPECT_EQ(choices(R"({"model":"m","prompt":[1,2,3]})"), 1);
    EXPECT_EQ(choices(R"({"model":"m","prompt":[[1,2],[3]]})"), 2);
}

TEST(Understand, LeavesPayloadsOutOfTheTextBound) {
    std::string const payload(4000, 'A');
    struct Row {
        Surface surface;
        std::string part;
        int images, audios, files, videos, remote;
        std::int64_t bytes;
    };
    std::vector<Row> const rows{
        {chat, R"({"type":"image_url","image_url":{"url":"data:image\/png;base64,)" + payload + R"(","detail":"low"}})", 1, 0, 0, 0, 0, 4000},
        {chat, R"({"image_url":{"url":"data:image/png;base64,)" + payload + R"("},"type":"image_url"})", 1, 0, 0, 0, 0, 4000},
        {chat, R"({"type":"image_url","image_url":{"url":"https://x/)" + payload + R"("}})", 1, 0, 0, 0, 1, 0},
        {chat, R"({"type":"input_audio","input_audio":{"data":")" + payload + R"(","format":"wav"}})", 0, 1, 0, 0, 0, 4000},
        {chat, R"({"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,)" + payload + R"("}})", 0, 0, 1, 0, 0, 4000},
        {chat, R"({"type":"file","file":{"file_id":"file-1"}})", 0, 0, 1, 0, 1, 0},
        {chat, R"({"type":"video_url","video_url":{"url":"data:video/mp4;base64,)" + payload + R"("}})", 0, 0, 0, 1, 0, 4000},
        // text that only claims to be a picture stays text
        {chat, R"({"type":"text","text":"x","image_url":{"url":"data:image/png;base64,)" + payload + R"("}})", 0, 0, 0, 0, 0, 0},
        {chat, R"({"type":"text","text":"data:image/png;base64,)" + payload + R"("})", 0, 0, 0, 0, 0, 0},
        {messages, R"({"type":"image","source":{"type":"base64","media_type":"image/png","data":")" + payload + R"("}})", 1, 0, 0, 0, 0, 4000},
        {messages, R"({"type":"image","source":{"type":"url","url":"https://x"}})", 1, 0, 0, 0, 1, 0},
        {messages, R"({"type":"document","source":{"data":")" + payload + R"(","type":"base64"}})", 0, 0, 1, 0, 0, 4000},
        {messages, R"({"type":"document","source":{"type":"text","media_type":"text/plain","data":")" + payload + R"("}})", 0, 0, 0, 0, 0, 0},
        {messages, R"({"type":"tool_result","tool_use_id":"t","content":[{"type":"image","source":{"type":"base64","data":")" + payload + R"("}}]})", 1, 0, 0, 0, 0, 4000},
        {messages, R"({"type":"document","source":{"type":"content","content":[{"type":"image","source":{"type":"base64","data":")" + payload + R"("}}]}})", 1, 0, 0, 0, 0, 4000},
    };
    for (auto const& row : rows) {
        std::string const body = R"({"model":"m","max_tokens":5,"messages":[{"role":"user","content":[)" + row.part + "]}]}";
        Ask const ask = ask_of(row.surface, body);
        auto const what = row.part.substr(0, 60);
        EXPECT_EQ(ask.media.images, row.images) << what;
        EXPECT_EQ(ask.media.audios, row.audios) << what;
        EXPECT_EQ(ask.media.files, row.files) << what;
        EXPECT_EQ(ask.media.videos, row.videos) << what;
        EXPECT_EQ(ask.media.remote_images + ask.media.remote_files, row.remote) << what;
        EXPECT_EQ(ask.media.bytes(), row.bytes) << what;
        EXPECT_EQ(ask.text_bytes, static_cast<std::int64_t>(body.size()) - row.bytes) << what;
    }
    EXPECT_EQ(ask_of(chat, R"({"model":"m","messages":[{"content":[)" + rows[0].part + "]}]}").media.low_detail_images, 1);
}

struct Priced {
    std::string_view name;
    Surface surface;
    std::string_view members;
    std::string_view field; ///< empty = nothing priced
};
void PrintTo(Priced const& r, std::ostream* out) { *out << r.name; }
class PricedFields : public testing::TestWithParam<Priced> {};
TEST_P(PricedFields, AreListed) {
    auto const& row = GetParam();
    std::string const body = R"({"model":"m","max_tokens":1,)" + std::string(row.members) + "}";
    Ask const ask = ask_of(row.surface, body);
    std::vector<std::string_view> const want =
        row.field.empty() ? std::vector<std::string_view>{} : std::vector<std::string_view>{row.field};
    EXPECT_EQ(ask.priced_fields, want);
}
INSTANTIATE_TEST_SUITE_P(Table, PricedFields, testing::Values(
    Priced{"TierAuto", chat, R"("service_tier":"auto")", ""},
    Priced{"TierDefault", chat, R"("service_tier":"default")", ""},
    Priced{"TierFlex", chat, R"("service_tier":"flex")", "service_tier"},
    Priced{"TierPriority", chat, R"("service_tier":"priority")", "service_tier"},
    Priced{"TierStandardOnly", messages, R"("service_tier":"standard_only")", ""},
    Priced{"TierStandardOnlyElsewhere", chat, R"("service_tier":"standard_only")", "service_tier"},
    Priced{"Models", chat, R"("models":["a","b"])", "models"},
    Priced{"ModelsEmpty", chat, R"("models":[])", ""},
    Priced{"Provider", chat, R"("provider":{"order":["x"]})", "provider"},
    Priced{"ProviderEmpty", chat, R"("provider":{ })", ""},
    Priced{"Plugins", chat, R"("plugins":[{"id":"web"}])", "plugins"},
    Priced{"Route", chat, R"("route":"fallback")", "route"},
    Priced{"WebSearchOptions", chat, R"("web_search_options":{})", "web_search_options"},
    Priced{"EnableSearchFalse", chat, R"("enable_search":false)", ""},
    Priced{"EnableSearch", chat, R"("enable_search":true)", "enable_search"},
    Priced{"FunctionTool", chat, R"("tools":[{"type":"function","function":{"name":"f"}}])", ""},
    Priced{"CustomTool", chat, R"("tools":[{"type":"custom","custom":{"name":"f"}}])", ""},
    Priced{"SearchToolInChat", chat, R"("tools":[{"type":"web_search_preview"}])", "tools.web_search"},
    Priced{"UnknownToolInChat", chat, R"("tools":[{"type":"bash_20250124"}])", "tools.type"},
    Priced{"PlainTool", messages, R"("tools":[{"name":"f","input_schema":{}}])", ""},
    Priced{"ClientTool", messages, R"("tools":[{"type":"bash_20250124","name":"bash"}])", ""},
    Priced{"WebSearch", messages, R"("tools":[{"type":"web_search_20250305","name":"web_search"}])", "tools.web_search"},
    Priced{"CodeExecution", messages, R"("tools":[{"type":"code_execution_20250825"}])", "tools.code_execution"},
    Priced{"FutureTool", messages, R"("tools":[{"type":"gold_plating_20300101"}])", "tools.type"},
    Priced{"Fast", messages, R"("speed":"fast")", "speed"},
    Priced{"StandardSpeed", messages, R"("speed":"standard")", ""},
    Priced{"Geo", messages, R"("inference_geo":"us")", "inference_geo"},
    Priced{"McpServers", messages, R"("mcp_servers":[{"url":"x"}])", "mcp_servers"}), name_of);

TEST(Understand, ListsModelSuffixesThatBuyMore) {
    EXPECT_EQ(ask_of(chat, R"({"model":"x:online"})").priced_fields, std::vector<std::string_view>{"model:online"});
    EXPECT_TRUE(ask_of(chat, R"({"model":"x:free"})").priced_fields.empty());
}

TEST(Understand, SeesReasoningAndHiddenOutput) {
    EXPECT_TRUE(ask_of(chat, R"({"model":"m","reasoning_effort":"high"})").reasoning);
    EXPECT_FALSE(ask_of(chat, R"({"model":"m","reasoning_effort":"none"})").reasoning);
    EXPECT_TRUE(ask_of(chat, R"({"model":"m","reasoning":{"max_tokens":100}})").reasoning);
    EXPECT_TRUE(ask_of(messages, R"({"model":"m","max_tokens":9,"thinking":{"type":"adaptive"}})").reasoning);
    EXPECT_FALSE(ask_of(messages, R"({"model":"m","max_tokens":9,"thinking":{"type":"disabled"}})").reasoning);
    EXPECT_GE(ask_of(chat, R"({"model":"m","prediction":{"type":"content","content":"0123456789"}})").extra_output_tokens, 10);
}

TEST(Understand, FindsTheDearestCacheLifetimeAnywhere) {
    auto const lifetime = [](std::string_view members) {
        return ask_of(messages, R"({"model":"m","max_tokens":9,)" + std::string(members) + "}").cache_write;
    };
    EXPECT_EQ(lifetime(R"("system":"x")"), CacheWrite::none);
    EXPECT_EQ(lifetime(R"("system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}])"), CacheWrite::five_minutes);
    EXPECT_EQ(lifetime(R"("tools":[{"name":"f","cache_control":{"type":"ephemeral","ttl":"1h"}}])"), CacheWrite::one_hour);
    EXPECT_EQ(lifetime(R"("messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"t","cache_control":{"ttl":"1h"}}]}]}],"cache_control":{"type":"ephemeral"})"),
              CacheWrite::one_hour);
    EXPECT_EQ(lifetime(R"("messages":[{"role":"user","content":"\"cache_control\":{\"ttl\":\"1h\"}"}])"), CacheWrite::none);
}

TEST(Understand, AcceptsWhatJsonAllows) {
    ask_of(chat, " \r\n\t{ \"model\" : \"m\" , \"x\" : [ -0 , 1.5E+10 , 0.1e-2, true , false , null , { } , [ ] , \"\\u00e9\\ud800\" ] } \n");
    ask_of(chat, deep(255));
    ask_of(chat, "{\"model\":\"m\",\"x\":\"\xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x98\x80\"}");
}

TEST(ModelNames, TellHiddenOutputAndItsLimitField) {
    EXPECT_TRUE(bills_unseen_output("openai/o3-mini"));
    EXPECT_TRUE(bills_unseen_output("gpt-5-nano-2025-08-07"));
    EXPECT_FALSE(bills_unseen_output("gpt-4o"));
    EXPECT_FALSE(bills_unseen_output("olmo-2"));
    EXPECT_EQ(output_limit_field(chat, "o4-mini"), "max_completion_tokens");
    EXPECT_EQ(output_limit_field(chat, "ft:gpt-5:org"), "max_completion_tokens");
    EXPECT_EQ(output_limit_field(chat, "gpt-4.1"), "max_tokens");
    EXPECT_EQ(output_limit_field(messages, "o3"), "max_tokens");
}

} // namespace
} // namespace tollgate::dialects
