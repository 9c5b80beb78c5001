#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "store/sql/apply.hpp"
#include "store/sql/bytes.hpp"
#include "store/sql/rollups.hpp"
#include "store/sql/text.hpp"
#include "store/sql/time_range.hpp"

namespace tollgate::store::sql {
namespace {

TEST(Bytes, IntegersComeBack) {
    std::string out;
    std::vector<std::int64_t> const values{0, 1, -1, 63, 64, -64, -65, 1'000'000, std::numeric_limits<std::int64_t>::max(),
                                           std::numeric_limits<std::int64_t>::min()};
    for (auto const v : values) put_signed(out, v);
    put_varint(out, ~std::uint64_t{0});
    ByteReader in(out);
    for (auto const v : values) EXPECT_EQ(in.signed_varint(), v);
    EXPECT_EQ(in.varint(), ~std::uint64_t{0});
    EXPECT_TRUE(in.at_end() && in.ok());
}

TEST(Bytes, CutOrOverlongInputIsNotOk) {
    ByteReader cut("\x80\x80");
    cut.varint();
    EXPECT_FALSE(cut.ok());
    ByteReader overlong(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    overlong.varint();
    EXPECT_FALSE(overlong.ok());
    ByteReader few("ab");
    EXPECT_EQ(few.bytes(3), "");
    EXPECT_FALSE(few.ok());
}

TEST(Lists, AnyTextSurvives) {
    std::vector<std::string> const items{"a", "", "two\nlines", "back\\slash", "\\n", "tail\\"};
    EXPECT_EQ(split_list(join_list(items)), items);
    EXPECT_TRUE(split_list(join_list({})).empty());
    EXPECT_EQ(split_list(join_list({""})), std::vector<std::string>{""});
}

TEST(SpendWindows, BeginOnUtcDayMondayAndFirstOfMonth) {
    struct Case {
        char const *now, *day, *week, *month;
    };
    for (auto const& c : {Case{"2026-09-21T00:00:00Z", "2026-09-21", "2026-09-21", "2026-09-01"},
                          Case{"2026-09-20T23:59:59.999Z", "2026-09-20", "2026-09-14", "2026-09-01"},
                          Case{"2026-03-01T12:00:00Z", "2026-03-01", "2026-02-23", "2026-03-01"},
                          Case{"2028-02-29T12:00:00Z", "2028-02-29", "2028-02-28", "2028-02-01"},
                          Case{"2027-01-01T00:00:00Z", "2027-01-01", "2026-12-28", "2027-01-01"}}) {
        auto const day_of = [](char const* text) { return parse_rfc3339(text)->ms / (ms_per_hour * hours_per_day); };
        auto const w = spend_windows(*parse_rfc3339(c.now));
        EXPECT_EQ(w.day, day_of(c.day)) << c.now;
        EXPECT_EQ(w.week, day_of(c.week)) << c.now;
        EXPECT_EQ(w.month, day_of(c.month)) << c.now;
    }
}

TEST(RecordUid, RisesWithTimeAndStaysPositive) {
    Uuid id;
    EXPECT_GE(uid_of(id), 0) << "a time before the epoch of uids";
    id.bytes.fill(0xff);
    EXPECT_GE(uid_of(id), 0) << "a time after its end";
    auto const a = make_uuid7(Timestamp{1'790'000'000'000}), b = make_uuid7(Timestamp{1'790'000'000'001});
    EXPECT_LT(uid_of(a) >> 22, uid_of(b) >> 22);
}

} // namespace
} // namespace tollgate::store::sql
