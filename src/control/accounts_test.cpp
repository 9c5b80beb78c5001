#include "control/testing/api_fixture.hpp"

namespace tollgate::control {
namespace {
using testing::ApiTest;

class Accounts : public ApiTest {};

TEST_F(Accounts, HaveTheirWholeShape) {
    auto const made = post("/api/accounts",
                           R"({"name":"Acme","external_id":"org_17","kind":"team","multiplier":"1.2","overdraft":"5"})");
    EXPECT_EQ(made.status, 201) << made.response.body;
    EXPECT_EQ(made.text("external_id"), "org_17");
    EXPECT_EQ(made.text("kind"), "team");
    EXPECT_EQ(made.text("multiplier"), "1.2");
    EXPECT_EQ(made.text("overdraft"), "5");
    EXPECT_EQ(made.text("suspended"), "false");
    EXPECT_EQ(made.text("balance"), "0");
    EXPECT_EQ(made.text("held"), "0");
    EXPECT_EQ(made.text("credits"), "0");
    EXPECT_EQ(get("/api/accounts/" + made.text("id")).response.body, made.response.body);
}
TEST_F(Accounts, ExternalIdsAreUnique) {
    EXPECT_EQ(post("/api/accounts", R"({"name":"A","external_id":"x"})").status, 201);
    EXPECT_EQ(post("/api/accounts", R"({"name":"B","external_id":"x"})").status, 409);
}
TEST_F(Accounts, PatchChangesOnlyWhatItNamesAndNullClears) {
    auto const id = post("/api/accounts", R"({"name":"A","external_id":"x","multiplier":"2"})").text("id");
    auto const after = patch("/api/accounts/" + id, R"({"external_id":null,"suspended":true})");
    EXPECT_EQ(after.status, 200);
    EXPECT_EQ(after.text("name"), "A");
    EXPECT_EQ(after.text("external_id"), "null");
    EXPECT_EQ(after.text("multiplier"), "2");
    EXPECT_EQ(after.text("suspended"), "true");
    EXPECT_EQ(patch("/api/accounts/" + id, R"({"balance":"5"})").status, 400);
    EXPECT_EQ(patch("/api/accounts/" + id, R"({"name":null})").status, 400);
}
TEST_F(Accounts, SuspensionIsInForceOnTheDataPlaneAtOnce) {
    auto const id = make_account();
    patch("/api/accounts/" + id, R"({"suspended":true,"overdraft":"3"})");
    auto const wallet = world->ledger->wallet(*parse_id<AccountTag>(id));
    EXPECT_TRUE(wallet.suspended);
    EXPECT_EQ(wallet.overdraft, Money::from_nanos(3'000'000'000));
    EXPECT_TRUE(world->directory.directory().get()->account(*parse_id<AccountTag>(id))->suspended);
}
TEST_F(Accounts, ListsPageNewestFirstAndSearch) {
    for (auto const* name : {"one", "two", "three"}) make_account(name);
    auto const first = get("/api/accounts?limit=2");
    ASSERT_EQ(first.json.at("data").as_array().size(), 2u);
    EXPECT_EQ(first.json.at("data").at(0).at("name").as_string(), "three");
    auto const second = get("/api/accounts?limit=2&cursor=" + first.text("next_cursor"));
    ASSERT_EQ(second.json.at("data").as_array().size(), 1u);
    EXPECT_EQ(second.json.at("data").at(0).at("name").as_string(), "one");
    EXPECT_TRUE(second.json.at("next_cursor").is_null());
    EXPECT_EQ(get("/api/accounts?q=TW").json.at("data").as_array().size(), 1u);
}

class Credit : public ApiTest {};
TEST_F(Credit, IsSpendableAtOnceAndExact) {
    auto const id = make_account();
    auto const posted = post("/api/accounts/" + id + "/credit",
                             R"({"amount":"25.000000001","kind":"purchase","reference":"wire-1","description":"Bank"})");
    EXPECT_EQ(posted.status, 200) << posted.response.body;
    EXPECT_EQ(posted.text("amount"), "25.000000001");
    EXPECT_EQ(posted.text("balance_before"), "0");
    EXPECT_EQ(posted.text("balance_after"), "25.000000001");
    EXPECT_EQ(posted.text("reference"), "wire-1");
    EXPECT_EQ(world->ledger->wallet(*parse_id<AccountTag>(id)).available(), Money::from_nanos(25'000'000'001));
    auto const account = get("/api/accounts/" + id);
    EXPECT_EQ(account.text("balance"), "25.000000001");
    EXPECT_EQ(account.text("credits"), "2500.0000001");
}
TEST_F(Credit, TheSameReferencePostsOnce) {
    auto const id = make_account();
    auto const first = post("/api/accounts/" + id + "/credit", R"({"amount":"10","kind":"purchase","reference":"r"})");
    auto const again = post("/api/accounts/" + id + "/credit", R"({"amount":"99","kind":"bonus","reference":"r"})");
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again.text("id"), first.text("id"));
    EXPECT_EQ(again.text("amount"), "10");
    EXPECT_EQ(get("/api/accounts/" + id).text("balance"), "10");
    EXPECT_EQ(get("/api/audit-logs?action=account.credit").json.at("data").as_array().size(), 1u);
}
TEST_F(Credit, RefundsAndNegativeAdjustmentsStayWithinWhatIsThere) {
    auto const id = make_account();
    auto const url = "/api/accounts/" + id + "/credit";
    post(url, R"({"amount":"10","kind":"purchase","reference":"a"})");
    EXPECT_EQ(post(url, R"({"amount":"11","kind":"refund","reference":"b"})").status, 402);
    EXPECT_EQ(post(url, R"({"amount":"4","kind":"refund","reference":"c"})").text("balance_after"), "6");
    EXPECT_EQ(post(url, R"({"amount":"-1","kind":"adjustment","reference":"d"})").text("balance_after"), "5");
    EXPECT_EQ(get("/api/accounts/" + id).text("balance"), "5");
    auto const rows = get("/api/accounts/" + id + "/transactions").json.at("data").as_array();
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[0].at("kind").as_string(), "adjustment");
}
struct BadCredit {
    std::string_view name, body, param;
};
class RefusedCredit : public ApiTest, public ::testing::WithParamInterface<BadCredit> {};
TEST_P(RefusedCredit, NamesTheField) {
    auto const answer = post("/api/accounts/" + make_account() + "/credit", std::string(GetParam().body));
    EXPECT_EQ(answer.status, 400) << answer.response.body;
    EXPECT_EQ(answer.text("param"), GetParam().param);
}
INSTANTIATE_TEST_SUITE_P(
    Table, RefusedCredit,
    ::testing::Values(BadCredit{"Number", R"({"amount":10,"kind":"purchase","reference":"r"})", "amount"},
                      BadCredit{"Zero", R"({"amount":"0","kind":"adjustment","reference":"r"})", "amount"},
                      BadCredit{"NegativePurchase", R"({"amount":"-5","kind":"purchase","reference":"r"})", "amount"},
                      BadCredit{"NoAmount", R"({"kind":"purchase","reference":"r"})", "amount"},
                      BadCredit{"NoReference", R"({"amount":"5","kind":"purchase"})", "reference"},
                      BadCredit{"UsageByHand", R"({"amount":"5","kind":"usage","reference":"r"})", "kind"},
                      BadCredit{"Unknown", R"({"amount":"5","kind":"bonus","reference":"r","expires":"x"})", "expires"}),
    [](auto const& row) { return std::string(row.param.name); });
} // namespace
} // namespace tollgate::control
