#include "base/clock.hpp"

#include <gtest/gtest.h>

namespace tollgate {
namespace {

struct TimeCase {
    std::string_view text;
    std::int64_t ms;
};

TEST(rfc3339, reads_offsets_fractions_and_bare_dates) {
    for (auto const& c : {TimeCase{"1970-01-01T00:00:00Z", 0}, TimeCase{"1970-01-01", 0}, TimeCase{"1970-01-01T00:00:00.5Z", 500},
                          TimeCase{"2026-11-21T05:06:07.089Z", 1795237567089}, TimeCase{"2026-11-21T06:06:07.089+01:00", 1795237567089},
                          TimeCase{"2026-11-20T23:36:07.089-05:30", 1795237567089}, TimeCase{"2024-02-29T23:59:59.999Z", 1709251199999},
                          TimeCase{"1969-12-31T23:59:59.999Z", -1}}) {
        auto const t = parse_rfc3339(c.text);
        ASSERT_TRUE(t) << c.text;
        EXPECT_EQ(t->ms, c.ms) << c.text;
        EXPECT_EQ(parse_rfc3339(format_rfc3339(*t))->ms, c.ms);
    }
    EXPECT_EQ(format_rfc3339(Timestamp{1795237567089}), "2026-11-21T05:06:07.089Z");
}

TEST(rfc3339, refuses_what_is_no_time) {
    for (std::string_view const text : {"", "yesterday", "2026-13-01", "2026-02-30", "2026-11-21T25:00:00Z", "2026-11-21T05:06:07",
                                        "2026-11-21T05:06:07.Z", "2026-11-21T05:06:07Zx", "2026-11-21T05:06:07+24:00", "26-11-21"})
        EXPECT_FALSE(parse_rfc3339(text)) << text;
}

} // namespace
} // namespace tollgate
