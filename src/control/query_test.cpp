#include "control/query.hpp"

#include <gtest/gtest.h>

namespace tollgate::control {
namespace {

TEST(Query, DecodesEscapesAndPlus) {
    auto const q = Query::parse("q=a%20b+c%2Fd&limit=5&&empty=", {"q", "limit", "empty"});
    ASSERT_TRUE(q);
    EXPECT_EQ(q->text("q"), "a b c/d");
    EXPECT_EQ(q->integer("limit", 1, 10)->value(), 5);
    ASSERT_NE(q->find("empty"), nullptr);
    EXPECT_EQ(q->find("absent"), nullptr);
}
struct Bad {
    std::string_view name, raw, message;
};
class RefusedQuery : public testing::TestWithParam<Bad> {};
TEST_P(RefusedQuery, SaysWhy) {
    auto const q = Query::parse(GetParam().raw, {"limit", "cursor"});
    ASSERT_FALSE(q);
    EXPECT_EQ(q.error().code, Errc::invalid_request);
    EXPECT_NE(q.error().message.find(GetParam().message), std::string::npos) << q.error().message;
}
INSTANTIATE_TEST_SUITE_P(Table, RefusedQuery,
                         testing::Values(Bad{"UnknownNear", "limt=5", "did you mean 'limit'?"},
                                         Bad{"UnknownFar", "zzzzzzzzzzzz=5", "valid are: limit, cursor"},
                                         Bad{"Twice", "limit=5&limit=6", "stands twice"},
                                         Bad{"CutEscape", "limit=%2", "two hex digits"},
                                         Bad{"BadEscape", "limit=%zz", "two hex digits"},
                                         Bad{"Nul", "limit=%00", "NUL"}),
                         [](auto const& row) { return std::string(row.param.name); });

TEST(Query, NumbersAreBounded) {
    auto const q = Query::parse("a=0&b=1001&c=7x&d=&e=-1", {"a", "b", "c", "d", "e"});
    ASSERT_TRUE(q);
    for (auto const* name : {"a", "b", "c", "d", "e"}) {
        auto const n = q->integer(name, 1, 1000);
        ASSERT_FALSE(n) << name;
        EXPECT_EQ(n.error().param, name);
    }
}
TEST(Query, TimesTakeOffsetsWhosePlusWasNotEncoded) {
    auto const q = Query::parse("start=2026-01-01T02:00:00+02:00&end=2026-01-02&bad=noon", {"start", "end", "bad"});
    ASSERT_TRUE(q);
    EXPECT_EQ(q->time("start")->value(), *parse_rfc3339("2026-01-01T00:00:00Z"));
    EXPECT_EQ(q->time("end")->value(), *parse_rfc3339("2026-01-02T00:00:00Z"));
    EXPECT_FALSE(q->time("bad"));
}
} // namespace
} // namespace tollgate::control
