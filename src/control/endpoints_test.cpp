// The table of endpoints, the API document, and what the handlers accept, held against each other.
#include <boost/json.hpp>
#include <set>

#include "control/endpoints.hpp"
#include "control/openapi.hpp"
#include "control/testing/api_fixture.hpp"

namespace tollgate::control {
namespace {
namespace json = boost::json;

json::value const& document() {
    static json::value const parsed = json::parse(json::string_view(openapi_text().data(), openapi_text().size()));
    return parsed;
}
std::string upper(std::string text) {
    for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return text;
}
std::string name_of(Endpoint const& e) { return std::string(e.method) + " " + std::string(e.path); }
json::value const* operation(Endpoint const& e) {
    std::string method(e.method);
    for (char& c : method) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    auto const* path = document().at("paths").as_object().if_contains(json::string_view(e.path.data(), e.path.size()));
    return path ? path->as_object().if_contains(method) : nullptr;
}
json::object const& resolved(json::value const& node) {
    auto const* ref = node.as_object().if_contains("$ref");
    if (!ref) return node.as_object();
    return document().at_pointer(std::string(ref->as_string()).substr(1)).as_object();
}

TEST(OpenApi, EveryEndpointIsDocumented) {
    for (auto const& e : endpoints()) EXPECT_NE(operation(e), nullptr) << name_of(e) << " is not in openapi.yaml";
}
TEST(OpenApi, EveryDocumentedEndpointExists) {
    std::set<std::string> table;
    for (auto const& e : endpoints()) table.insert(name_of(e));
    for (auto const& [path, item] : document().at("paths").as_object())
        for (auto const& [method, op] : item.as_object())
            EXPECT_TRUE(table.contains(upper(method) + " " + std::string(path))) << method << " " << path;
    EXPECT_GT(table.size(), 40u);
}
TEST(OpenApi, AccessIsDocumentedAsItIs) {
    for (auto const& e : endpoints()) {
        auto const* op = operation(e);
        ASSERT_NE(op, nullptr) << name_of(e);
        auto const* scope = op->as_object().if_contains("x-scope");
        auto const* security = op->as_object().if_contains("security");
        EXPECT_EQ(scope ? std::string(scope->as_string()) : "", e.scope) << name_of(e);
        EXPECT_EQ(security && security->as_array().empty(), e.access == Access::open) << name_of(e);
        bool by_key = false;
        if (security)
            for (auto const& s : security->as_array()) by_key = by_key || s.as_object().contains("api_key");
        EXPECT_EQ(by_key, e.access == Access::api_key) << name_of(e);
    }
}
TEST(OpenApi, RefersOnlyToWhatItDefinesAndNamesEachOperationOnce) {
    std::set<std::string> names;
    std::function<void(json::value const&)> walk = [&](json::value const& v) {
        if (auto const* object = v.if_object()) {
            if (auto const* ref = object->if_contains("$ref")) {
                json::error_code ec;
                EXPECT_NE(document().find_pointer(std::string(ref->as_string()).substr(1), ec), nullptr) << *ref;
            }
            for (auto const& member : *object) walk(member.value());
        } else if (auto const* array = v.if_array()) {
            for (auto const& item : *array) walk(item);
        }
    };
    walk(document());
    for (auto const& e : endpoints()) {
        auto const* op = operation(e);
        ASSERT_NE(op, nullptr);
        EXPECT_TRUE(names.insert(std::string(op->at("operationId").as_string())).second) << name_of(e);
    }
}

TEST(Endpoints, NothingButHealthMetricsAndDocumentationIsOpen) {
    std::set<std::string_view> open;
    for (auto const& e : endpoints())
        if (e.access == Access::open) open.insert(e.path);
    EXPECT_EQ(open, (std::set<std::string_view>{"/health", "/health/detailed", "/ready", "/metrics", "/openapi.json", "/docs"}));
}
TEST(Endpoints, EveryChangeIsAuditedAndEveryScopeIsKnown) {
    for (auto const& e : endpoints()) {
        auto const is_quote = e.path == "/internal/billing/quote"; // a POST because of its body; changes nothing
        EXPECT_EQ(e.effect == Effect::reads, e.method == "GET" || is_quote) << name_of(e);
        auto const known = std::find(scopes().begin(), scopes().end(), e.scope) != scopes().end();
        EXPECT_EQ(known, !e.scope.empty()) << name_of(e);
        EXPECT_FALSE(e.access == Access::scope && e.scope.empty()) << name_of(e);
    }
}
TEST(Endpoints, LiteralPathsWinOverPlaceholders) {
    EXPECT_EQ(match_endpoint("GET", "/api/prices/feed").endpoint->path, "/api/prices/feed");
    EXPECT_EQ(match_endpoint("GET", "/api/prices/price_1").endpoint->path, "/api/prices/{id}");
    auto const match = match_endpoint("GET", "/api/models/demo%2Fecho");
    ASSERT_EQ(match.params.size(), 1u);
    EXPECT_EQ(match.params[0], "demo/echo");
    EXPECT_EQ(match_endpoint("GET", "/api/keys//rotate").endpoint, nullptr);
    EXPECT_EQ(match_endpoint("PUT", "/api/keys/key_1").allow, "GET, PATCH, DELETE");
    EXPECT_NE(match_endpoint("GET", "/api/keys/").endpoint, nullptr);
    EXPECT_NE(match_endpoint("HEAD", "/health").endpoint, nullptr);
}
TEST(Endpoints, TheGatewayAnswersHealthMetricsAndByKeyOnly) {
    for (auto const* path : {"/health", "/health/detailed", "/ready", "/metrics", "/api/credits/balance", "/api/v1/key"})
        EXPECT_TRUE(on_gateway_too(path)) << path;
    for (auto const* path : {"/docs", "/api/keys", "/api/accounts/acc_1", "/internal/billing/summary", "/x"})
        EXPECT_FALSE(on_gateway_too(path)) << path;
}

class Documented : public testing::ApiTest {
protected:
    /// The endpoint's path with ids of things that exist.
    std::string target(Endpoint const& e, std::string const& account, std::string const& key) {
        std::string path(e.path);
        auto const id = path.find("{id}");
        if (id != std::string::npos)
            path.replace(id, 4, path.starts_with("/api/keys") ? key : path.starts_with("/api/accounts") ? account
                                                                  : path.starts_with("/api/providers")  ? "demo"
                                                                  : path.starts_with("/api/models")     ? "demo%2Fecho"
                                                                                                        : "price_1");
        return path;
    }
};
TEST_F(Documented, QueryParametersAreThoseTheHandlersTake) {
    auto const account = make_account();
    std::string key_text;
    auto const key = make_key(account, &key_text);
    for (auto const& e : endpoints()) {
        if (e.method != "GET" || e.access == Access::open) continue;
        std::vector<Header> headers;
        if (e.access == Access::api_key) headers.push_back({"authorization", "Bearer " + key_text});
        auto const answer = call("GET", target(e, account, key) + "?qqqqqqqqqqqqqqqqqqqq=1", {}, headers);
        EXPECT_EQ(answer.status, 400) << name_of(e) << answer.response.body;
        std::set<std::string> accepted, documented;
        auto const detail = answer.text("detail");
        if (auto const at = detail.find("valid are: "); at != std::string::npos) {
            std::string rest = detail.substr(at + 11);
            for (std::size_t comma; (comma = rest.find(", ")) != std::string::npos; rest = rest.substr(comma + 2))
                accepted.insert(rest.substr(0, comma));
            accepted.insert(rest);
        }
        if (auto const* list = operation(e)->as_object().if_contains("parameters"))
            for (auto const& p : list->as_array())
                if (resolved(p).at("in").as_string() == "query")
                    documented.insert(std::string(resolved(p).at("name").as_string()));
        EXPECT_EQ(accepted, documented) << name_of(e) << ": " << detail;
    }
}
} // namespace
} // namespace tollgate::control
