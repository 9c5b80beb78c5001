#include "metering/incremental.hpp"

#include <gtest/gtest.h>

#include "metering/vectors/read_vectors.hpp"

namespace tollgate::metering {
namespace {

// Pieces of 1 … 16 bytes by a small generator: splits fall inside words, characters and runs of blanks.
std::int64_t counted_in_crumbs(Tokenizer const& t, Encoding encoding, std::string_view text,
                               std::uint32_t seed) {
    IncrementalCounter counter(t, encoding);
    for (std::size_t at = 0; at < text.size();) {
        seed = seed * 1664525u + 1013904223u;
        auto const n = std::min<std::size_t>(1 + (seed >> 16) % 16, text.size() - at);
        counter.append(text.substr(at, n));
        at += n;
    }
    return counter.count();
}

TEST(IncrementalCounter, EqualsTheWholeCountHoweverTextIsSplit) {
    Tokenizer const t;
    std::string whole[2];
    std::uint32_t seed = 1;
    for (auto const& v : vectors(TOLLGATE_VECTORS_FILE).texts) {
        ASSERT_EQ(counted_in_crumbs(t, v.encoding, v.text, ++seed),
                  static_cast<std::int64_t>(v.tokens.size()))
            << testing::PrintToString(v.text);
        whole[static_cast<int>(v.encoding)] += v.text; // long enough that pieces settle on the way
    }
    for (auto const encoding : {Encoding::o200k_base, Encoding::cl100k_base}) {
        auto const& text = whole[static_cast<int>(encoding)];
        auto const want = t.count(encoding, text);
        for (std::uint32_t s = 1; s <= 3; ++s)
            EXPECT_EQ(counted_in_crumbs(t, encoding, text, s), want);
    }
}

TEST(IncrementalCounter, SettlesAtEveryByteWithoutChangingTheCount) {
    Tokenizer const t;
    // Blocks of 300 bytes pass the size at which the tail is split, so that it is split at each possible
    // place.
    std::string const text = "I'LL WE'LLx don'T  \n\n \t a/\n//\n日本ABCd É́́x 12345 <|endoftext|>  ";
    std::string const block(300, '.');
    for (auto const encoding : {Encoding::o200k_base, Encoding::cl100k_base}) {
        for (std::size_t cut = 0; cut <= text.size(); ++cut) {
            IncrementalCounter counter(t, encoding);
            counter.append(block + text.substr(0, cut));
            counter.append(text.substr(cut) + block);
            ASSERT_EQ(counter.count(), t.count(encoding, block + text + block)) << cut;
        }
    }
}

TEST(IncrementalCounter, KeepsOnlyTheTail) {
    Tokenizer const t;
    IncrementalCounter counter(t, Encoding::o200k_base);
    for (int i = 0; i < 10'000; ++i)
        counter.append("some words come in ");
    EXPECT_LT(counter.memory_bytes(), 1024u);
    EXPECT_GT(counter.settled(), 39'000);
    EXPECT_EQ(counter.count(), t.count(Encoding::o200k_base, [] {
        std::string all;
        for (int i = 0; i < 10'000; ++i)
            all += "some words come in ";
        return all;
    }()));
}

TEST(IncrementalCounter, CutsAPieceThatNeverEnds) {
    Tokenizer const t;
    IncrementalCounter counter(t, Encoding::o200k_base);
    for (int i = 0; i < 100'000; ++i)
        counter.append("aaaaaaa");
    EXPECT_LE(counter.memory_bytes(), 4 * IncrementalCounter::tail_max);
    auto const exact = t.count(Encoding::o200k_base, std::string(700'000, 'a'));
    EXPECT_GE(counter.count(), exact);
    EXPECT_LE(counter.count(), exact + exact / 100);
}

} // namespace
} // namespace tollgate::metering
