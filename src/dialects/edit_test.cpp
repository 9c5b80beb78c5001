#include "dialects/edit.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

namespace tollgate::dialects {
namespace {

struct Row {
    std::string_view name;
    std::string_view body;
    std::string_view want;
};
void PrintTo(Row const& r, std::ostream* out) { *out << r.name; }
auto const name_of = [](auto const& info) { return std::string(info.param.name); };

/// Everything the gateway does to a body for a streamed call without a limit.
class EveryEdit : public testing::TestWithParam<Row> {};
TEST_P(EveryEdit, LeavesTheRestUntouched) {
    auto const ask = understand(Surface::openai_chat, GetParam().body);
    ASSERT_TRUE(ask) << ask.error().message;
    Edits edits(ask->body);
    set_model(edits, *ask, "up/\"x\"");
    add_include_usage(edits, *ask);
    remove_usage_option(edits, *ask);
    if (!ask->max_tokens) set_output_limit(edits, *ask, "gpt-4o", 7);
    EXPECT_EQ(edits.apply(), GetParam().want);
    EXPECT_EQ(edits.size(), GetParam().want.size());
    boost::json::error_code error;
    (void)boost::json::parse(edits.apply(), error);
    EXPECT_FALSE(error);
}
INSTANTIATE_TEST_SUITE_P(Table, EveryEdit, testing::Values(
    Row{"Plain", R"({"model":"m","x":1})",
        R"({"stream_options":{"include_usage":true},"max_tokens":7,"model":"up/\"x\"","x":1})"},
    Row{"AllGiven", R"({"model":"m","stream_options":{"include_usage":true},"max_tokens":3})",
        R"({"model":"up/\"x\"","stream_options":{"include_usage":true},"max_tokens":3})"},
    Row{"OptionsEmpty", R"({"stream_options":{},"max_tokens":3,"model":"m"})",
        R"({"stream_options":{"include_usage":true},"max_tokens":3,"model":"up/\"x\""})"},
    Row{"OptionsOther", R"({"stream_options":{"include_obfuscation":false},"max_tokens":3,"model":"m"})",
        R"({"stream_options":{"include_usage":true,"include_obfuscation":false},"max_tokens":3,"model":"up/\"x\""})"},
    Row{"OptionsFalse", R"({"stream_options":{"include_usage": false },"max_tokens":3,"model":"m"})",
        R"({"stream_options":{"include_usage": true },"max_tokens":3,"model":"up/\"x\""})"},
    Row{"OptionsNull", R"({"stream_options":null,"max_tokens":null,"model":"m"})",
        R"({"stream_options":{"include_usage":true},"max_tokens":7,"model":"up/\"x\""})"},
    Row{"UsageFirst", R"({"usage":{"include":true}, "model":"m","max_tokens":1,"stream_options":{"include_usage":true}})",
        R"({ "model":"up/\"x\"","max_tokens":1,"stream_options":{"include_usage":true}})"},
    Row{"UsageMiddle", R"({"model":"m" , "usage" : {"include":true} , "max_tokens":1,"stream_options":{"include_usage":true}})",
        R"({"model":"up/\"x\"" , "max_tokens":1,"stream_options":{"include_usage":true}})"},
    Row{"UsageLast", R"({"max_tokens":1,"stream_options":{"include_usage":true},"model":"m","usage":{"include":true}})",
        R"({"max_tokens":1,"stream_options":{"include_usage":true},"model":"up/\"x\""})"},
    Row{"UsageFirstWithInsertions", R"({"usage":{"include":true},"model":"m"})",
        R"({"stream_options":{"include_usage":true},"max_tokens":7,"model":"up/\"x\""})"}), name_of);

TEST(Edits, PiecesAreViewsOfTheBody) {
    std::string const body = R"({"model":"m","messages":[]})";
    auto const ask = understand(Surface::openai_chat, body);
    Edits edits(body);
    set_model(edits, *ask, "other");
    std::size_t from_body = 0, pieces = 0;
    edits.for_each([&](std::string_view piece) {
        ++pieces;
        if (piece.data() >= body.data() && piece.data() < body.data() + body.size()) from_body += piece.size();
    });
    EXPECT_EQ(pieces, 3u);
    EXPECT_EQ(from_body, body.size() - 3);
}

TEST(Edits, NothingToDoIsNoEdit) {
    auto const ask = understand(Surface::openai_chat, R"({"model":"m","stream_options":{"include_usage":true}})");
    Edits edits(ask->body);
    set_model(edits, *ask, "m");
    add_include_usage(edits, *ask);
    remove_usage_option(edits, *ask);
    EXPECT_TRUE(edits.empty());
}

TEST(SetModel, RewritesAnEscapedName) {
    auto const ask = understand(Surface::openai_chat, R"({"model":"\u006d"})");
    Edits edits(ask->body);
    set_model(edits, *ask, "m");
    EXPECT_EQ(edits.apply(), R"({"model":"m"})");
}

TEST(SetOutputLimit, UsesTheFieldTheModelTakes) {
    auto const ask = understand(Surface::openai_chat, R"({"max_tokens":null,"model":"m"})");
    Edits edits(ask->body);
    set_output_limit(edits, *ask, "o3", 9);
    EXPECT_EQ(edits.apply(), R"({"max_completion_tokens":9,"max_tokens":null,"model":"m"})");
}

TEST(AppendJsonString, RoundTrips) {
    std::string every;
    for (int c = 0; c < 128; ++c) every.push_back(static_cast<char>(c));
    every += "\xe4\xb8\xad";
    std::string quoted;
    append_json_string(quoted, every);
    EXPECT_EQ(boost::json::parse(quoted).as_string(), every);
}

} // namespace
} // namespace tollgate::dialects
