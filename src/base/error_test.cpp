#include "base/error.hpp"

#include <gtest/gtest.h>
#include <set>

namespace tollgate {
namespace {

TEST(errc_table, has_a_row_of_its_own_for_every_kind) {
    std::set<std::string_view> codes;
    for (int i = 0; i <= static_cast<int>(Errc::internal); ++i) {
        auto const& row = errc_row(static_cast<Errc>(i));
        EXPECT_EQ(static_cast<int>(row.errc), i) << "rows stand in enum order";
        EXPECT_GE(row.status, 400);
        codes.insert(row.code);
    }
    EXPECT_EQ(codes.size(), static_cast<std::size_t>(Errc::internal) + 1);
}

TEST(errc_table, never_reports_our_own_trouble_as_the_callers_fault) {
    for (auto const errc : {Errc::unavailable, Errc::internal, Errc::upstream_auth, Errc::upstream_failed, Errc::upstream_timeout})
        EXPECT_GE(errc_row(errc).status, 500) << errc_row(errc).code;
    EXPECT_EQ(errc_row(Errc::unauthenticated).status, 401);
    EXPECT_EQ(errc_row(Errc::insufficient_credits).status, 402);
    EXPECT_EQ(errc_row(Errc::insufficient_credits).code, "insufficient_credits");
    EXPECT_EQ(errc_row(Errc::model_price_unset).code, "model_price_unset");
}

} // namespace
} // namespace tollgate
