#include "metering/split/splitter.hpp"

#include <gtest/gtest.h>

#include "metering/pieces.hpp"

namespace tollgate::metering {
namespace {

using Pieces = std::vector<std::string>;

Pieces split(Encoding encoding, std::string_view text) {
    Splitter splitter(vocabulary_file().classes, text.data() + text.size());
    Pieces out;
    for_each_piece(encoding, text, splitter, [&](char const* p, char const* e) {
        out.emplace_back(p, e);
        return true;
    });
    return out;
}

struct SplitCase {
    std::string_view text;
    Pieces o200k;
    Pieces cl100k;
};

TEST(Splitter, CutsWhereThePatternsDo) {
    SplitCase const cases[] = {
        {"Hello world", {"Hello", " world"}, {"Hello", " world"}},
        {"HTTPServer", {"HTTPServer"}, {"HTTPServer"}},
        {"fooBar", {"foo", "Bar"}, {"fooBar"}},
        {"don't WE'LL 'twas", {"don't", " WE'LL", " '", "twas"}, {"don", "'t", " WE", "'LL", " '", "twas"}},
        {"日本ABC", {"日本", "ABC"}, {"日本ABC"}},
        {"1234567", {"123", "456", "7"}, {"123", "456", "7"}},
        {"  a", {" ", " a"}, {" ", " a"}},
        {"a  \n b", {"a", "  \n", " b"}, {"a", "  \n", " b"}},
        {"a\n  ", {"a", "\n", "  "}, {"a", "\n  "}},
        {"x //\n/y", {"x", " //\n/", "y"}, {"x", " //\n", "/y"}},
        {"e\u0301A", {"e\u0301", "A"}, {"e", "\u0301A"}},
        {"\u0301ABC", {"\u0301", "ABC"}, {"\u0301ABC"}},
        // tiktoken's engine: U+0085 is white space, U+FEFF is not, and the long s is an s in either case.
        {"!\u0085", {"!", "\u0085"}, {"!", "\u0085"}},
        {"!\uFEFF", {"!\uFEFF"}, {"!\uFEFF"}},
        {"a'\u017Fb", {"a'\u017F", "b"}, {"a", "'\u017F", "b"}},
    };
    for (auto const& c : cases) {
        EXPECT_EQ(split(Encoding::o200k_base, c.text), c.o200k) << c.text;
        EXPECT_EQ(split(Encoding::cl100k_base, c.text), c.cl100k) << c.text;
    }
}

TEST(Splitter, SaysWhenMoreTextCouldChangeAPiece) {
    auto const settled = [](Encoding encoding, std::string_view text) {
        Splitter splitter(vocabulary_file().classes, text.data() + text.size());
        Pieces out;
        for_each_piece(encoding, text, splitter, [&](char const* p, char const* e) {
            if (splitter.looked_at_end)
                return false;
            out.emplace_back(p, e);
            return true;
        });
        return out;
    };
    EXPECT_EQ(settled(Encoding::o200k_base, "one two"), Pieces{"one"});
    EXPECT_EQ(settled(Encoding::o200k_base, "one'"), Pieces{});  // could become one's
    EXPECT_EQ(settled(Encoding::o200k_base, "one'l"), Pieces{}); // could become one'll
    EXPECT_EQ(settled(Encoding::o200k_base, "one.\n"), Pieces{"one"});
    EXPECT_EQ(settled(Encoding::cl100k_base, "a 12"), (Pieces{"a", " "}));
    EXPECT_EQ(settled(Encoding::cl100k_base, "a   "), Pieces{"a"});
}

} // namespace
} // namespace tollgate::metering
