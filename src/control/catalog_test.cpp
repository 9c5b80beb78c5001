// Providers, models, prices, quotes.
#include "control/testing/api_fixture.hpp"

namespace tollgate::control {
namespace {
using testing::ApiTest;

config::Config with_file() {
    config::Config config;
    config::ProviderConfig provider;
    provider.name = "openai";
    provider.kind = "openai";
    provider.base_url = "https://api.openai.com/v1";
    provider.api_key = Secret("sk-from-the-file");
    config.providers.push_back(provider);
    config::ModelConfig model;
    model.name = "filed";
    model.targets.push_back({"openai", "gpt-4o"});
    model.price = {{"input", "3"}, {"output", "15"}};
    config.models.push_back(model);
    return config;
}
class CatalogApi : public ApiTest {
protected:
    CatalogApi() : ApiTest(with_file()) {}
    testing::Answer make_model(std::string const& extra = "") {
        return post("/api/models", R"({"name":"fast","targets":[{"provider":"openai","model":"gpt-4o-mini"}])" +
                                       (extra.empty() ? "" : "," + extra) + "}");
    }
};

TEST_F(CatalogApi, ProvidersHideTheirCredential) {
    auto const made = post("/api/providers", R"({"name":"up","kind":"openai","api_key":"sk-secret","expose":["gpt-4o*"],)"
                                             R"("options":{"header.OpenAI-Organization":"o"}})");
    ASSERT_EQ(made.status, 201) << made.response.body;
    EXPECT_EQ(made.response.body.find("sk-secret"), std::string::npos);
    EXPECT_EQ(made.text("has_api_key"), "true");
    EXPECT_EQ(made.text("source"), "api");
    EXPECT_EQ(made.text("api_key"), "<absent>");
    EXPECT_EQ(made.text("options"), R"({"header.OpenAI-Organization":"o"})");
    ASSERT_NE(world->catalog.get()->provider("up"), nullptr) << "in force at once";
    EXPECT_TRUE(world->catalog.get()->provider("up")->has_credential);
    EXPECT_EQ(patch("/api/providers/" + made.text("id"), R"({"enabled":false})").text("health"), "disabled");
    EXPECT_FALSE(world->catalog.get()->provider("up")->enabled);
    EXPECT_EQ(call("DELETE", "/api/providers/" + made.text("id")).status, 204);
    EXPECT_EQ(world->catalog.get()->provider("up"), nullptr);
}
TEST_F(CatalogApi, WhatTheFileDeclaresIsReadOnly) {
    auto const list = get("/api/providers").json.at("data").as_array();
    auto const& filed = list.at(0);
    EXPECT_EQ(filed.at("name").as_string(), "openai");
    EXPECT_EQ(filed.at("source").as_string(), "file");
    auto const id = std::string(filed.at("id").as_string());
    EXPECT_EQ(get("/api/providers/" + id).text("name"), "openai");
    auto const refused = patch("/api/providers/" + id, R"({"enabled":false})");
    EXPECT_EQ(refused.status, 409);
    EXPECT_NE(refused.text("detail").find("configuration file"), std::string::npos);
    EXPECT_EQ(call("DELETE", "/api/providers/" + id).status, 409);
    EXPECT_EQ(post("/api/providers", R"({"name":"openai","kind":"openai"})").status, 409);
    EXPECT_EQ(get("/api/providers").response.body.find("sk-from-the-file"), std::string::npos);
    auto const model = get("/api/models/filed");
    EXPECT_EQ(model.text("source"), "file");
    EXPECT_EQ(model.text("effective_price"), R"({"input":"3","output":"15"})");
    EXPECT_EQ(patch("/api/models/" + model.text("id"), R"({"enabled":false})").status, 409);
    EXPECT_EQ(post("/api/models", R"({"name":"filed","targets":[{"provider":"openai","model":"m"}]})").status, 409);
}
TEST_F(CatalogApi, WhatAReloadOfTheFileAddsOrRemovesShowsAtOnce) {
    auto const at_start = world->config.providers;
    config::ProviderConfig added;
    added.name = "later";
    added.kind = "anthropic";
    added.api_key = Secret("sk-later");
    // As a reload does: another declaration in force, while the settings of the start stay as they were.
    world->config.providers = {added};
    world->config.models.clear();
    ASSERT_TRUE(world->republish());
    world->config.providers = at_start;
    auto const list = get("/api/providers").json.at("data").as_array();
    ASSERT_EQ(list.size(), 1u);
    EXPECT_EQ(list.at(0).at("name").as_string(), "later");
    EXPECT_EQ(list.at(0).at("has_api_key").as_bool(), true);
    EXPECT_EQ(get("/api/providers/later").text("source"), "file");
    EXPECT_EQ(get("/api/providers/openai").status, 404);
    EXPECT_EQ(patch("/api/providers/later", R"({"enabled":false})").status, 409);
    EXPECT_EQ(post("/api/providers", R"({"name":"later","kind":"openai"})").status, 409);
}
TEST_F(CatalogApi, WhatTheCatalogCannotUseIsRefusedAndNotKept) {
    auto const made = post("/api/providers", R"({"name":"up","kind":"openai","api_key":"k","options":{"organization":"o"}})");
    EXPECT_EQ(made.status, 400);
    EXPECT_NE(made.text("detail").find("organization"), std::string::npos) << made.response.body;
    EXPECT_EQ(get("/api/providers/up").status, 404);
    auto const good = post("/api/providers", R"({"name":"up","kind":"openai","api_key":"k"})");
    ASSERT_EQ(good.status, 201) << good.response.body;
    EXPECT_EQ(patch("/api/providers/" + good.text("id"), R"({"options":{"organization":"o"}})").status, 400);
    EXPECT_EQ(get("/api/providers/up").text("options"), "{}");
    EXPECT_NE(world->catalog.get()->provider("up"), nullptr);
}
struct BadProvider {
    std::string_view name, body, param;
};
class RefusedProvider : public ApiTest, public ::testing::WithParamInterface<BadProvider> {};
TEST_P(RefusedProvider, NamesTheField) {
    auto const answer = post("/api/providers", std::string(GetParam().body));
    EXPECT_EQ(answer.status, 400) << answer.response.body;
    EXPECT_EQ(answer.text("param"), GetParam().param) << answer.response.body;
}
INSTANTIATE_TEST_SUITE_P(
    Table, RefusedProvider,
    ::testing::Values(
        BadProvider{"Kind", R"({"name":"x","kind":"opnai"})", "kind"},
        BadProvider{"NoKind", R"({"name":"x"})", "kind"},
        BadProvider{"Url", R"({"name":"x","kind":"openai","base_url":"ftp://h"})", "base_url"},
        BadProvider{"NoUrl", R"({"name":"x","kind":"openai_compatible"})", "base_url"},
        BadProvider{"Loopback", R"({"name":"x","kind":"openai_compatible","base_url":"http://127.0.0.1:1/v1"})", "base_url"},
        BadProvider{"Localhost", R"({"name":"x","kind":"openai_compatible","base_url":"http://localhost:1/v1"})", "base_url"},
        BadProvider{"Metadata", R"({"name":"x","kind":"openai_compatible","base_url":"http://169.254.169.254/v1"})", "base_url"},
        BadProvider{"Private6", R"({"name":"x","kind":"openai_compatible","base_url":"http://[fd00::1]/v1"})", "base_url"},
        BadProvider{"Slash", R"({"name":"a/b","kind":"openai"})", "name"},
        BadProvider{"Option", R"({"name":"x","kind":"openai","options":{"a":1}})", "options.a"},
        BadProvider{"Key", R"({"name":"x","kind":"openai","api_key":5})", "api_key"},
        BadProvider{"Health", R"({"name":"x","kind":"openai","health":"healthy"})", "health"}),
    [](auto const& row) { return std::string(row.param.name); });

TEST_F(CatalogApi, AProviderInUseIsNotRemoved) {
    auto const id = post("/api/providers", R"({"name":"up","kind":"openai","api_key":"sk-x"})").text("id");
    post("/api/models", R"({"name":"m","targets":[{"provider":"up","model":"gpt-4o"}]})");
    EXPECT_EQ(call("DELETE", "/api/providers/" + id).status, 409);
    EXPECT_EQ(patch("/api/providers/" + id, R"({"name":"other"})").status, 409);
}

TEST_F(CatalogApi, ModelsAreCallableTheMomentTheyAreMade) {
    auto const made = make_model(R"("price":{"input":"0.20","output":"0.80"},"multiplier":"1.1","strategy":"cheapest")");
    ASSERT_EQ(made.status, 201) << made.response.body;
    EXPECT_EQ(made.text("price"), R"({"input":"0.20","output":"0.80"})");
    EXPECT_EQ(made.text("effective_price"), R"({"input":"0.2","output":"0.8"})");
    EXPECT_EQ(made.text("targets"), R"([{"provider":"openai","model":"gpt-4o-mini","priority":1,"weight":1}])");
    EXPECT_EQ(made.text("source"), "api");
    ASSERT_NE(world->catalog.get()->find("fast"), nullptr);
    EXPECT_EQ(world->catalog.get()->find("fast")->strategy, config::Strategy::cheapest);
    EXPECT_EQ(patch("/api/models/" + made.text("id"), R"({"enabled":false})").status, 200);
    EXPECT_EQ(world->catalog.get()->find("fast"), nullptr);
    EXPECT_EQ(call("DELETE", "/api/models/" + made.text("id")).status, 204);
    EXPECT_EQ(get("/api/models/fast").status, 404);
}
TEST_F(CatalogApi, WithoutAPriceOfItsOwnTheBookDecides) {
    auto const made = make_model();
    EXPECT_EQ(made.text("price"), "null");
    EXPECT_EQ(made.json.at("effective_price").at("input").as_string(), "0.15");
    auto const priced = patch("/api/models/" + made.text("id"), R"({"price":{"input":"1","output":"0"}})");
    EXPECT_EQ(priced.text("effective_price"), R"({"input":"1","output":"0"})");
    EXPECT_EQ(patch("/api/models/" + made.text("id"), R"({"price":null})").json.at("effective_price").at("input").as_string(), "0.15");
}
struct BadModel {
    std::string_view name, fields, param;
};
class RefusedModel : public CatalogApi, public ::testing::WithParamInterface<BadModel> {};
TEST_P(RefusedModel, NamesTheField) {
    auto const answer = post("/api/models", R"({"name":"m",)" + std::string(GetParam().fields) + "}");
    EXPECT_EQ(answer.status, 400) << answer.response.body;
    EXPECT_EQ(answer.text("param"), GetParam().param) << answer.response.body;
}
INSTANTIATE_TEST_SUITE_P(
    Table, RefusedModel,
    ::testing::Values(BadModel{"NoTargets", R"("enabled":true)", "targets"}, BadModel{"Empty", R"("targets":[])", "targets"},
                      BadModel{"Provider", R"("targets":[{"provider":"opneai","model":"m"}])", "targets[0].provider"},
                      BadModel{"TargetField", R"("targets":[{"provider":"openai","model":"m","wight":2}])", "targets[0].wight"},
                      BadModel{"PriceNumber", R"("targets":[{"provider":"openai","model":"m"}],"price":{"input":3})", "price.input"},
                      BadModel{"PriceKey", R"("targets":[{"provider":"openai","model":"m"}],"price":{"inptu":"3"})", "price.inptu"},
                      BadModel{"Strategy", R"("targets":[{"provider":"openai","model":"m"}],"strategy":"random")", "strategy"},
                      BadModel{"Multiplier", R"("targets":[{"provider":"openai","model":"m"}],"multiplier":"-1")", "multiplier"}),
    [](auto const& row) { return std::string(row.param.name); });

TEST_F(CatalogApi, ExposedModelsAreListedAndReadOnly) {
    post("/api/providers", R"({"name":"up","kind":"openai","api_key":"k","expose":["gpt-4o-mini"]})");
    auto const model = get("/api/models/gpt-4o-mini");
    ASSERT_EQ(model.status, 200) << model.response.body;
    EXPECT_EQ(model.text("source"), "expose");
    EXPECT_EQ(get("/api/models/" + model.text("id")).text("name"), "gpt-4o-mini");
    EXPECT_EQ(patch("/api/models/" + model.text("id"), R"({"enabled":false})").status, 409);
    auto const list = get("/api/models?q=gpt-4o-mini");
    EXPECT_EQ(list.json.at("data").as_array().size(), 1u) << list.response.body;
}
TEST_F(CatalogApi, APriceForLaterStartsWhenItSays) {
    auto const id = make_model(R"("price":{"input":"1","output":"1"})").text("id");
    auto const later = Timestamp{world->clock.now().ms + 3'600'000};
    auto const made = post("/api/prices", R"({"model":"fast","price":{"input":"2","output":"2"},"effective_from":")" +
                                              format_rfc3339(later) + "\"}");
    ASSERT_EQ(made.status, 201) << made.response.body;
    EXPECT_EQ(made.text("scope"), "model:fast");
    EXPECT_EQ(made.text("effective_from"), format_rfc3339(later));
    EXPECT_EQ(get("/api/models/" + id).text("effective_price"), R"({"input":"1","output":"1"})");
    world->clock.advance_ms(3'600'001);
    EXPECT_EQ(get("/api/models/" + id).text("effective_price"), R"({"input":"2","output":"2"})");
    EXPECT_EQ(get("/api/models/" + id).text("price"), R"({"input":"2","output":"2"})");
    patch("/api/models/" + id, R"({"price":{"input":"3","output":"3"}})");
    EXPECT_EQ(get("/api/models/" + id).text("effective_price"), R"({"input":"3","output":"3"})");
    EXPECT_EQ(get("/api/prices/" + made.text("id")).status, 200);
    EXPECT_EQ(post("/api/prices", R"({"model":"fast","price":{"input":"2"},"effective_from":"2001-01-01T00:00:00Z"})").status, 400);
    EXPECT_EQ(post("/api/prices", R"({"model":"filed","price":{"input":"2"}})").status, 409);
    EXPECT_EQ(post("/api/prices", R"({"model":"none","price":{"input":"2"}})").status, 404);
}
TEST_F(CatalogApi, ThePriceBookTellsItsSource) {
    auto const feed = get("/api/prices/feed");
    EXPECT_EQ(feed.json.at("feed").at("status").as_string(), "disabled");
    EXPECT_GT(feed.json.at("book").at("models").as_int64(), 100);
}

class Quote : public CatalogApi {
protected:
    testing::Answer quote(std::string body) { return post("/internal/billing/quote", std::move(body)); }
};
TEST_F(Quote, IsTheBooksPriceOfABookId) {
    auto const q = quote(R"({"provider_model_id":"openai/gpt-4o","usage":{"input":1000000,"output":100000}})");
    ASSERT_EQ(q.status, 200) << q.response.body;
    EXPECT_EQ(q.text("cost"), "3.5");
    EXPECT_EQ(q.text("charge"), "3.5");
    EXPECT_EQ(q.text("multiplier"), "1");
    EXPECT_EQ(q.json.at("price").at("input").as_string(), "2.5");
    EXPECT_EQ(get("/api/prices/" + q.text("price_version")).text("scope"), "book:openai/gpt-4o");
    EXPECT_EQ(q.text("difference"), "<absent>");
}
TEST_F(Quote, OfAPublicModelFoldsItsPriceAndMultipliers) {
    make_model(R"("price":{"input":"1","output":"2"},"multiplier":"1.1")");
    auto const account = post("/api/accounts", R"({"name":"A","external_id":"org","multiplier":"2"})").text("id");
    auto const q = quote(R"({"model":"fast","usage":{"input":1000,"output":1000},"tenant_id":"org","reported_cost":"0.001"})");
    ASSERT_EQ(q.status, 200) << q.response.body;
    EXPECT_EQ(q.text("charge"), "0.0066");
    EXPECT_EQ(q.text("multiplier"), "2.2");
    EXPECT_EQ(q.text("cost"), "0.00075"); // the book's gpt-4o-mini: 0.15 and 0.60
    EXPECT_EQ(q.text("difference"), "0.00025");
}
TEST_F(Quote, TakesTheLibrarysKeysToo) {
    auto const ours = quote(R"({"provider_model_id":"openai/gpt-4o","usage":{"input":900,"cache_read":100,"output":10}})");
    auto const theirs =
        quote(R"({"provider_model_id":"openai/gpt-4o","usage":{"input_tokens":1000,"cache_read_tokens":100,"output_tokens":10}})");
    ASSERT_EQ(theirs.status, 200) << theirs.response.body;
    EXPECT_EQ(ours.text("cost"), theirs.text("cost"));
    EXPECT_EQ(quote(R"({"provider_model_id":"openai/gpt-4o","usage":{"input":1,"input_tokens":1}})").status, 400);
}
TEST_F(Quote, CountsMessages) {
    auto const q = quote(R"({"provider_model_id":"openai/gpt-4o","messages":[{"role":"user","content":"hello world"}],"max_tokens":100})");
    ASSERT_EQ(q.status, 200) << q.response.body;
    EXPECT_EQ(q.json.at("usage").at("input").as_int64(), 9); // 2 of text, 1 of the role, 3 a message, 3 to prime
    EXPECT_EQ(q.json.at("usage").at("output").as_int64(), 100);
    EXPECT_EQ(q.text("usage_source"), "counted");
    auto const parts = quote(R"({"provider_model_id":"openai/gpt-4o","messages":[{"role":"user","content":[{"type":"text","text":"hello world"}]}],"max_tokens":100})");
    EXPECT_EQ(parts.json.at("usage").at("input"), q.json.at("usage").at("input"));
}
struct BadQuote {
    std::string_view name, body, param;
    int status;
};
class RefusedQuote : public CatalogApi, public ::testing::WithParamInterface<BadQuote> {};
TEST_P(RefusedQuote, SaysWhatToChange) {
    auto const answer = post("/internal/billing/quote", std::string(GetParam().body));
    EXPECT_EQ(answer.status, GetParam().status) << answer.response.body;
    EXPECT_EQ(answer.text("param"), GetParam().param) << answer.response.body;
}
INSTANTIATE_TEST_SUITE_P(
    Table, RefusedQuote,
    ::testing::Values(
        BadQuote{"Neither", R"({"usage":{"input":1}})", "model", 400},
        BadQuote{"Both", R"({"model":"filed","provider_model_id":"openai/gpt-4o","usage":{}})", "provider_model_id", 400},
        BadQuote{"NoUsage", R"({"model":"filed"})", "usage", 400},
        BadQuote{"UsageAndMessages", R"({"model":"filed","usage":{},"messages":[]})", "messages", 400},
        BadQuote{"Bucket", R"({"model":"filed","usage":{"inptu":1}})", "usage.inptu", 400},
        BadQuote{"Negative", R"({"model":"filed","usage":{"input":-1}})", "usage.input", 400},
        BadQuote{"Fraction", R"({"model":"filed","usage":{"input":1.5}})", "usage.input", 400},
        BadQuote{"Image", R"({"model":"filed","messages":[{"role":"user","content":[{"type":"image_url"}]}]})", "messages[0].content", 400},
        BadQuote{"UnknownModel", R"({"model":"nothing","usage":{"input":1}})", "model", 404},
        BadQuote{"UnknownBook", R"({"provider_model_id":"openai/nothing-at-all","usage":{"input":1}})", "provider_model_id", 404},
        BadQuote{"UnknownTenant", R"({"model":"filed","usage":{"input":1},"tenant_id":"who"})", "tenant_id", 404}),
    [](auto const& row) { return std::string(row.param.name); });
} // namespace
} // namespace tollgate::control
