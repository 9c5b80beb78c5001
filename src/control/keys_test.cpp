#include "control/testing/api_fixture.hpp"
#include "identity/authenticate.hpp"

namespace tollgate::control {
namespace {
using testing::ApiTest;

class Keys : public ApiTest {
protected:
    explicit Keys(config::Config config = {}) : ApiTest(std::move(config)) {}
    /// May a caller with this key text come in?
    bool works(std::string const& text) {
        auto const directory = world->directory.directory().get();
        return identity::authenticate(*directory, world->hasher, text, *parse_ip("192.0.2.1"), world->clock.now())
            .has_value();
    }
};
class RevealableKeys : public Keys {
protected:
    static config::Config revealable() {
        config::Config config;
        config.keys.revealable = true;
        return config;
    }
    RevealableKeys() : Keys(revealable()) {}
};

TEST_F(Keys, WorkOnTheDataPlaneTheMomentTheyAreMade) {
    auto const account = make_account();
    auto const made = post("/api/keys", R"({"name":"k","account_id":")" + account +
                                            R"(","scopes":["openai*"],"models":["gpt-4o*"],"routes":[],"tags":["a"],)"
                                            R"("allowed_ips":["192.0.2.0/24"],"limits":{"rpm":60},"caps":{"day":"5"},)"
                                            R"("expires_at":"2100-01-01T00:00:00Z"})");
    ASSERT_EQ(made.status, 201) << made.response.body;
    EXPECT_TRUE(made.text("key").starts_with("tg_"));
    EXPECT_EQ(made.text("key").size(), 3u + 43 + 6);
    EXPECT_EQ(made.text("prefix"), made.text("key").substr(0, 8));
    EXPECT_TRUE(works(made.text("key")));
    auto const shown = get("/api/keys/" + made.text("id"));
    EXPECT_EQ(shown.text("key"), "<absent>");
    EXPECT_EQ(shown.text("limits"), R"({"rpm":60,"tpm":null,"concurrency":null})");
    EXPECT_EQ(shown.text("caps"), R"({"day":"5","week":null,"month":null,"total":null})");
    EXPECT_EQ(shown.text("spent"), R"({"day":"0","week":"0","month":"0","total":"0"})");
    EXPECT_EQ(shown.text("expires_at"), "2100-01-01T00:00:00.000Z");
    EXPECT_EQ(shown.text("last_used_at"), "null");
}
struct BadKey {
    std::string_view name, fields, param;
};
class RefusedKey : public ApiTest, public ::testing::WithParamInterface<BadKey> {};
TEST_P(RefusedKey, NamesTheField) {
    auto const account = make_account();
    auto const answer =
        post("/api/keys", R"({"name":"k","account_id":")" + account + "\"," + std::string(GetParam().fields) + "}");
    EXPECT_EQ(answer.status, 400) << answer.response.body;
    EXPECT_EQ(answer.text("param"), GetParam().param) << answer.response.body;
}
INSTANTIATE_TEST_SUITE_P(
    Table, RefusedKey,
    ::testing::Values(BadKey{"Scope", R"("scopes":["opneai_chat"])", "scopes"},
                      BadKey{"Address", R"("allowed_ips":["10.0.0.0/33"])", "allowed_ips"},
                      BadKey{"Limit", R"("limits":{"rpm":0})", "limits.rpm"},
                      BadKey{"LimitName", R"("limits":{"rpms":1})", "limits.rpms"},
                      BadKey{"CapNumber", R"("caps":{"day":5})", "caps.day"},
                      BadKey{"CapNegative", R"("caps":{"total":"-5"})", "caps.total"},
                      BadKey{"Expiry", R"("expires_at":"soon")", "expires_at"},
                      BadKey{"OwnText", R"("key":"tg_mine")", "key"},
                      BadKey{"Team", R"("team_id":"acc_1")", "team_id"}),
    [](auto const& row) { return std::string(row.param.name); });

TEST_F(Keys, NeedAnAccountThatExists) {
    EXPECT_EQ(post("/api/keys", R"({"name":"k"})").text("param"), "account_id");
    EXPECT_EQ(post("/api/keys", R"({"name":"k","account_id":"acc_99"})").text("param"), "account_id");
}
TEST_F(Keys, ChangesAreInForceAtOnce) {
    std::string text;
    auto const account = make_account();
    auto const id = make_key(account, &text);
    EXPECT_EQ(patch("/api/keys/" + id, R"({"enabled":false})").status, 200);
    EXPECT_FALSE(works(text));
    EXPECT_EQ(patch("/api/keys/" + id, R"({"enabled":true,"limits":{"tpm":5},"caps":{"day":"1"}})").status, 200);
    EXPECT_TRUE(works(text));
    auto const merged = patch("/api/keys/" + id, R"({"limits":{"rpm":7},"caps":{"day":null,"week":"2"}})");
    EXPECT_EQ(merged.text("limits"), R"({"rpm":7,"tpm":5,"concurrency":null})");
    EXPECT_EQ(merged.text("caps"), R"({"day":null,"week":"2","month":null,"total":null})");
    EXPECT_EQ(patch("/api/keys/" + id, R"({"account_id":")" + make_account("Other") + "\"}").status, 400);
    EXPECT_EQ(patch("/api/keys/" + id, R"({"account_id":")" + account + "\"}").status, 200);
}
TEST_F(Keys, RevokingIsForGood) {
    std::string text;
    auto const id = make_key(make_account(), &text);
    EXPECT_EQ(call("DELETE", "/api/keys/" + id).status, 204);
    EXPECT_FALSE(works(text));
    EXPECT_NE(get("/api/keys/" + id).text("revoked_at"), "null");
    EXPECT_EQ(get("/api/keys/" + id).text("enabled"), "false");
    EXPECT_EQ(patch("/api/keys/" + id, R"({"enabled":true})").status, 409);
    EXPECT_EQ(post("/api/keys/" + id + "/rotate", "{}").status, 409);
    EXPECT_EQ(call("DELETE", "/api/keys/" + id).status, 204);
    EXPECT_FALSE(works(text));
    EXPECT_EQ(get("/api/audit-logs?action=key.revoke").json.at("data").as_array().size(), 1u);
}
TEST_F(Keys, RotatingKeepsTheOldTextForItsGrace) {
    std::string old;
    auto const id = make_key(make_account(), &old);
    auto const rotated = post("/api/keys/" + id + "/rotate", R"({"grace_seconds":60})");
    ASSERT_EQ(rotated.status, 200) << rotated.response.body;
    EXPECT_NE(rotated.text("key"), old);
    EXPECT_TRUE(works(old));
    EXPECT_TRUE(works(rotated.text("key")));
    world->clock.advance_ms(61'000);
    EXPECT_FALSE(works(old));
    EXPECT_TRUE(works(rotated.text("key")));
    auto const at_once = call("POST", "/api/keys/" + id + "/rotate");
    EXPECT_EQ(at_once.status, 200);
    EXPECT_FALSE(works(rotated.text("key")));
}
TEST_F(Keys, ListsFilterByAccount) {
    auto const a = make_account("a");
    auto const b = make_account("b");
    make_key(a);
    make_key(b);
    auto const rows = get("/api/keys?account_id=" + b).json.at("data").as_array();
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].at("account_id").as_string(), b);
    EXPECT_EQ(get("/api/keys?account_id=x").status, 400);
}
TEST_F(Keys, ShowWhatTheySpent) {
    auto const account = make_account();
    auto const id = make_key(account);
    post("/api/accounts/" + account + "/credit", R"({"amount":"1","kind":"purchase","reference":"r"})");
    world->paid_request(*parse_id<AccountTag>(account), *parse_id<KeyTag>(id), "m", Money::from_nanos(1234));
    EXPECT_EQ(get("/api/keys/" + id).text("spent"),
              R"({"day":"0.000001234","week":"0.000001234","month":"0.000001234","total":"0.000001234"})");
}
TEST_F(Keys, AreNotRevealedUnlessTheOperatorKeepsCopies) {
    EXPECT_EQ(post("/api/keys/" + make_key(make_account()) + "/reveal", "").status, 403);
}
TEST_F(RevealableKeys, AreShownAgainAndAudited) {
    std::string text;
    auto const id = make_key(make_account(), &text);
    EXPECT_EQ(post("/api/keys/" + id + "/reveal", "").text("key"), text);
    EXPECT_EQ(get("/api/audit-logs?action=key.reveal").json.at("data").at(0).at("target").as_string(), id);
    auto const rotated = post("/api/keys/" + id + "/rotate", "{}").text("key");
    EXPECT_EQ(post("/api/keys/" + id + "/reveal", "").text("key"), rotated);
}
TEST_F(RevealableKeys, EachRevealIsAuditedEvenWithAnIdempotencyKey) {
    auto const id = make_key(make_account());
    for (int i = 0; i < 2; ++i) call("POST", "/api/keys/" + id + "/reveal", "", {{"idempotency-key", "same"}});
    EXPECT_EQ(get("/api/audit-logs?action=key.reveal").json.at("data").as_array().size(), 2u);
}

class Import : public Keys {
protected:
    explicit Import(config::Config config = {}) : Keys(std::move(config)) {}
    testing::Answer import(std::string const& key, std::string const& user) {
        return post("/api/token/import", R"({"key":")" + key + R"(","external_user_id":")" + user +
                                             R"(","name":"from the portal","unlimited_quota":true})");
    }
};
TEST_F(Import, KeepsTheKeyAndAnswersInItsFixedShape) {
    auto const first = import("ntk_0123456789abcdefghij", "user_1");
    ASSERT_EQ(first.status, 200) << first.response.body;
    EXPECT_EQ(first.response.body.substr(0, 36), R"({"success":true,"data":{"token_id":1)");
    EXPECT_TRUE(first.json.at("data").at("created").as_bool());
    EXPECT_TRUE(works("ntk_0123456789abcdefghij"));
    EXPECT_TRUE(works("sk-ntk_0123456789abcdefghij"));
}
TEST_F(Import, AgainForTheSameUserIsNotCreatedAndForAnotherIsAConflict) {
    auto const first = import("ntk_0123456789abcdefghij", "user_1");
    auto const again = import("sk-ntk_0123456789abcdefghij", "user_1");
    EXPECT_FALSE(again.json.at("data").at("created").as_bool());
    EXPECT_EQ(again.json.at("data").at("token_id"), first.json.at("data").at("token_id"));
    EXPECT_EQ(import("ntk_0123456789abcdefghij", "user_2").status, 409);
    import("ntk_another_key_of_the_user", "user_1");
    EXPECT_EQ(get("/api/accounts").json.at("data").as_array().size(), 1u);
}
TEST_F(Import, BadFormatIs422AndNamesTheRule) {
    for (auto const* key : {"short", "", "has a space inside it", "tab\\tinside_the_key_text"})
        EXPECT_EQ(import(key, "user_1").status, 422) << key;
    EXPECT_EQ(import(std::string(257, 'a'), "user_1").status, 422);
    EXPECT_EQ(import(std::string(256, 'a'), "user_1").status, 200);
    EXPECT_EQ(post("/api/token/import", R"({"external_user_id":"u"})").text("param"), "key");
    EXPECT_EQ(post("/api/token/import", R"({"key":"ntk_0123456789abcdefghij"})").text("param"), "external_user_id");
}
TEST_F(Import, NeedsItsScopeOnly) {
    auto const token = make_token(R"(["keys:import"])");
    auto const body = R"({"key":"ntk_0123456789abcdefghij","external_user_id":"u"})";
    EXPECT_EQ(call("POST", "/api/token/import", body, {{"authorization", "Bearer " + token}}).status, 200);
}
TEST_F(Import, ARevokedKeyIsNotBroughtBack) {
    auto const id = import("ntk_0123456789abcdefghij", "user_1").json.at("data").at("token_id").as_int64();
    call("DELETE", "/api/keys/key_" + std::to_string(id));
    EXPECT_EQ(import("ntk_0123456789abcdefghij", "user_1").status, 409);
    EXPECT_FALSE(works("ntk_0123456789abcdefghij"));
}
class ImportWithCredit : public Import {
protected:
    static config::Config with_credit() {
        config::Config config;
        config.import.initial_credit = Money::from_nanos(2'000'000'000);
        return config;
    }
    ImportWithCredit() : Import(with_credit()) {}
};
TEST_F(ImportWithCredit, ANewUserGetsItOnce) {
    import("ntk_0123456789abcdefghij", "user_1");
    import("ntk_0123456789abcdefghij_2", "user_1");
    EXPECT_EQ(get("/api/accounts").json.at("data").at(0).at("balance").as_string(), "2");
}
TEST_F(ImportWithCredit, AnAccountThatAFailedTryLeftGetsItToo) {
    post("/api/accounts", R"({"name":"user_1","external_id":"user_1","kind":"personal"})");
    EXPECT_EQ(import("ntk_0123456789abcdefghij", "user_1").status, 200);
    EXPECT_EQ(get("/api/accounts").json.at("data").at(0).at("balance").as_string(), "2");
}
class ImportOff : public Import {
protected:
    static config::Config off() {
        config::Config config;
        config.import.enabled = false;
        return config;
    }
    ImportOff() : Import(off()) {}
};
TEST_F(ImportOff, IsRefused) { EXPECT_EQ(import("ntk_0123456789abcdefghij", "u").status, 403); }
} // namespace
} // namespace tollgate::control
