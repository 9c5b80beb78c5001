#include "metering/tokenizer.hpp"

#include <gtest/gtest.h>

namespace tollgate::metering {
namespace {

std::vector<std::string> pieces_of(Encoding encoding, std::string_view text) {
    Tokenizer const t;
    std::vector<std::string> out;
    for (auto const token : t.encode(encoding, text))
        out.emplace_back(t.token_bytes(encoding, token));
    return out;
}

TEST(Tokenizer, CountsNothingAsNothing) {
    Tokenizer const t;
    EXPECT_EQ(t.count(Encoding::o200k_base, ""), 0);
    EXPECT_TRUE(t.encode(Encoding::cl100k_base, "").empty());
}

TEST(Tokenizer, KnowsBothVocabularies) {
    Tokenizer const t;
    EXPECT_EQ(t.encode(Encoding::cl100k_base, "hello world"), (std::vector<std::uint32_t>{15339, 1917}));
    EXPECT_EQ(t.encode(Encoding::o200k_base, "hello world"), (std::vector<std::uint32_t>{24912, 2375}));
    EXPECT_EQ(t.token_bytes(Encoding::o200k_base, 24912), "hello");
    EXPECT_EQ(t.token_bytes(Encoding::o200k_base, 5'000'000), "");
}

TEST(Tokenizer, TreatsSpecialTokensInTextAsText) {
    Tokenizer const t;
    EXPECT_GT(t.count(Encoding::o200k_base, "<|endoftext|>"), 1);
    EXPECT_EQ(t.encode(Encoding::cl100k_base, "<|im_start|>").front(), 27u); // "<"
}

TEST(Tokenizer, ReplacesBrokenUtf8OncePerMaximalSubpart) {
    Tokenizer const t;
    auto const c = [&](std::string_view text) { return t.encode(Encoding::o200k_base, text); };
    EXPECT_EQ(c("a\x80z"), c("a\uFFFDz"));
    EXPECT_EQ(c("a\xe4\xb8"), c("a\uFFFD"));               // cut off
    EXPECT_EQ(c("\xed\xa0\x80"), c("\uFFFD\uFFFD\uFFFD")); // a surrogate in UTF-8
    EXPECT_EQ(c("\xc0\xaf"), c("\uFFFD\uFFFD"));           // overlong
    EXPECT_EQ(c("\xf4\x90\x80\x80"), c("\uFFFD\uFFFD\uFFFD\uFFFD"));
    EXPECT_EQ(c("\xf0\x9f\x91"
                "x"),
              c("\uFFFDx"));
}

TEST(Tokenizer, IsNotQuadraticInOneLongPiece) {
    Tokenizer const t;
    // A quadratic merge of these takes minutes.
    EXPECT_EQ(t.count(Encoding::o200k_base, std::string(1 << 20, 'a')), (1 << 20) / 8);
    EXPECT_EQ(t.count(Encoding::cl100k_base, std::string(1 << 20, 'a')), (1 << 20) / 8);
    EXPECT_GT(t.count(Encoding::o200k_base, std::string(1 << 20, '\n')), 0);
    EXPECT_GT(t.count(Encoding::o200k_base, std::string(1 << 20, '\xff')), 0);
}

TEST(Tokenizer, CountsPiecesBeyondTheMergeLimitInParts) {
    Tokenizer const t;
    EXPECT_EQ(t.count(Encoding::o200k_base, std::string(5 << 19, 'a')), (5 << 19) / 8);
}

TEST(Tokenizer, NeverCountsMoreTokensThanBytes) {
    Tokenizer const t;
    for (std::string_view text : {"a", "zqxj", "\x01\x02\x03", "日本", "\xff\xff", "    \n\t"})
        EXPECT_LE(t.count(Encoding::o200k_base, text), static_cast<std::int64_t>(text.size()) * 3) << text;
    EXPECT_EQ(pieces_of(Encoding::o200k_base, "a b"), (std::vector<std::string>{"a", " b"}));
}

struct NameCase {
    std::string_view model;
    Encoding encoding;
    bool exact;
};
class EncodingForModel : public testing::TestWithParam<NameCase> {};

TEST_P(EncodingForModel, ReadsTheNameAsProvidersSpellIt) {
    auto const how = encoding_for_model(GetParam().model);
    EXPECT_EQ(how.encoding, GetParam().encoding) << GetParam().model;
    EXPECT_EQ(how.exact, GetParam().exact) << GetParam().model;
    EXPECT_EQ(how.permille == 1000, GetParam().exact) << GetParam().model;
}

constexpr auto o200k = Encoding::o200k_base;
constexpr auto cl100k = Encoding::cl100k_base;
INSTANTIATE_TEST_SUITE_P(
    Table, EncodingForModel,
    testing::Values(NameCase{"gpt-4o", o200k, true}, NameCase{"gpt-4o-mini-2024-07-18", o200k, true},
                    NameCase{"gpt-4.1-nano", o200k, true}, NameCase{"gpt-4.5-preview", o200k, true},
                    NameCase{"gpt-5.2-codex", o200k, true}, NameCase{"o1-preview", o200k, true},
                    NameCase{"o3", o200k, true}, NameCase{"o4-mini", o200k, true},
                    NameCase{"chatgpt-4o-latest", o200k, true}, NameCase{"gpt-oss-120b", o200k, true},
                    NameCase{"gpt-4", cl100k, true}, NameCase{"gpt-4-turbo-2024-04-09", cl100k, true},
                    NameCase{"gpt-4-32k", cl100k, true}, NameCase{"gpt-3.5-turbo-0125", cl100k, true},
                    NameCase{"gpt-35-turbo", cl100k, true}, NameCase{"text-embedding-3-small", cl100k, true},
                    NameCase{"text-embedding-ada-002", cl100k, true}, NameCase{"davinci-002", cl100k, true},
                    NameCase{"openai/gpt-4o", o200k, true}, NameCase{"openai/gpt-4-turbo", cl100k, true},
                    NameCase{"OpenAI/GPT-4O:online", o200k, true},
                    NameCase{"ft:gpt-3.5-turbo:org::id", cl100k, true},
                    NameCase{"ft:gpt-4o-mini:org::id", o200k, true},
                    NameCase{"openai.gpt-oss-20b-1:0", o200k, true}, NameCase{"demo/echo", o200k, true},
                    NameCase{"text-davinci-003", o200k, false}, NameCase{"claude-sonnet-4-5", o200k, false},
                    NameCase{"anthropic/claude-3.5-haiku", o200k, false},
                    NameCase{"us.anthropic.claude-opus-4-1-v1:0", o200k, false},
                    NameCase{"publishers/google/models/gemini-2.5-pro", o200k, false},
                    NameCase{"meta-llama/llama-3.3-70b-instruct", o200k, false},
                    NameCase{"mistral-large-latest", o200k, false}, NameCase{"qwen/qwen3-max", o200k, false},
                    NameCase{"deepseek-chat", o200k, false}, NameCase{"somebody/unheard-of", o200k, false},
                    NameCase{"", o200k, false}));

TEST(EncodingForModel, NamesOfAnyLengthAreRead) {
    EXPECT_TRUE(encoding_for_model("gpt-4o" + std::string(100'000, 'x')).exact);
    EXPECT_FALSE(encoding_for_model(std::string(100'000, '/')).exact);
}

TEST(Scaled, RoundsUpAndKeepsExactCounts) {
    EXPECT_EQ(scaled({Encoding::o200k_base, true, 1000}, 7), 7);
    EXPECT_EQ(scaled({Encoding::o200k_base, false, 1350}, 100), 135);
    EXPECT_EQ(scaled({Encoding::o200k_base, false, 1350}, 1), 2);
    EXPECT_EQ(scaled({Encoding::o200k_base, false, 1350}, 0), 0);
}

} // namespace
} // namespace tollgate::metering
