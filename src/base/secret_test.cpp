#include "base/secret.hpp"

#include <gtest/gtest.h>

#include "base/digest.hpp"

namespace tollgate {
namespace {

TEST(secret_box, opens_what_it_sealed_and_nothing_else) {
    SecretBox const box(Secret("master key of sixteen"), "purpose");
    auto const sealed = box.seal("sk-upstream");
    EXPECT_EQ(sealed.find("sk-upstream"), std::string::npos);
    EXPECT_EQ(*box.open(sealed), "sk-upstream");
    EXPECT_NE(box.seal("sk-upstream"), sealed) << "every box has a nonce of its own";
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        auto damaged = sealed;
        damaged[i] = static_cast<char>(damaged[i] ^ 1);
        EXPECT_FALSE(box.open(damaged)) << i;
    }
    EXPECT_FALSE(box.open(sealed.substr(0, 20)));
}

TEST(secret_box, separates_purposes_and_master_keys) {
    Secret const master("master key of sixteen");
    auto const sealed = SecretBox(master, "api-keys").seal("x");
    EXPECT_FALSE(SecretBox(master, "provider-credentials").open(sealed));
    EXPECT_FALSE(SecretBox(Secret("another key of sixteen"), "api-keys").open(sealed));
    // A master key longer than the hash's own key still counts whole.
    std::string const long_key(100, 'k');
    auto const under_long = SecretBox(Secret(long_key), "p").seal("x");
    EXPECT_FALSE(SecretBox(Secret(long_key + "!"), "p").open(under_long));
}

TEST(hex, round_trips_and_refuses) {
    std::string const bytes("\x00\x01\xfe\xff", 4);
    EXPECT_EQ(to_hex(bytes), "0001feff");
    EXPECT_EQ(*from_hex("0001FEff"), bytes);
    EXPECT_FALSE(from_hex("abc"));
    EXPECT_FALSE(from_hex("zz"));
}

TEST(constant_time_equal, compares) {
    EXPECT_TRUE(constant_time_equal("abc", "abc"));
    EXPECT_FALSE(constant_time_equal("abc", "abd"));
    EXPECT_FALSE(constant_time_equal("abc", "abcd"));
}

TEST(sha256, matches_the_published_vector) {
    EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); // FIPS 180-2
}

} // namespace
} // namespace tollgate
