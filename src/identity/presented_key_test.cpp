#include "identity/presented_key.hpp"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace tollgate::identity {
namespace {

struct Case {
    std::string_view name;
    std::vector<std::pair<std::string_view, std::string_view>> headers;
    std::string_view want; ///< the key, or a part of the error message when `ok` is false
    bool ok = true;
};
void PrintTo(Case const& c, std::ostream* out) { *out << c.name; }

class Presented : public testing::TestWithParam<Case> {};

TEST_P(Presented, Key) {
    PresentedKey presented;
    for (auto const& [name, value] : GetParam().headers) presented.see_header(name, value);
    auto const key = presented.get();
    ASSERT_EQ(key.has_value(), GetParam().ok);
    if (key) {
        EXPECT_EQ(*key, GetParam().want);
        return;
    }
    EXPECT_EQ(key.error().code, Errc::unauthenticated);
    EXPECT_NE(key.error().message.find(GetParam().want), std::string::npos) << key.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Table, Presented,
    testing::Values(Case{"bearer", {{"Authorization", "Bearer abc"}}, "abc"},
                    Case{"scheme_in_any_case", {{"AUTHORIZATION", "bEaReR   abc "}}, "abc"},
                    Case{"bare_authorization", {{"authorization", "abc"}}, "abc"},
                    Case{"anthropic", {{"X-Api-Key", " abc\t"}}, "abc"}, Case{"azure", {{"api-key", "abc"}}, "abc"},
                    Case{"gemini", {{"x-goog-api-key", "abc"}}, "abc"},
                    Case{"same_key_twice", {{"authorization", "Bearer abc"}, {"x-api-key", "abc"}}, "abc"},
                    Case{"two_keys", {{"authorization", "Bearer abc"}, {"x-api-key", "abd"}}, "'authorization' and 'x-api-key'", false},
                    Case{"two_keys_in_one_header", {{"x-api-key", "abc"}, {"x-api-key", "abd"}}, "two different", false},
                    Case{"empty_does_not_count", {{"authorization", "Bearer "}, {"x-api-key", "abc"}}, "abc"},
                    Case{"only_scheme", {{"authorization", "Bearer"}}, "no API key was sent", false},
                    Case{"nothing", {{"content-type", "x"}, {"user-agent", "y"}}, "Authorization: Bearer", false},
                    Case{"basic", {{"authorization", "Basic YTpi"}}, "not of the form", false},
                    Case{"basic_beside_key", {{"authorization", "Basic YTpi"}, {"api-key", "abc"}}, "abc"},
                    Case{"near_names", {{"x-api-kex", "abc"}, {"api_key", "abc"}, {"xapi-key1", "abc"}}, "no API key", false}),
    [](auto const& row) { return std::string(row.param.name); });

TEST(PresentedKeyQuery, CountsLikeAHeader) {
    PresentedKey presented;
    presented.see_query_key("abc");
    EXPECT_EQ(presented.get().value(), "abc");
    presented.see_header("x-api-key", "other");
    EXPECT_FALSE(presented.get());
}

} // namespace
} // namespace tollgate::identity
