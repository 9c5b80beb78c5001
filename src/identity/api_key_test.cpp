#include "identity/api_key.hpp"

#include <gtest/gtest.h>
#include <map>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <set>

namespace tollgate::identity {
namespace {

TEST(MadeKey, HasTheDocumentedShapeAndPassesItsOwnCheck) {
    std::set<std::string> seen;
    for (int i = 0; i < 200; ++i) {
        auto const key = make_api_key();
        ASSERT_EQ(key.reveal().size(), 52u);
        EXPECT_EQ(key.reveal().substr(0, 3), "tg_");
        EXPECT_TRUE(is_plausible_key(key.reveal()));
        EXPECT_TRUE(seen.insert(key.reveal()).second);
    }
}

TEST(MadeKey, UsesAllCharactersEvenly) {
    std::map<char, int> counts;
    constexpr int keys = 3000;
    for (int i = 0; i < keys; ++i)
        for (char const c : make_api_key().reveal().substr(3, 43)) ++counts[c];
    ASSERT_EQ(counts.size(), 62u);
    // Mean 2080, standard deviation 45; taking a whole byte modulo 62 would give eight characters 25 % more.
    for (auto const& [c, count] : counts) EXPECT_NEAR(count, keys * 43 / 62, 320) << c;
}

TEST(MadeKey, AnySingleWrongCharacterIsNoticed) {
    auto const key = make_api_key().reveal();
    for (std::size_t i = 3; i < key.size(); ++i) {
        auto wrong = key;
        wrong[i] = wrong[i] == 'a' ? 'b' : 'a';
        EXPECT_FALSE(is_plausible_key(wrong)) << i;
    }
}

TEST(MadeKey, ChecksumIsTheCrcOfTheRandomPart) {
    // By zlib's crc32, written in base 62: another implementation can check our keys.
    EXPECT_TRUE(is_plausible_key("tg_" + std::string(43, '0') + "2CZclj"));
    EXPECT_TRUE(is_plausible_key("tg_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg37cCQ0"));
    EXPECT_FALSE(is_plausible_key("tg_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg37cCQ1"));
}

TEST(ImportedKey, RulesAreNamed) {
    struct Case {
        std::string key;
        std::string_view want; // part of the message; empty = accepted
    };
    for (auto const& [key, want] :
         {Case{"ntk_0123456789abcdef", ""}, Case{"XJP_abcdefghijkl", ""}, Case{"sk-0123456789abcdef", ""},
          Case{"sk-0123456789abcde", "16 to 256"}, Case{"", "16 to 256"}, Case{std::string(257, 'x'), "16 to 256"},
          Case{std::string(256, 'x'), ""}, Case{"with space 0123456789", "without spaces"},
          Case{"tab\tinside0123456789", "printable"}, Case{"umlaut-\xc3\xa4-0123456789", "printable"},
          Case{"tg_short_0123456789", ""}, Case{"tg_" + std::string(49, 'a'), "check sum"}}) {
        auto const result = validate_imported_key(key);
        EXPECT_EQ(result.has_value(), want.empty()) << key;
        EXPECT_EQ(is_plausible_key(normalize_key(key)), want.empty()) << key;
        if (!result) {
            EXPECT_EQ(result.error().code, Errc::unprocessable);
            EXPECT_EQ(result.error().param, "key");
            EXPECT_NE(result.error().message.find(want), std::string::npos) << result.error().message;
        }
    }
}

TEST(NormalizeKey, StripsExactlyOneLeadingSk) {
    EXPECT_EQ(normalize_key("sk-abc"), "abc");
    EXPECT_EQ(normalize_key("sk-sk-abc"), "sk-abc");
    EXPECT_EQ(normalize_key("SK-abc"), "SK-abc");
    EXPECT_EQ(normalize_key("abc"), "abc");
    EXPECT_EQ(key_prefix("sk-0123456789"), "01234567");
}

TEST(KeyHasher, IsHmacSha256OfTheNormalisedKey) {
    for (std::string const& pepper : {std::string("pepper"), std::string(64, 'p'), std::string(200, 'q')}) {
        KeyHasher const hasher{Secret(pepper)};
        for (std::string const& key : {std::string("ntk_0123456789abcdef"), std::string(256, 'k'), std::string(64, 'z')}) {
            KeyHash want{};
            unsigned length = 0;
            HMAC(EVP_sha256(), pepper.data(), static_cast<int>(pepper.size()),
                 reinterpret_cast<unsigned char const*>(key.data()), key.size(), want.data(), &length);
            EXPECT_EQ(hasher.hash(key), want);
            EXPECT_EQ(hasher.hash("sk-" + key), want);
        }
    }
}

TEST(KeyHasher, DiffersByPepper) {
    EXPECT_NE(KeyHasher(Secret("one pepper")).hash("ntk_0123456789abcdef"),
              KeyHasher(Secret("other pepper")).hash("ntk_0123456789abcdef"));
}

} // namespace
} // namespace tollgate::identity
