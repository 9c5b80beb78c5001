// What holds for every endpoint: who may call, errors, idempotency, audit, headers.
#include "control/testing/api_fixture.hpp"

#include "control/endpoints.hpp"
#include "control/lockout.hpp"
#include "store/audit_store.hpp"

namespace tollgate::control {
namespace {
using testing::Answer;
using testing::ApiTest;

class Access_ : public ApiTest {};

TEST_F(Access_, EveryProtectedEndpointRefusesWithoutAToken) {
    for (auto const& e : endpoints()) {
        Request request;
        request.method = e.method;
        request.path = e.path;
        request.client_ip = "127.0.0.1";
        auto const response = world->api.dispatch(request);
        if (e.access == Access::open)
            EXPECT_NE(response.status, 401) << e.path;
        else
            EXPECT_EQ(response.status, 401) << e.method << " " << e.path;
    }
}
TEST_F(Access_, ATokenDoesOnlyWhatItsScopesSay) {
    auto const token = make_token(R"(["billing:read"])");
    for (auto const& e : endpoints()) {
        if (e.access != Access::scope) continue;
        auto const answer = call(std::string(e.method), std::string(e.path), "{}", {{"authorization", "Bearer " + token}});
        if (e.scope == "billing:read")
            EXPECT_NE(answer.status, 403) << e.path;
        else
            EXPECT_EQ(answer.status, 403) << e.method << " " << e.path << answer.response.body;
    }
}
TEST_F(Access_, AdminScopeOpensEverything) {
    auto const token = make_token(R"(["admin"])");
    EXPECT_EQ(call("GET", "/api/accounts", "", {{"authorization", "bearer " + token}}).status, 200);
    EXPECT_EQ(call("GET", "/api/service-tokens", "", {{"authorization", "Bearer " + token}}).status, 200);
}
TEST_F(Access_, ARevokedOrExpiredTokenIsRefused) {
    auto const made = post("/api/service-tokens", R"({"name":"ci","scopes":["admin"],"expires_at":"2100-01-01T00:00:00Z"})");
    Header const auth{"authorization", "Bearer " + made.text("token")};
    EXPECT_EQ(call("GET", "/api/auth/me", "", {auth}).text("name"), "ci");
    EXPECT_EQ(call("DELETE", "/api/service-tokens/" + made.text("id")).status, 204);
    EXPECT_EQ(call("GET", "/api/auth/me", "", {auth}).status, 401);
    auto const brief = post("/api/service-tokens", R"({"name":"x","scopes":["admin"],"expires_at":"2000-01-01T00:00:00Z"})");
    EXPECT_EQ(call("GET", "/api/auth/me", "", {{"authorization", "Bearer " + brief.text("token")}}).status, 401);
}
TEST_F(Access_, AnApiKeyOpensNothingOfTheOperators) {
    std::string key;
    make_key(make_account(), &key);
    EXPECT_EQ(call("GET", "/api/accounts", "", {{"authorization", "Bearer " + key}}).status, 401);
    EXPECT_EQ(call("GET", "/api/credits/balance", "", {{"authorization", "Bearer " + key}}).status, 200);
    EXPECT_EQ(call("GET", "/api/credits/balance", "", {{"x-api-key", key}}).status, 200);
}
TEST_F(Access_, GuessingLocksTheAddressAndNobodyElse) {
    for (std::size_t i = 0; i < Lockout::guesses_max; ++i)
        EXPECT_EQ(call("GET", "/api/auth/me", "", {{"authorization", "Bearer guess" + std::to_string(i)}}).status, 401);
    auto const locked = get("/api/auth/me");
    EXPECT_EQ(locked.status, 429);
    EXPECT_FALSE(locked.header("retry-after").empty());
    client_ip = "192.0.2.1";
    EXPECT_EQ(get("/api/auth/me").status, 200);
    client_ip = "127.0.0.1";
    world->clock.advance_ms(61'000);
    EXPECT_EQ(get("/api/auth/me").status, 200);
}
TEST_F(Access_, TheCommandLineIsTrustedAndNamedInTheAudit) {
    Actor local;
    local.kind = Actor::Kind::local;
    local.name = "cli";
    Request request;
    request.method = "POST";
    request.path = "/api/accounts";
    request.body = R"({"name":"From the shell"})";
    EXPECT_EQ(world->api.dispatch_as(local, request).status, 201);
    EXPECT_EQ(get("/api/audit-logs").json.at("data").at(0).at("actor").as_string(), "cli");
}

class Errors : public ApiTest {};
TEST_F(Errors, AreProblemJsonWithTheRequestId) {
    auto const answer = post("/api/accounts", R"({"nmae":"x"})");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.response.content_type, "application/problem+json");
    EXPECT_EQ(answer.text("code"), "invalid_request");
    EXPECT_EQ(answer.text("param"), "nmae");
    EXPECT_EQ(answer.text("status"), "400");
    EXPECT_NE(answer.text("detail").find("did you mean 'name'"), std::string::npos);
    EXPECT_EQ(answer.text("request_id"), answer.header("x-request-id"));
}
TEST_F(Errors, UnknownPathIs404AndWrongMethod405WithAllow) {
    EXPECT_EQ(get("/api/nothing").status, 404);
    auto const wrong = call("PUT", "/api/accounts", "{}");
    EXPECT_EQ(wrong.status, 405);
    EXPECT_EQ(wrong.header("allow"), "GET, POST");
    EXPECT_EQ(wrong.text("code"), "method_not_allowed");
}
TEST_F(Errors, IdsThatNameNothingAre404) {
    for (auto const* path : {"/api/accounts/acc_999", "/api/accounts/key_1", "/api/accounts/1", "/api/keys/key_77",
                             "/api/usage/records/nonsense", "/api/usage/records/0190a5b4-0000-7000-8000-000000000000",
                             "/api/prices/price_999", "/api/models/nothing", "/api/providers/nothing"})
        EXPECT_EQ(get(path).status, 404) << path;
}
TEST_F(Errors, BadListParametersAre400) {
    for (auto const* query : {"limit=1001", "limit=0", "limit=x", "cursor=1", "cursor=cx", "sort=name", "bogus=1"}) {
        auto const answer = get(std::string("/api/accounts?") + query);
        EXPECT_EQ(answer.status, 400) << query;
    }
    EXPECT_EQ(get("/api/usage/records?start=2026-02-01&end=2026-01-01").status, 400);
    EXPECT_EQ(get("/api/usage/records?outcome=odd").status, 400);
    EXPECT_EQ(get("/api/usage/breakdown").status, 400);
}
TEST_F(Errors, EveryAnswerCarriesSecurityHeaders) {
    for (auto const& answer : {get("/health"), get("/api/nothing"), get("/docs")}) {
        EXPECT_EQ(answer.header("x-content-type-options"), "nosniff");
        EXPECT_EQ(answer.header("x-frame-options"), "DENY");
        EXPECT_NE(answer.header("content-security-policy").find("default-src 'none'"), std::string::npos);
        EXPECT_EQ(answer.header("cache-control"), "no-store");
    }
}

class Idempotency : public ApiTest {
protected:
    Answer make(std::string body, std::string key = "k1") {
        return call("POST", "/api/accounts", std::move(body), {{"idempotency-key", std::move(key)}});
    }
};
TEST_F(Idempotency, SameKeyAndBodyAnswersTheSameOnce) {
    auto const first = make(R"({"name":"A"})");
    auto const second = make(R"({"name":"A"})");
    EXPECT_EQ(first.status, 201);
    EXPECT_EQ(second.status, 201);
    EXPECT_EQ(first.response.body, second.response.body);
    EXPECT_EQ(second.header("idempotent-replayed"), "true");
    EXPECT_EQ(get("/api/accounts").json.at("data").as_array().size(), 1u);
}
TEST_F(Idempotency, AnotherBodyIs422) {
    make(R"({"name":"A"})");
    EXPECT_EQ(make(R"({"name":"B"})").status, 422);
    EXPECT_EQ(make(R"({"name":"B"})", "k2").status, 201);
}
TEST_F(Idempotency, ARefusedRequestMayBeCorrected) {
    EXPECT_EQ(make(R"({"name":""})").status, 400);
    EXPECT_EQ(make(R"({"name":"A"})").status, 201);
}
TEST_F(Idempotency, KeysOfDifferentCallersDoNotMeet) {
    auto const token = make_token(R"(["accounts:write"])");
    EXPECT_EQ(make(R"({"name":"A"})").status, 201);
    auto const other = call("POST", "/api/accounts", R"({"name":"B"})",
                            {{"idempotency-key", "k1"}, {"authorization", "Bearer " + token}});
    EXPECT_EQ(other.status, 201) << other.response.body;
}
TEST_F(Idempotency, ForgottenAfterADay) {
    auto const first = make(R"({"name":"A"})");
    world->clock.advance_ms(86'400'001);
    auto const second = make(R"({"name":"A"})");
    EXPECT_NE(first.text("id"), second.text("id"));
}
TEST_F(Idempotency, TheTextOfANewKeyIsRepeatedButNotReadableInTheStore) {
    auto const account = make_account();
    auto const body = R"({"name":"k","account_id":")" + account + R"("})";
    auto const first = call("POST", "/api/keys", body, {{"idempotency-key", "x"}});
    auto const second = call("POST", "/api/keys", body, {{"idempotency-key", "x"}});
    EXPECT_EQ(first.text("key"), second.text("key"));
    EXPECT_EQ(get("/api/keys").json.at("data").as_array().size(), 1u);
}
TEST_F(Idempotency, BadKeysAreRefused) {
    EXPECT_EQ(make(R"({"name":"A"})", std::string(256, 'x')).status, 400);
    EXPECT_EQ(make(R"({"name":"A"})", "tab\t").status, 400);
}

class Audit : public ApiTest {};
TEST_F(Audit, EveryWriteIsKeptWithBeforeAndAfter) {
    auto const account = make_account("Before");
    client_ip = "198.51.100.7";
    patch("/api/accounts/" + account, R"({"name":"After"})");
    auto const row = get("/api/audit-logs?action=account.update").json.at("data").at(0);
    EXPECT_EQ(row.at("actor").as_string(), "admin");
    EXPECT_EQ(row.at("target").as_string(), account);
    EXPECT_EQ(row.at("before").at("name").as_string(), "Before");
    EXPECT_EQ(row.at("after").at("name").as_string(), "After");
    EXPECT_EQ(row.at("client_ip").as_string(), "198.51.100.7");
}
TEST_F(Audit, RefusedAndReadingCallsLeaveNothing) {
    post("/api/accounts", R"({"name":""})");
    get("/api/accounts");
    EXPECT_TRUE(get("/api/audit-logs").json.at("data").as_array().empty());
}
TEST_F(Audit, HoldsNoSecret) {
    std::string key;
    auto const id = make_key(make_account(), &key);
    auto const token = make_token(R"(["admin"])");
    auto const rotated = post("/api/keys/" + id + "/rotate", "{}").text("key");
    post("/api/providers", R"({"name":"up","kind":"openai","api_key":"sk-provider-secret"})");
    auto const log = get("/api/audit-logs?limit=1000").response.body;
    EXPECT_NE(log.find("provider.create"), std::string::npos) << log;
    for (auto const& secret : {key, token, rotated, std::string("sk-provider-secret")})
        EXPECT_EQ(log.find(secret), std::string::npos) << secret;
    for (auto const* path : {"/api/keys", "/api/service-tokens", "/api/providers"})
        for (auto const& secret : {key, token, rotated, std::string("sk-provider-secret")})
            EXPECT_EQ(get(path).response.body.find(secret), std::string::npos) << path;
}

class Operations : public ApiTest {};
TEST_F(Operations, HealthHasItsFixedShape) {
    EXPECT_EQ(get("/health").response.body, R"({"status":"healthy"})");
    auto const detailed = get("/health/detailed");
    EXPECT_EQ(detailed.status, 200);
    EXPECT_EQ(detailed.text("status"), "healthy");
    for (auto const* part : {"database", "cloudflare_kv", "clerk", "redis", "clickhouse", "providers", "journal"})
        EXPECT_TRUE(detailed.json.at("checks").as_object().contains(part)) << part;
    EXPECT_EQ(detailed.json.at("checks").at("database").at("status").as_string(), "healthy");
    EXPECT_EQ(detailed.json.at("checks").at("redis").at("status").as_string(), "disabled");
}
TEST_F(Operations, AFailedNeededPartIs503AndAnOptionalOneOnlyDegrades) {
    world->context.probes.push_back({"redis", false, [] { return HealthCheck{Health::unhealthy, {}}; }});
    EXPECT_EQ(get("/health/detailed").status, 200);
    EXPECT_EQ(get("/health/detailed").text("status"), "degraded");
    world->context.probes.push_back({"journal", true, []() -> HealthCheck { throw std::runtime_error("disk /secret/path"); }});
    auto const failed = get("/health/detailed");
    EXPECT_EQ(failed.status, 503);
    EXPECT_EQ(failed.text("status"), "unhealthy");
    EXPECT_EQ(failed.response.body.find("/secret/path"), std::string::npos);
    EXPECT_EQ(get("/ready").status, 503);
    EXPECT_EQ(get("/health").status, 200);
}
TEST_F(Operations, NotReadyWhileDraining) {
    EXPECT_EQ(get("/ready").status, 200);
    world->context.accepting = [] { return false; };
    EXPECT_EQ(get("/ready").status, 503);
}
TEST_F(Operations, MetricsAreRenderedFromTheRooms) {
    world->context.metrics.push_back([](MetricsWriter& w) { w.counter("tollgate_requests_total", "Requests", {}, 5); });
    auto const answer = get("/metrics");
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.response.content_type.starts_with("text/plain; version=0.0.4"));
    EXPECT_NE(answer.response.body.find("tollgate_requests_total 5\n"), std::string::npos);
}
TEST_F(Operations, DocumentationIsSelfContained) {
    auto const page = get("/docs");
    EXPECT_EQ(page.response.content_type, "text/html; charset=utf-8");
    EXPECT_NE(page.response.body.find("/api/keys/{id}/rotate"), std::string::npos);
    for (auto const* outside : {"<script", "<img", "<link", "url(", "@import", "src=", "href=\"http", "[object Object]", "undefined"})
        EXPECT_EQ(page.response.body.find(outside), std::string::npos) << outside;
    EXPECT_NE(page.header("content-security-policy").find("style-src 'sha256-"), std::string::npos);
    EXPECT_EQ(get("/openapi.json").json.at("openapi").as_string(), "3.1.0");
}
} // namespace
} // namespace tollgate::control
