#include "app/verify_command.hpp"

#include <gtest/gtest.h>

#include "pricing/units.hpp"

namespace tollgate::app {
namespace {

constexpr auto input = static_cast<std::uint8_t>(pricing::UnitId::input_tokens);
constexpr auto output = static_cast<std::uint8_t>(pricing::UnitId::output_tokens);

/// 1,000 × $0.15/M + 100 × $0.60/M = $0.00021, sold at 1.5 times that.
RequestRecord sound() {
    RequestRecord r;
    r.request_id.bytes[0] = 7;
    r.outcome = Outcome::success;
    r.usage[Bucket::input] = 1000;
    r.usage[Bucket::output] = 100;
    r.lines = {{input, 1000, 150'000'000'000}, {output, 100, 600'000'000'000}};
    r.multiplier = Multiplier::from_ppb(1'500'000'000);
    r.cost_price_version = PriceVersionId{3};
    r.charge = Money::from_nanos(315'000);
    r.cost = Money::from_nanos(210'000);
    return r;
}

struct Case {
    char const* name;
    void (*spoil)(RequestRecord&);
    char const* check;
};
void PrintTo(Case const& c, std::ostream* out) { *out << c.name; }

class SpoiledRecord : public testing::TestWithParam<Case> {};
TEST_P(SpoiledRecord, IsNamedWithTheCheckThatItFails) {
    auto record = sound();
    GetParam().spoil(record);
    std::vector<store::Finding> findings;
    verify_record(record, findings);
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_EQ(findings[0].check, GetParam().check);
    EXPECT_EQ(findings[0].row, record.request_id.text());
    EXPECT_FALSE(findings[0].message.empty());
}
INSTANTIATE_TEST_SUITE_P(
    VerifyRecord, SpoiledRecord,
    testing::Values(
        Case{"charge a nano too high", [](RequestRecord& r) { r.charge += Money::from_nanos(1); }, "charge equals its lines"},
        Case{"cost a nano too low", [](RequestRecord& r) { r.cost -= Money::from_nanos(1); }, "cost equals its lines"},
        Case{"multiplier", [](RequestRecord& r) { r.multiplier = Multiplier(); }, "charge equals its lines"},
        Case{"cost lines of its own", [](RequestRecord& r) { r.cost_lines = {{input, 1000, 1}}; }, "cost equals its lines"},
        Case{"no cost although there is a cost price", [](RequestRecord& r) { r.cost = {}; }, "cost equals its lines"},
        Case{"fewer input tokens used than charged", [](RequestRecord& r) { r.usage[Bucket::input] = 999; }, "charge within usage"},
        Case{"fewer output tokens used than charged", [](RequestRecord& r) { r.usage[Bucket::output] = 99; }, "charge within usage"},
        Case{"refused and charged", [](RequestRecord& r) { r.outcome = Outcome::refused; }, "charge fits the outcome"},
        Case{"failed and charged", [](RequestRecord& r) { r.outcome = Outcome::upstream_error; }, "charge fits the outcome"}));

TEST(VerifyRecord, FindsNothingWhereNothingIsWrong) {
    std::vector<store::Finding> findings;
    auto record = sound();
    verify_record(record, findings);
    record.cost_lines = {{input, 1000, 70'000'000'000}};
    record.cost = Money::from_nanos(70'000);
    verify_record(record, findings);
    record.cost_lines.clear(); // a target without a book price costs nothing that we know of
    record.cost = {};
    record.cost_price_version = {};
    verify_record(record, findings);
    verify_record(RequestRecord{}, findings);
    EXPECT_TRUE(findings.empty());
}

} // namespace
} // namespace tollgate::app
