#include "dialects/errors.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

#include "dialects/models.hpp"

namespace tollgate::dialects {
namespace {

namespace json = boost::json;

TEST(RenderError, OpenAi) {
    auto const reply = render_error(Dialect::openai, Error(Errc::insufficient_credits, "no \"credit\"", "model"), "id-1");
    EXPECT_EQ(reply.status, 402);
    EXPECT_EQ(reply.content_type, "application/json");
    EXPECT_EQ(json::parse(reply.body),
              json::parse(R"({"error":{"message":"no \"credit\"","type":"insufficient_quota","param":"model","code":"insufficient_credits"}})"));
    EXPECT_TRUE(json::parse(render_error(Dialect::openai, Error(Errc::internal, "x"), "").body).at("error").at("param").is_null());
}

TEST(RenderError, AnthropicTypes) {
    struct Row { Errc code; std::string_view type; int status; };
    for (auto const& row : {Row{Errc::unauthenticated, "authentication_error", 401}, Row{Errc::insufficient_credits, "billing_error", 402},
                            Row{Errc::forbidden, "permission_error", 403}, Row{Errc::not_found, "not_found_error", 404},
                            Row{Errc::payload_too_large, "request_too_large", 413}, Row{Errc::rate_limited, "rate_limit_error", 429},
                            Row{Errc::malformed_json, "invalid_request_error", 400}, Row{Errc::upstream_failed, "api_error", 502},
                            Row{Errc::upstream_timeout, "timeout_error", 504}, Row{Errc::unavailable, "overloaded_error", 503}}) {
        auto const reply = render_error(Dialect::anthropic, Error(row.code, "m"), "id-1");
        auto const body = json::parse(reply.body);
        EXPECT_EQ(reply.status, row.status);
        EXPECT_EQ(body.at("type").as_string(), "error");
        EXPECT_EQ(body.at("error").at("type").as_string(), row.type);
        EXPECT_EQ(body.at("error").at("message").as_string(), "m");
        EXPECT_EQ(body.at("request_id").as_string(), "id-1");
    }
}

TEST(RenderError, GeminiAndProblem) {
    auto const gemini = json::parse(render_error(Dialect::gemini, Error(Errc::rate_limited, "m"), "").body);
    EXPECT_EQ(gemini, json::parse(R"({"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}})"));
    auto const problem = render_error(Dialect::generic, Error(Errc::not_found, "m", "id"), "r");
    EXPECT_EQ(problem.content_type, "application/problem+json");
    EXPECT_EQ(json::parse(problem.body).at("status").as_int64(), 404);
}

TEST(ErrorEvent, IsOneEventOfTheDialect) {
    EXPECT_TRUE(error_event(Dialect::openai, Error(Errc::internal, "m"), "r").starts_with("data: {\"error\""));
    EXPECT_TRUE(error_event(Dialect::anthropic, Error(Errc::internal, "m"), "r").starts_with("event: error\ndata: {\"type\":\"error\""));
    EXPECT_TRUE(error_event(Dialect::anthropic, Error(Errc::internal, "line\nline"), "r").ends_with("}\n\n"));
}

std::vector<ModelEntry> const entries{{"a", 1, "x", "A"}, {"b", 2, "x", ""}, {"c", 3, "x", ""}, {"d", 4, "x", ""}};

TEST(ModelList, OpenAi) {
    auto const list = json::parse(openai_model_list(entries));
    EXPECT_EQ(list.at("object").as_string(), "list");
    EXPECT_EQ(list.at("data").as_array().size(), 4u);
    EXPECT_EQ(json::parse(openai_model(entries[0])), json::parse(R"({"id":"a","object":"model","created":1,"owned_by":"x"})"));
}

TEST(ModelList, AnthropicPages) {
    struct Row { std::string_view query, ids; bool more; };
    for (auto const& row : {Row{"", "abcd", false}, Row{"limit=2", "ab", true}, Row{"limit=2&after_id=b", "cd", false}, Row{"after_id=a&limit=1", "b", true},
                            Row{"before_id=d&limit=2", "bc", true}, Row{"before_id=b", "a", false}, Row{"after_id=zz", "", false}, Row{"before_id=zz", "", false},
                            Row{"after_id=%61", "bcd", false}}) {
        auto const page = parse_anthropic_page(row.query);
        ASSERT_TRUE(page) << row.query;
        auto const list = json::parse(anthropic_model_list(entries, *page));
        std::string ids;
        for (auto const& model : list.at("data").as_array()) ids += model.at("id").as_string();
        EXPECT_EQ(ids, row.ids) << row.query;
        EXPECT_EQ(list.at("has_more").as_bool(), row.more) << row.query;
        if (ids.empty()) { EXPECT_TRUE(list.at("first_id").is_null()); }
        else { EXPECT_EQ(list.at("last_id").as_string(), ids.substr(ids.size() - 1)); }
    }
    for (std::string_view const bad : {"limit=0", "limit=1001", "limit=x", "limit="}) EXPECT_FALSE(parse_anthropic_page(bad)) << bad;
    EXPECT_EQ(json::parse(anthropic_model(entries[0])),
              json::parse(R"({"type":"model","id":"a","display_name":"A","created_at":"1970-01-01T00:00:01.000Z"})"));
}

} // namespace
} // namespace tollgate::dialects
