// The scanner against two other parsers on mutated documents: it must accept exactly what they accept.
#include "dialects/json/scan.hpp"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <boost/json.hpp>
#include <random>
#include <string>

namespace tollgate::dialects::json {
namespace {

bool strict_accepts(std::string_view text) {
    StrictScanner scan(text);
    scan.skip();
    scan.expect_end();
    return !scan.failed() && (!scan.saw_non_ascii() || valid_utf8(text));
}

bool boost_accepts(std::string_view text) {
    boost::json::error_code error;
    boost::json::parse_options options;
    options.max_depth = json_depth_max;
    (void)boost::json::parse(boost::json::string_view(text.data(), text.size()), error, {}, options);
    return !error;
}

/// Lone surrogate escapes are grammatical JSON that Boost refuses to decode; they are ours to relay.
bool has_surrogate_escape(std::string_view text) {
    for (std::size_t i = text.find("\\u"); i != std::string_view::npos; i = text.find("\\u", i + 1))
        if (i + 3 < text.size() && (text[i + 2] | 0x20) == 'd') return true;
    return false;
}

TEST(StrictScanner, AcceptsExactlyWhatAnotherParserAccepts) {
    std::string const seeds[] = {
        R"({"model":"gpt-4o","messages":[{"role":"user","content":"Hi \"there\" \u00e9 \\ end"}],"n":1,"x":-1.5e+10})",
        R"([0,-0,0.5,1e9,1E-9,true,false,null,"",{},[],{"a":{"b":[[[]]]}}])",
        "{\"text\":\"\xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x98\x80 and sixteen plain bytes and more\",\"t\":\"\\n\\t\\/\\b\\f\\r\"}",
    };
    constexpr std::string_view alphabet = "{}[]\",:\\/ubtn0123456789.eE+-truefalsn \t\r\n\x01\x7f\xc3\xa9\xff";
    std::mt19937 random(20261121);
    auto const below = [&random](std::size_t n) { return random() % n; };
    int accepted = 0, checked = 0;
    for (int round = 0; round < 60'000; ++round) {
        std::string text = seeds[below(std::size(seeds))];
        for (std::size_t edits = below(4); edits > 0 && !text.empty(); --edits) {
            std::size_t const at = below(text.size());
            switch (below(4)) {
            case 0: text[at] = alphabet[below(alphabet.size())]; break;
            case 1: text.insert(at, 1, alphabet[below(alphabet.size())]); break;
            case 2: text.erase(at, 1); break;
            default: text.resize(at);
            }
        }
        if (has_surrogate_escape(text)) continue;
        bool const ours = strict_accepts(text);
        ASSERT_EQ(ours, boost_accepts(text)) << text;
        accepted += ours ? 1 : 0;
        ++checked;
    }
    EXPECT_GT(accepted, checked / 10); // both answers are exercised
    EXPECT_LT(accepted, checked * 9 / 10);
}

TEST(StrictScanner, FindsStringEndsAtEveryAlignment) {
    for (std::size_t size = 0; size < 70; ++size)
        for (std::size_t lead = 0; lead < 17; ++lead) {
            std::string const text = std::string(lead, ' ') + "\"" + std::string(size, 'x') + "\"";
            StrictScanner scan(text);
            EXPECT_EQ(scan.string().raw.size(), size);
            EXPECT_TRUE(strict_accepts(text));
            EXPECT_FALSE(strict_accepts(text.substr(0, text.size() - 1)));
        }
}

TEST(LooseScanner, PassesTheSameValuesAsTheStrictOne) {
    std::string const text =
        R"({"a":[1,2.5e3,"x]}\"",{"b":"\\"}],"c":{"d":[[],{}]},"e":"]","f":-1,"g":null,"h":true})";
    std::string strict_names, loose_names;
    StrictScanner strict(text);
    strict.object([&](std::string_view name) {
        strict_names += name;
        strict.skip();
        strict_names += std::to_string(strict.offset());
    });
    LooseScanner loose(text);
    loose.object([&](std::string_view name) {
        loose_names += name;
        loose.skip();
        loose_names += std::to_string(loose.offset());
    });
    EXPECT_EQ(strict_names, loose_names);
    EXPECT_FALSE(strict.failed());
    EXPECT_FALSE(loose.failed());
}

/// A random value, dense in what could confuse a bracket counter.
std::string random_value(std::mt19937& random, int depth) {
    auto const below = [&random](std::size_t n) { return random() % n; };
    if (depth == 0 || below(3) == 0) {
        static constexpr std::string_view bits[] = {"\\\"", "\\\\", "{", "}", "[", "]", "x", ",", "\\n", "plain bytes "};
        std::string text = "\"";
        for (std::size_t i = below(30); i > 0; --i) text += bits[below(std::size(bits))];
        return text + "\"";
    }
    bool const object = below(2) == 0;
    std::string text(1, object ? '{' : '[');
    for (std::size_t i = below(5), n = 0; n < i; ++n) {
        if (n != 0) text += ',';
        if (object) text += "\"k\\\\\":";
        text += below(4) == 0 ? "-12.5" : random_value(random, depth - 1);
    }
    return text + (object ? '}' : ']');
}

TEST(LooseScanner, SkipsWhatTheStrictOneSkips) {
    std::mt19937 random(3);
    for (int round = 0; round < 20'000; ++round) {
        std::string const text = random_value(random, 6) + ",[]";
        StrictScanner strict(text);
        strict.skip();
        LooseScanner loose(text);
        loose.skip();
        ASSERT_FALSE(strict.failed()) << text;
        ASSERT_FALSE(loose.failed()) << text;
        ASSERT_EQ(strict.offset(), loose.offset()) << text;
    }
}

TEST(LooseScanner, EndsOnAnyCutText) {
    std::string const text = R"({"a":[1,{"b":"x\"y"}],"c":"\\","d":{"e":[true,null]}})";
    for (std::size_t size = 0; size < text.size(); ++size) {
        LooseScanner scan(std::string_view(text).substr(0, size));
        scan.object([&](std::string_view) { scan.skip(); });
        EXPECT_TRUE(scan.failed()) << size;
    }
}

TEST(DecodeString, MatchesSimdjson) {
    for (std::string const raw : {R"(plain)", R"(\"\\\/\b\f\n\r\t)", R"(\u0041\u00e9\u4e2d\ud83d\ude00)", R"(a\u0000b)"}) {
        simdjson::dom::parser parser;
        std::string_view const want = parser.parse("\"" + raw + "\"").get_string();
        std::string got;
        EXPECT_TRUE(decode_string(raw, got));
        EXPECT_EQ(got, want);
    }
    std::string lone;
    EXPECT_FALSE(decode_string(R"(a\ud800b)", lone));
    EXPECT_EQ(lone, "a\xef\xbf\xbd"
                    "b");
}

} // namespace
} // namespace tollgate::dialects::json
