// Token for token against what the JavaScript library says.
#include <gtest/gtest.h>

#include "metering/vectors/read_vectors.hpp"

namespace tollgate::metering {
namespace {

class TokenizerVectors : public testing::TestWithParam<VectorKind> {};

TEST_P(TokenizerVectors, EncodesAndCountsAsTheReferenceDoes) {
    Tokenizer const tokenizer;
    int compared[2] = {0, 0};
    int wrong = 0;
    for (auto const& v : vectors(TOLLGATE_VECTORS_FILE).texts) {
        if (v.kind != GetParam())
            continue;
        ++compared[static_cast<int>(v.encoding)];
        auto const tokens = tokenizer.encode(v.encoding, v.text);
        if (tokens != v.tokens && ++wrong <= 5)
            ADD_FAILURE() << "encoding " << static_cast<int>(v.encoding) << " of "
                          << testing::PrintToString(v.text) << "\n  is " << testing::PrintToString(tokens)
                          << "\n  not " << testing::PrintToString(v.tokens);
        EXPECT_EQ(tokenizer.count(v.encoding, v.text), static_cast<std::int64_t>(v.tokens.size()));
    }
    EXPECT_EQ(wrong, 0);
    auto const least = GetParam() == VectorKind::published ? 50
                       : GetParam() == VectorKind::random  ? 8000
                                                           : 500;
    EXPECT_GE(compared[0], least);
    EXPECT_GE(compared[1], least);
}

std::string kind_name(testing::TestParamInfo<VectorKind> const& kind) {
    constexpr char const* of[] = {"Published", "Random", "BrokenUtf8"};
    return of[static_cast<int>(kind.param)];
}
INSTANTIATE_TEST_SUITE_P(Kinds, TokenizerVectors,
                         testing::Values(VectorKind::published, VectorKind::random, VectorKind::broken_utf8),
                         kind_name);

TEST(TokenizerVectorsDecoding, TokenBytesOfAnEncodingGiveTheTextBack) {
    Tokenizer const tokenizer;
    for (auto const& v : vectors(TOLLGATE_VECTORS_FILE).texts) {
        if (v.kind == VectorKind::broken_utf8)
            continue;
        std::string text;
        for (auto const token : v.tokens)
            text += tokenizer.token_bytes(v.encoding, token);
        ASSERT_EQ(text, v.text);
    }
}

} // namespace
} // namespace tollgate::metering
