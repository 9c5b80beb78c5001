#include "dialects/usage.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "dialects/cost_splice.hpp"

namespace tollgate::dialects {
namespace {

constexpr auto chat = Surface::openai_chat;
constexpr auto messages = Surface::anthropic_messages;
auto const name_of = [](auto const& info) { return std::string(info.param.name); };

struct Row {
    std::string_view name;
    Surface surface;
    std::string_view usage; ///< the usage object
    std::vector<std::pair<Bucket, std::int64_t>> want;
    bool anomaly = false;
};
void PrintTo(Row const& r, std::ostream* out) { *out << r.name; }
class Normalised : public testing::TestWithParam<Row> {};
TEST_P(Normalised, ToDisjointBuckets) {
    auto const& row = GetParam();
    auto const report = find_usage_in_body(row.surface, "{\"id\":\"x\",\"usage\":" + std::string(row.usage) + "}");
    ASSERT_TRUE(report);
    Usage want;
    for (auto const& [bucket, quantity] : row.want) want[bucket] = quantity;
    want.anomaly = row.anomaly;
    Usage const got = report->usage();
    for (std::size_t i = 0; i < bucket_count; ++i) EXPECT_EQ(got.quantity[i], want.quantity[i]) << bucket_names[i];
    EXPECT_EQ(got.anomaly, want.anomaly);
}
INSTANTIATE_TEST_SUITE_P(Table, Normalised, testing::Values(
    Row{"Plain", chat, R"({"prompt_tokens":10,"completion_tokens":5,"total_tokens":15})", {{Bucket::input, 10}, {Bucket::output, 5}}},
    Row{"Cached", chat, R"({"prompt_tokens":100,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":64,"audio_tokens":0}})",
        {{Bucket::input, 36}, {Bucket::cache_read, 64}, {Bucket::output, 5}}},
    Row{"CacheWrites", chat, R"({"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":30,"cache_write_tokens":50}})",
        {{Bucket::input, 20}, {Bucket::cache_read, 30}, {Bucket::cache_write_5m, 50}, {Bucket::output, 1}}},
    Row{"Audio", chat, R"({"prompt_tokens":100,"completion_tokens":50,"prompt_tokens_details":{"audio_tokens":40},"completion_tokens_details":{"audio_tokens":30,"reasoning_tokens":4}})",
        {{Bucket::input, 60}, {Bucket::audio_in, 40}, {Bucket::output, 20}, {Bucket::audio_out, 30}, {Bucket::reasoning, 4}}},
    Row{"OverlappingPartsBillOnce", chat, R"({"prompt_tokens":100,"completion_tokens":0,"prompt_tokens_details":{"cached_tokens":80,"audio_tokens":90}})",
        {{Bucket::cache_read, 80}, {Bucket::audio_in, 20}}, true},
    Row{"MoreCachedThanPrompt", chat, R"({"prompt_tokens":10,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":16648}})",
        {{Bucket::cache_read, 10}, {Bucket::output, 1}}, true},
    Row{"NegativeIsZero", chat, R"({"prompt_tokens":-16638,"completion_tokens":5})", {{Bucket::output, 5}}, true},
    Row{"ExplicitZeros", chat, R"({"prompt_tokens":0,"completion_tokens":0,"total_tokens":0})", {}},
    Row{"ReasoningInside", chat, R"({"prompt_tokens":10,"completion_tokens":50,"total_tokens":60,"completion_tokens_details":{"reasoning_tokens":40}})",
        {{Bucket::input, 10}, {Bucket::output, 50}, {Bucket::reasoning, 40}}},
    Row{"ReasoningBeside", chat, R"({"prompt_tokens":10,"completion_tokens":50,"total_tokens":100,"completion_tokens_details":{"reasoning_tokens":40}})",
        {{Bucket::input, 10}, {Bucket::output, 90}, {Bucket::reasoning, 40}}},
    Row{"DeepSeekCache", chat, R"({"prompt_tokens":10,"completion_tokens":1,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":6})",
        {{Bucket::input, 6}, {Bucket::cache_read, 4}, {Bucket::output, 1}}},
    Row{"DetailsBeatTheOlderSpelling", chat, R"({"prompt_cache_hit_tokens":4,"prompt_tokens":10,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":5}})",
        {{Bucket::input, 5}, {Bucket::cache_read, 5}, {Bucket::output, 1}}},
    Row{"Embeddings", Surface::openai_embeddings, R"({"prompt_tokens":8,"total_tokens":8})", {{Bucket::input, 8}}},
    Row{"OnlyTotal", Surface::openai_embeddings, R"({"total_tokens":8})", {{Bucket::input, 8}}},
    Row{"NullDetails", chat, R"({"prompt_tokens":8,"completion_tokens":2,"prompt_tokens_details":null,"completion_tokens_details":null})",
        {{Bucket::input, 8}, {Bucket::output, 2}}},
    Row{"AbsurdCount", chat, R"({"prompt_tokens":99999999999999999999,"completion_tokens":2})",
        {{Bucket::input, 1'000'000'000'000}, {Bucket::output, 2}}, true},
    Row{"WholeFloat", chat, R"({"prompt_tokens":8.0,"completion_tokens":2})", {{Bucket::input, 8}, {Bucket::output, 2}}},
    Row{"Anthropic", messages, R"({"input_tokens":10,"output_tokens":20,"cache_read_input_tokens":300,"cache_creation_input_tokens":50})",
        {{Bucket::input, 10}, {Bucket::output, 20}, {Bucket::cache_read, 300}, {Bucket::cache_write_5m, 50}}},
    Row{"AnthropicSplit", messages, R"({"input_tokens":10,"output_tokens":20,"cache_creation_input_tokens":50,"cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":30}})",
        {{Bucket::input, 10}, {Bucket::output, 20}, {Bucket::cache_write_5m, 20}, {Bucket::cache_write_1h, 30}}},
    Row{"AnthropicOnlyOneHour", messages, R"({"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":30,"cache_creation":{"ephemeral_1h_input_tokens":30}})",
        {{Bucket::input, 1}, {Bucket::output, 2}, {Bucket::cache_write_1h, 30}}},
    Row{"AnthropicNullCounts", messages, R"({"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":null,"cache_read_input_tokens":null,"server_tool_use":null,"cache_creation":null})",
        {{Bucket::input, 1}, {Bucket::output, 2}}},
    Row{"AnthropicSearch", messages, R"({"input_tokens":1,"output_tokens":2,"server_tool_use":{"web_search_requests":3},"output_tokens_details":{"thinking_tokens":1}})",
        {{Bucket::input, 1}, {Bucket::output, 2}, {Bucket::web_search, 3}, {Bucket::reasoning, 1}}}), name_of);

TEST(FindUsage, TakesOnlyTheTopLevelAndTheLast) {
    EXPECT_FALSE(find_usage_in_body(chat, R"({"choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":9}"}}]})"));
    EXPECT_FALSE(find_usage_in_body(chat, R"({"choices":[{"usage":{"prompt_tokens":9}}],"x":{"usage":{"prompt_tokens":9}}})"));
    EXPECT_FALSE(find_usage_in_body(chat, R"({"usage":null})"));
    EXPECT_FALSE(find_usage_in_body(chat, R"({"usage":{}})"));
    EXPECT_FALSE(find_usage_in_body(chat, "not json"));
    EXPECT_FALSE(find_usage_in_body(chat, ""));
    EXPECT_FALSE(find_usage_in_body(Surface::anthropic_count_tokens, R"({"input_tokens":9})"));
    auto const first = find_usage_in_body(chat, R"({"usage":{"prompt_tokens":1,"completion_tokens":2},"choices":["}]"]})");
    ASSERT_TRUE(first);
    EXPECT_EQ(first->input, 1);
    auto const last = find_usage_in_body(chat, R"({"usage":{"prompt_tokens":1},"id":1,"usage":{"prompt_tokens":7}})");
    EXPECT_EQ(last->input, 7);
    EXPECT_EQ(find_usage_in_body(chat, R"({"usage":{"prompt_tokens":1},"usage":null})")->input, 1);
    std::string const body = R"({"a":"b", "usage" : {"prompt_tokens":7} })";
    auto const span = find_usage_in_body(chat, body)->span;
    EXPECT_EQ(body.substr(span.begin, span.size()), R"({"prompt_tokens":7})");
}

TEST(AnthropicStream, LaterStatedCountsReplaceEarlierOnes) {
    auto start = usage_from_event(messages, R"({"type":"message_start","message":{"id":"m","usage":{"input_tokens":25,"cache_read_input_tokens":7,"cache_creation_input_tokens":9,"cache_creation":{"ephemeral_1h_input_tokens":9},"output_tokens":1}}})");
    auto const delta = usage_from_event(messages, R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":15,"input_tokens":null,"cache_read_input_tokens":0}})");
    ASSERT_TRUE(start && delta);
    start->merge(*delta);
    Usage const usage = start->usage();
    EXPECT_EQ(usage[Bucket::input], 25);
    EXPECT_EQ(usage[Bucket::output], 15);
    EXPECT_EQ(usage[Bucket::cache_read], 0); // an explicit zero replaces
    EXPECT_EQ(usage[Bucket::cache_write_1h], 9);
    EXPECT_EQ(usage[Bucket::cache_write_5m], 0);
}

TEST(ReportedCost, KeepsExactDecimals) {
    struct Case { std::string_view text; std::optional<std::int64_t> nanos; };
    for (auto const& [text, nanos] : {
             Case{"0.00014", 140'000}, Case{"1.5e-05", 15'000}, Case{"2E+1", 20'000'000'000}, Case{"0", 0}, Case{"-0.5", -500'000'000},
             Case{"0.0000000005", 0}, Case{"0.0000000015", 2}, Case{"0.00000000050000000000000000000000000000000000000001", 1},
             Case{"0.000000000499999999999999999999999999999999999999999999", 0}, Case{"1e-400", 0}, Case{"123456789.123456789", 123'456'789'123'456'789},
             Case{"1e10", std::nullopt}, Case{"1e999", std::nullopt}, Case{"abc", std::nullopt}, Case{"", std::nullopt}, Case{"1.2.3", std::nullopt}, Case{"1e", std::nullopt}}) {
        auto const got = money_from_json_number(text);
        EXPECT_EQ(got.has_value(), nanos.has_value()) << text;
        if (got && nanos) { EXPECT_EQ(got->nanos(), *nanos) << text; }
    }
    EXPECT_EQ(find_usage_in_body(chat, R"({"usage":{"prompt_tokens":1,"cost":0.000015}})")->cost, Money::from_nanos(15'000));
    EXPECT_FALSE(find_usage_in_body(chat, R"({"usage":{"prompt_tokens":1,"cost":null}})")->cost);
}

TEST(SpliceCost, AddsOrReplacesTheCharge) {
    struct Case { std::string_view body, want; };
    for (auto const& [body, want] : {
             Case{R"({"usage":{"prompt_tokens":1},"id":1})", R"({"usage":{"prompt_tokens":1,"cost":0.0001234},"id":1})"},
             Case{R"({"usage":{"prompt_tokens":1,"cost":9.5,"cost_details":{"upstream_inference_cost":9},"is_byok":true}})",
                  R"({"usage":{"prompt_tokens":1,"cost":0.0001234,"cost_details":null,"is_byok":false}})"},
             Case{R"({"usage":{"cost_details":{"a":1},"prompt_tokens":1,"is_byok":true}})",
                  R"({"usage":{"cost_details":null,"prompt_tokens":1,"is_byok":false,"cost":0.0001234}})"}}) {
        Edits edits(body);
        EXPECT_TRUE(splice_cost_in_body(edits, chat, body, Money::from_nanos(123'400)));
        EXPECT_EQ(edits.apply(), want);
    }
    Edits none("{}");
    EXPECT_FALSE(splice_cost_in_body(none, chat, "{}", Money::from_nanos(1)));
    EXPECT_EQ(splice_cost_in_event(chat, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\r\n\r\n", Money::from_nanos(1)),
              "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"cost\":0.000000001}}\r\n\r\n");
    EXPECT_EQ(splice_cost_in_event(messages, "event: message_delta\ndata: {\"type\":\"message_delta\",\ndata: \"usage\":{\"output_tokens\":1}}\n\n", Money::from_nanos(1)),
              "event: message_delta\ndata: {\"type\":\"message_delta\", \"usage\":{\"output_tokens\":1,\"cost\":0.000000001}}\n\n");
    EXPECT_EQ(splice_cost_in_event(chat, ": ping\n\n", Money::from_nanos(1)), ": ping\n\n");
}

} // namespace
} // namespace tollgate::dialects
