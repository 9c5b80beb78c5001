#include "net/endpoint.hpp"

#include <gtest/gtest.h>

namespace tollgate::net {
namespace {

TEST(Endpoint, IsParsedFromItsUrl) {
    auto const a = parse_endpoint("https://API.openai.com/v1/");
    ASSERT_TRUE(a) << a.error().message;
    EXPECT_TRUE(a->tls);
    EXPECT_EQ(a->host, "api.openai.com");
    EXPECT_EQ(a->port, 443);
    EXPECT_EQ(a->prefix, "/v1");
    EXPECT_EQ(a->host_header, "api.openai.com");

    auto const b = parse_endpoint("http://[::1]:9000");
    ASSERT_TRUE(b) << b.error().message;
    EXPECT_FALSE(b->tls);
    EXPECT_EQ(b->host, "::1");
    EXPECT_EQ(b->port, 9000);
    EXPECT_EQ(b->prefix, "");
    EXPECT_EQ(b->host_header, "[::1]:9000");
    EXPECT_NE(a->pool_key, b->pool_key);
}

TEST(Endpoint, PathsOfOneHostShareConnections) {
    EXPECT_EQ(parse_endpoint("https://a/v1")->pool_key, parse_endpoint("https://a:443/v2")->pool_key);
    EXPECT_NE(parse_endpoint("https://a/")->pool_key, parse_endpoint("http://a:443/")->pool_key);
}

TEST(Endpoint, WrongUrlsAreExplained) {
    for (char const* url : {"", "a.com", "ftp://a", "https://", "https://:443", "https://a:0", "https://a:65536", "https://a:x",
                            "https://a:", "https://[::1", "https://[zz]", "https://[::1]x", "https://u:p@a/", "https://a/?q=1",
                            "https://a/#f", "https://a b/", "https://a\r\nX: y/", "https://\xc3\xa4.de", "https://a/ b"}) {
        auto const parsed = parse_endpoint(url);
        ASSERT_FALSE(parsed) << url;
        EXPECT_EQ(parsed.error().code, Errc::invalid_request) << url;
    }
    EXPECT_EQ(parse_endpoint("https://user:hunter2@a/").error().message.find("hunter2"), std::string::npos);
}

TEST(Endpoint, TakesAProxy) {
    auto endpoint = parse_endpoint("https://a/");
    auto const plain_key = endpoint->pool_key;
    ASSERT_TRUE(set_proxy(*endpoint, "http://user:p%40ss@Proxy:8888/"));
    EXPECT_EQ(endpoint->proxy->host, "proxy");
    EXPECT_EQ(endpoint->proxy->port, 8888);
    EXPECT_EQ(endpoint->proxy->authorization, "Basic dXNlcjpwQHNz");
    EXPECT_NE(endpoint->pool_key, plain_key);
    EXPECT_FALSE(set_proxy(*endpoint, "https://proxy"));
    EXPECT_FALSE(set_proxy(*endpoint, "proxy:1"));
}

} // namespace
} // namespace tollgate::net
