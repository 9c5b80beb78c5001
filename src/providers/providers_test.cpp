#include <gtest/gtest.h>

#include <string>

#include "providers/classify.hpp"
#include "providers/kind.hpp"
#include "providers/request_head.hpp"

namespace tollgate::providers {
namespace {

TEST(Kinds, RowsStandInOrderOfTheirIds) {
    for (std::size_t i = 0; i < kinds().size(); ++i) EXPECT_EQ(static_cast<std::size_t>(kinds()[i].id), i);
    EXPECT_EQ(kinds().size(), static_cast<std::size_t>(KindId::demo) + 1);
}

TEST(Kinds, UnknownAndUnsupportedAreClearErrors) {
    EXPECT_EQ((*find_kind("openrouter"))->id, KindId::openrouter);
    auto const typo = find_kind("opanai");
    ASSERT_FALSE(typo);
    EXPECT_EQ(typo.error().param, "kind");
    EXPECT_NE(typo.error().message.find("'openai'"), std::string::npos) << typo.error().message;
    auto const later = find_kind("bedrock");
    ASSERT_FALSE(later);
    EXPECT_NE(later.error().message.find("cannot be called"), std::string::npos);
}

TEST(UpstreamPath, FollowsTheVendorsBaseUrl) {
    EXPECT_EQ(*upstream_path(kind(KindId::openai), Surface::openai_chat), "/chat/completions");
    EXPECT_EQ(*upstream_path(kind(KindId::openrouter), Surface::openai_embeddings), "/embeddings");
    EXPECT_EQ(*upstream_path(kind(KindId::anthropic), Surface::anthropic_messages), "/v1/messages");
    EXPECT_EQ(*upstream_path(kind(KindId::anthropic), Surface::anthropic_count_tokens), "/v1/messages/count_tokens");
    EXPECT_EQ(*upstream_path(kind(KindId::demo), Surface::openai_chat), "/v1/chat/completions");
    EXPECT_EQ(*upstream_path(kind(KindId::demo), Surface::anthropic_messages), "/v1/messages");
    auto const other = upstream_path(kind(KindId::anthropic), Surface::openai_chat);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, Errc::invalid_request);
    EXPECT_NE(other.error().message.find("Anthropic dialect"), std::string::npos) << other.error().message;
}

TEST(CheckBaseUrl, CatchesWellKnownMistakes) {
    EXPECT_TRUE(check_base_url(kind(KindId::openai), ""));
    EXPECT_TRUE(check_base_url(kind(KindId::openai), "https://api.openai.com/v1/"));
    EXPECT_FALSE(check_base_url(kind(KindId::openai), "https://api.openai.com"));
    EXPECT_NE(check_base_url(kind(KindId::openrouter), "https://openrouter.ai").error().message.find("https://openrouter.ai/api/v1"), std::string::npos);
    EXPECT_FALSE(check_base_url(kind(KindId::anthropic), "https://api.anthropic.com/v1"));
    EXPECT_FALSE(check_base_url(kind(KindId::openai_compatible), ""));
    EXPECT_TRUE(check_base_url(kind(KindId::openai_compatible), "http://127.0.0.1:9000"));
}

net::Endpoint endpoint(std::string_view url) {
    auto parsed = net::parse_endpoint(url);
    if (!parsed) ADD_FAILURE() << parsed.error().message;
    return parsed ? *parsed : net::Endpoint{};
}

TEST(HeadTemplate, WritesAnOpenAiHead) {
    auto const head = HeadTemplate::make(kind(KindId::openai), endpoint("https://api.openai.com/v1"), Secret("sk-1"), Surface::openai_chat, {{"x-team", "a"}});
    ASSERT_TRUE(head) << head.error().message;
    net::HeaderList caller;
    caller.add("Authorization", "Bearer tg_secret");
    caller.add("x-api-key", "tg_secret");
    caller.add("Cookie", "a=b");
    caller.add("X-Forwarded-For", "1.2.3.4");
    caller.add("OpenAI-Organization", "org-evil");
    caller.add("Idempotency-Key", "k");
    caller.add("Accept-Encoding", "gzip");
    caller.add("anthropic-beta", "x");
    caller.add("Connection", "close");
    caller.add("Accept", "application/json");
    caller.add("OpenAI-Beta", "assistants=v2");
    std::string out;
    head->write(caller, "beta=true&key=tg_secret", 12, out);
    EXPECT_EQ(out, "POST /v1/chat/completions HTTP/1.1\r\nhost: api.openai.com\r\nuser-agent: tollgate\r\n"
                   "authorization: Bearer sk-1\r\ncontent-type: application/json\r\nx-team: a\r\n"
                   "Accept: application/json\r\nOpenAI-Beta: assistants=v2\r\ncontent-length: 12\r\n\r\n");
}

TEST(HeadTemplate, WritesAnAnthropicHead) {
    auto const head = HeadTemplate::make(kind(KindId::anthropic), endpoint("http://127.0.0.1:9/proxy"), Secret("k"), Surface::anthropic_messages);
    ASSERT_TRUE(head);
    std::string out;
    head->write({}, "beta=true", 0, out);
    EXPECT_EQ(out, "POST /proxy/v1/messages?beta=true HTTP/1.1\r\nhost: 127.0.0.1:9\r\nuser-agent: tollgate\r\nx-api-key: k\r\n"
                   "content-type: application/json\r\nanthropic-version: 2023-06-01\r\ncontent-length: 0\r\n\r\n");
    net::HeaderList caller;
    caller.add("Anthropic-Version", "2024-01-01");
    caller.add("anthropic-beta", "a");
    caller.add("anthropic-beta", "b");
    out.clear();
    head->write(caller, "beta=false", 1, out);
    EXPECT_NE(out.find("Anthropic-Version: 2024-01-01\r\nanthropic-beta: a\r\nanthropic-beta: b\r\n"), std::string::npos) << out;
    EXPECT_EQ(out.find("2023-06-01"), std::string::npos);
    EXPECT_EQ(out.find('?'), std::string::npos);
}

TEST(HeadTemplate, ModelsAreAGetWithoutBody) {
    auto const head = HeadTemplate::make(kind(KindId::azure_openai), endpoint("https://r.openai.azure.com/openai/v1"), Secret("k"), Surface::openai_models);
    std::string out;
    head->write({}, "", -1, out);
    EXPECT_EQ(out, "GET /openai/v1/models HTTP/1.1\r\nhost: r.openai.azure.com\r\nuser-agent: tollgate\r\napi-key: k\r\n\r\n");
}

TEST(HeadTemplate, RefusesWhatWouldBreakAHead) {
    auto const at = endpoint("https://h/v1");
    auto const make = [&](std::string key, std::vector<std::pair<std::string, std::string>> headers) {
        return HeadTemplate::make(kind(KindId::openai), at, Secret(std::move(key)), Surface::openai_chat, headers).has_value();
    };
    EXPECT_TRUE(make("k", {}));
    EXPECT_FALSE(make("", {}));
    EXPECT_FALSE(make("k\r\nx: y", {}));
    EXPECT_FALSE(make("k", {{"host", "evil"}}));
    EXPECT_FALSE(make("k", {{"Transfer-Encoding", "chunked"}}));
    EXPECT_FALSE(make("k", {{"x y", "z"}}));
    EXPECT_FALSE(make("k", {{"x", "a\r\nb: c"}}));
    EXPECT_FALSE(HeadTemplate::make(kind(KindId::openai), at, Secret("k"), Surface::anthropic_messages));
    EXPECT_TRUE(HeadTemplate::make(kind(KindId::openai_compatible), at, Secret(), Surface::openai_chat));
}

TEST(ClassifyStatus, FollowsTheContract) {
    for (int const status : {200, 201, 204}) EXPECT_EQ(classify_status(status), Verdict::success);
    for (int const status : {400, 404, 413, 422}) EXPECT_EQ(classify_status(status), Verdict::relay);
    for (int const status : {408, 409, 429, 500, 502, 503, 529, 599}) EXPECT_EQ(classify_status(status), Verdict::retry);
    for (int const status : {401, 402, 403}) EXPECT_EQ(classify_status(status), Verdict::credential);
    for (int const status : {301, 307, 405, 418, 451, 600, 0}) EXPECT_EQ(classify_status(status), Verdict::broken);
}

TEST(UpstreamError, IsNeverTheCallersFault) {
    EXPECT_EQ(upstream_error(401, "p", std::nullopt).code, Errc::upstream_auth);
    EXPECT_EQ(upstream_error(503, "p", std::nullopt).code, Errc::upstream_failed);
    EXPECT_EQ(upstream_error(504, "p", std::nullopt).code, Errc::upstream_timeout);
    EXPECT_EQ(upstream_error(302, "p", std::nullopt).code, Errc::upstream_failed);
    auto const limited = upstream_error(429, "p", 1500);
    EXPECT_EQ(limited.code, Errc::rate_limited);
    EXPECT_EQ(limited.retry_after_s, 2);
    EXPECT_EQ(upstream_error(429, "p", std::nullopt).retry_after_s, 1);
    EXPECT_EQ(upstream_error(401, "secret-name", std::nullopt).message.find("secret-name"), std::string::npos);
}

TEST(RetryAfter, ReadsSecondsFractionsAndDates) {
    Timestamp const now{784'111'777'000}; // Sun, 06 Nov 1994 08:49:37 GMT
    EXPECT_EQ(parse_retry_after("7", now), 7000);
    EXPECT_EQ(parse_retry_after("0", now), 0);
    EXPECT_EQ(parse_retry_after("0.25", now), 250);
    EXPECT_EQ(parse_retry_after("0.0001", now), 1);
    EXPECT_EQ(parse_retry_after("99999999999999999999", now), 86'400'000);
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), 10'000);
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), 0);
    EXPECT_EQ(parse_retry_after("Thu, 29 Feb 2024 00:00:01 GMT", Timestamp{1'709'164'800'000}), 1000);
    for (auto const bad : {"", "-1", "soon", "1s", ".5", "5.", "Sun, 06 Nov 1994 08:49:37 PST", "Sun, 06 Xxx 1994 08:49:37 GMT"})
        EXPECT_FALSE(parse_retry_after(bad, now)) << bad;
    net::HeaderList headers;
    headers.add("Retry-After", "9");
    EXPECT_EQ(retry_after_ms(headers, now), 9000);
    headers.add("retry-after-ms", "100000");
    EXPECT_EQ(retry_after_ms(headers, now), 100'000);
    EXPECT_FALSE(retry_after_ms({}, now));
}

TEST(ReplyHeaders, KeepTheProvidersAccountPrivate) {
    for (auto const name : {"Content-Type", "request-id", "retry-after"}) EXPECT_TRUE(forward_reply_header(name)) << name;
    for (auto const name : {"set-cookie", "openai-organization", "x-ratelimit-remaining-requests", "content-length", "transfer-encoding", "connection", "anthropic-organization-id", "x-request-id"})
        EXPECT_FALSE(forward_reply_header(name)) << name;
}

} // namespace
} // namespace tollgate::providers
