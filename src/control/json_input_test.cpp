#include "control/json_input.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace tollgate::control {
namespace {
using std::string_view_literals::operator""sv;

struct BodyCase {
    std::string_view name, body, message;
    Errc code;
};
class RefusedBody : public testing::TestWithParam<BodyCase> {};
TEST_P(RefusedBody, SaysWhatIsWrong) {
    auto const& c = GetParam();
    auto const parsed = parse_object(c.body);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, c.code);
    EXPECT_NE(parsed.error().message.find(c.message), std::string::npos) << parsed.error().message;
}
INSTANTIATE_TEST_SUITE_P(
    Table, RefusedBody,
    testing::Values(BodyCase{"Empty", "", "is empty", Errc::malformed_json},
                    BodyCase{"Blank", " \n", "is empty", Errc::malformed_json},
                    BodyCase{"Array", "[1]", "must be a JSON object, not an array", Errc::invalid_request},
                    BodyCase{"Null", "null", "not null", Errc::invalid_request},
                    BodyCase{"Trailing", "{} x", "not valid JSON at byte 3", Errc::malformed_json},
                    BodyCase{"Cut", R"({"a":)", "not valid JSON", Errc::malformed_json},
                    BodyCase{"Duplicate", R"({"a":1,"b":2,"a":3})", "'a' stands twice", Errc::invalid_request},
                    BodyCase{"DuplicateByEscape", R"({"amount":"1","\u0061mount":"2"})", "'amount' stands twice",
                             Errc::invalid_request},
                    BodyCase{"NestedDuplicate", R"({"x":[{"a":1,"a":1}]})", "'a' stands twice", Errc::invalid_request},
                    BodyCase{"BadUtf8", "{\"a\":\"\xff\"}", "not valid JSON", Errc::malformed_json},
                    BodyCase{"Comment", "{/**/}", "not valid JSON", Errc::malformed_json}),
    [](auto const& row) { return std::string(row.param.name); });

TEST(ParseObject, SameKeyInSiblingsIsNoDuplicate) {
    EXPECT_TRUE(parse_object(R"({"a":{"k":1},"b":{"k":1},"c":[{"k":1},{"k":1}]})"));
}
TEST(ParseObject, RefusesDeepNesting) {
    std::string deep = R"({"a":)" + std::string(40, '[') + std::string(40, ']') + "}";
    auto const parsed = parse_object(deep);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, Errc::malformed_json);
}

struct FieldCase {
    std::string_view name, body, param, message;
};
class RefusedField : public testing::TestWithParam<FieldCase> {};
TEST_P(RefusedField, NamesFieldAndRemedy) {
    auto const& c = GetParam();
    auto const object = parse_object(c.body);
    ASSERT_TRUE(object);
    Fields in(*object, {"name", "kind", "count", "amount", "factor", "at", "list", "flag", "nested"});
    in.maybe_text("name", 1, 10);
    constexpr std::array kinds{"tenant"sv, "team"sv};
    in.maybe_choice("kind", kinds);
    in.maybe_integer("count", 1, 100);
    in.maybe_money("amount", Money());
    in.maybe_multiplier("factor");
    in.maybe_time("at");
    in.maybe_texts("list", 2, 5);
    in.maybe_flag("flag");
    if (auto const* object2 = in.maybe_object("nested")) {
        Fields nested(*object2, {"day"}, "nested.");
        nested.maybe_money("day", Money());
        in.absorb(nested);
    }
    ASSERT_FALSE(in.ok());
    auto const error = in.error().value();
    EXPECT_EQ(error.code, Errc::invalid_request);
    EXPECT_EQ(error.param, c.param);
    EXPECT_NE(error.message.find(c.message), std::string::npos) << error.message;
}
INSTANTIATE_TEST_SUITE_P(
    Table, RefusedField,
    testing::Values(
        FieldCase{"UnknownNear", R"({"nmae":"x"})", "nmae", "did you mean 'name'?"},
        FieldCase{"UnknownFar", R"({"zzzzzzzzzz":1})", "zzzzzzzzzz", "valid are: name, kind"},
        FieldCase{"TextTooLong", R"({"name":"01234567890"})", "name", "1 to 10 bytes, it has 11"},
        FieldCase{"TextEmpty", R"({"name":""})", "name", "must not be empty"},
        FieldCase{"TextControl", R"({"name":"a\u0000b"})", "name", "control characters"},
        FieldCase{"TextNumber", R"({"name":5})", "name", "must be a string, not a number"},
        FieldCase{"TextNull", R"({"name":null})", "name", "must be a string, not null"},
        FieldCase{"ChoiceNear", R"({"kind":"tenat"})", "kind", "did you mean 'tenant'?"},
        FieldCase{"IntegerFraction", R"({"count":1.0})", "count", "must be a whole number, not a number with a fraction"},
        FieldCase{"IntegerString", R"({"count":"1"})", "count", "must be a whole number, not a string"},
        FieldCase{"IntegerHuge", R"({"count":18446744073709551615})", "count", "between 1 and 100"},
        FieldCase{"MoneyNumber", R"({"amount":1.5})", "amount", "decimal string in USD"},
        FieldCase{"MoneyNegative", R"({"amount":"-1"})", "amount", "between 0 and"},
        FieldCase{"MoneyTooFine", R"({"amount":"0.0000000001"})", "amount", "amount"},
        FieldCase{"MoneyHuge", R"({"amount":"1000000001"})", "amount", "between 0 and"},
        FieldCase{"MoneyExponent", R"({"amount":"1e3"})", "amount", "amount"},
        FieldCase{"Factor", R"({"factor":"-1"})", "factor", "factor"},
        FieldCase{"Time", R"({"at":"tomorrow"})", "at", "at"},
        FieldCase{"ListLong", R"({"list":["a","b","c"]})", "list", "at most 2"},
        FieldCase{"ListTwice", R"({"list":["a","a"]})", "list", "names 'a' twice"},
        FieldCase{"ListMixed", R"({"list":["a",1]})", "list", "strings only, not a number"},
        FieldCase{"Flag", R"({"flag":"true"})", "flag", "true or false, not a string"},
        FieldCase{"NestedUnknown", R"({"nested":{"dya":"1"}})", "nested.dya", "did you mean 'day'?"},
        FieldCase{"NestedValue", R"({"nested":{"day":1}})", "nested.day", "decimal string"}),
    [](auto const& row) { return std::string(row.param.name); });

TEST(Fields, ReadsWhatIsThereAndNothingElse) {
    auto const object = parse_object(R"({"name":"x","amount":"12.5","at":"2027-01-31T00:00:00Z","gone":null})");
    ASSERT_TRUE(object);
    Fields in(*object, {"name", "amount", "at", "gone", "absent"});
    EXPECT_EQ(in.maybe_text("name", 1, 10), "x");
    EXPECT_EQ(in.maybe_money("amount", Money()), Money::from_nanos(12'500'000'000));
    EXPECT_EQ(in.maybe_time("at"), Timestamp{1801353600000});
    EXPECT_TRUE(in.is_null("gone"));
    EXPECT_FALSE(in.has("absent"));
    EXPECT_FALSE(in.is_null("absent"));
    EXPECT_TRUE(in.ok());
}
TEST(Fields, KeepsTheFirstFailure) {
    auto const object = parse_object(R"({"a":1,"b":2})");
    ASSERT_TRUE(object);
    Fields in(*object, {"a", "b"});
    in.maybe_text("a", 1, 2);
    in.maybe_text("b", 1, 2);
    EXPECT_EQ(in.error().value().param, "a");
}
} // namespace
} // namespace tollgate::control
