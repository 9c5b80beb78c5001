#include "net/http_parse.hpp"

#include <gtest/gtest.h>
#include <string>

namespace tollgate::net {
namespace {

std::string const host = "Host: a\r\n";

struct BadCase {
    char const* name;
    std::string bytes;
    int status;
};
void PrintTo(BadCase const& c, std::ostream* os) { *os << c.name; }

class RefusedRequest : public ::testing::TestWithParam<BadCase> {};
TEST_P(RefusedRequest, IsBadWithItsStatus) {
    RequestHead head;
    auto const result = parse_request_head(GetParam().bytes, HeadLimits(), head);
    EXPECT_EQ(result.state, ParseState::bad);
    EXPECT_EQ(result.status, GetParam().status) << result.message;
    EXPECT_FALSE(result.message.empty());
}
/// What is refused whole must never be accepted from a prefix either.
TEST_P(RefusedRequest, IsNeverCompleteFromAPrefix) {
    auto const& bytes = GetParam().bytes;
    for (std::size_t n = 0; n < bytes.size(); ++n) {
        RequestHead head;
        EXPECT_NE(parse_request_head(bytes.substr(0, n), HeadLimits(), head).state, ParseState::complete) << n;
    }
}
std::string get(std::string const& fields) { return "GET / HTTP/1.1\r\n" + fields + "\r\n"; }
INSTANTIATE_TEST_SUITE_P(
    Table, RefusedRequest,
    ::testing::Values(
        BadCase{"LengthAndChunked", get(host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400},
        BadCase{"ChunkedAndLength", get(host + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
        BadCase{"LengthTwiceDiffering", get(host + "Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
        BadCase{"LengthTwiceEqual", get(host + "Content-Length: 5\r\nContent-Length: 5\r\n"), 400},
        BadCase{"LengthList", get(host + "Content-Length: 5, 5\r\n"), 400},
        BadCase{"LengthSigned", get(host + "Content-Length: +5\r\n"), 400},
        BadCase{"LengthNegative", get(host + "Content-Length: -1\r\n"), 400},
        BadCase{"LengthHex", get(host + "Content-Length: 0x5\r\n"), 400},
        BadCase{"LengthEmpty", get(host + "Content-Length:\r\n"), 400},
        BadCase{"LengthOverflow", get(host + "Content-Length: 99999999999999999999\r\n"), 400},
        BadCase{"EncodingGzip", get(host + "Transfer-Encoding: gzip, chunked\r\n"), 501},
        BadCase{"EncodingIdentity", get(host + "Transfer-Encoding: identity\r\n"), 501},
        BadCase{"EncodingChunkedTwice", get(host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
        BadCase{"EncodingObfuscated", get(host + "Transfer-Encoding: xchunked\r\n"), 501},
        BadCase{"EncodingVerticalTab", get(host + "Transfer-Encoding: \x0b" "chunked\r\n"), 400},
        BadCase{"EncodingOn10", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        BadCase{"SpaceBeforeColon", get(host + "Content-Length : 5\r\n"), 400},
        BadCase{"TabBeforeColon", get(host + "Content-Length\t: 5\r\n"), 400},
        BadCase{"ObsFold", get(host + "X: a\r\n b\r\n"), 400},
        BadCase{"FoldedFirstLine", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
        BadCase{"BareLfAfterField", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
        BadCase{"BareLfOnly", "GET / HTTP/1.1\nHost: a\n\n", 400},
        BadCase{"BareLfEndsHead", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
        BadCase{"BareCrInValue", get(host + "X: a\rb\r\n"), 400},
        BadCase{"BareCrForLine", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400},
        BadCase{"NulInValue", get(host + std::string("X: a\0b\r\n", 8)), 400},
        BadCase{"ControlInLongValue", get(host + "X: 0123456789abcdef0123456789\x01" "abc\r\n"), 400},
        BadCase{"DelInValue", get(host + "X: a\x7f\r\n"), 400},
        BadCase{"NulInName", get(host + std::string("X\0Y: a\r\n", 8)), 400},
        BadCase{"EmptyName", get(host + ": a\r\n"), 400},
        BadCase{"NameWithParenthesis", get(host + "X(Y): a\r\n"), 400},
        BadCase{"NameWithHighByte", get(host + "X\xc3\xa4: a\r\n"), 400},
        BadCase{"NoColon", get(host + "Garbage\r\n"), 400},
        BadCase{"NoHost", get("X: a\r\n"), 400},
        BadCase{"HostTwice", get(host + host), 400},
        BadCase{"HostWithSlash", get("Host: a/b\r\n"), 400},
        BadCase{"HostWithAt", get("Host: a@b\r\n"), 400},
        BadCase{"HostList", get("Host: a, b\r\n"), 400},
        BadCase{"OtherExpectation", get(host + "Expect: 200-maybe\r\n"), 417},
        BadCase{"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        BadCase{"Http12", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
        BadCase{"LowerCaseVersion", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
        BadCase{"NoVersion", "GET /\r\nHost: a\r\n\r\n", 400},
        BadCase{"TwoSpaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        BadCase{"SpaceAfterVersion", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
        BadCase{"LeadingSpace", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        BadCase{"TabInRequestLine", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        BadCase{"SpaceInTarget", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        BadCase{"FragmentInTarget", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        BadCase{"HighByteInTarget", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        BadCase{"RelativeTarget", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        BadCase{"StarWithGet", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        BadCase{"AbsoluteFormOtherHost", "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        BadCase{"Connect", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        BadCase{"BadMethod", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        BadCase{"MethodWithoutEnd", std::string(40, 'A'), 400},
        BadCase{"TlsHello", "\x16\x03\x01\x02\x05", 400},
        BadCase{"LongTarget", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
        BadCase{"LongHead", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(40'000, 'a') + "\r\n\r\n", 431}),
    [](auto const& row) { return std::string(row.param.name); });

TEST(RequestHead, TooManyHeadersAre431) {
    std::string fields = host;
    for (int i = 0; i < 99; ++i) fields += "X: y\r\n";
    RequestHead head;
    EXPECT_EQ(parse_request_head(get(fields), HeadLimits(), head).state, ParseState::complete);
    EXPECT_EQ(head.headers.size(), 100u);
    auto const result = parse_request_head(get(fields + "X: y\r\n"), HeadLimits(), head);
    EXPECT_EQ(result.status, 431);
}

TEST(RequestHead, IsReadWhole) {
    std::string const bytes = "POST /v1/chat/completions?a=b&c=%20 HTTP/1.1\r\nHOST: api.example.com:8080\r\n"
                              "Content-Type:application/json\r\nX-Empty:\r\nX-Spaces: \t a b \t\r\nContent-Length: 12\r\n"
                              "X-Utf8: \xc3\xa4\r\nX-Twice: 1\r\nx-twice: 2\r\nExpect: 100-Continue\r\n\r\n";
    RequestHead head;
    std::string const with_body = bytes + "body";
    auto const result = parse_request_head(with_body, HeadLimits(), head);
    ASSERT_EQ(result.state, ParseState::complete) << result.message;
    EXPECT_EQ(result.consumed, bytes.size());
    EXPECT_EQ(head.method, "POST");
    EXPECT_EQ(head.target, "/v1/chat/completions?a=b&c=%20");
    EXPECT_EQ(head.path, "/v1/chat/completions");
    EXPECT_EQ(head.query, "a=b&c=%20");
    EXPECT_EQ(head.find("host"), "api.example.com:8080");
    EXPECT_EQ(head.find("content-type"), "application/json");
    EXPECT_EQ(head.find("x-empty"), "");
    EXPECT_EQ(head.find("x-spaces"), "a b");
    EXPECT_EQ(head.find("X-TWICE"), "1");
    EXPECT_EQ(head.headers.count("x-twice"), 2u);
    EXPECT_EQ(head.find("absent"), std::nullopt);
    EXPECT_EQ(head.content_length, 12u);
    EXPECT_FALSE(head.chunked);
    EXPECT_TRUE(head.keep_alive);
    EXPECT_TRUE(head.expect_continue);
}

TEST(RequestHead, NeedsMoreAtEveryPrefixAndThenSaysTheSame) {
    std::string const bytes = "\r\nPOST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nX: 0123456789abcdef012345\r\n\r\n";
    for (std::size_t n = 0; n < bytes.size(); ++n) {
        RequestHead head;
        EXPECT_EQ(parse_request_head(bytes.substr(0, n), HeadLimits(), head).state, ParseState::need_more) << n;
    }
    RequestHead head;
    auto const result = parse_request_head(bytes, HeadLimits(), head);
    EXPECT_EQ(result.state, ParseState::complete);
    EXPECT_EQ(result.consumed, bytes.size());
    EXPECT_TRUE(head.chunked);
}

struct KeepAliveCase {
    char const* name;
    char const* version;
    char const* connection;
    bool want;
};
TEST(RequestHead, KeepAliveFollowsVersionAndConnection) {
    KeepAliveCase const cases[] = {
        {"Http11", "HTTP/1.1", "", true},
        {"Http11Close", "HTTP/1.1", "Connection: close\r\n", false},
        {"Http11CloseInList", "HTTP/1.1", "Connection: Upgrade, Close\r\n", false},
        {"Http10", "HTTP/1.0", "", false},
        {"Http10KeepAlive", "HTTP/1.0", "Connection: Keep-Alive\r\n", true},
        {"Http10Both", "HTTP/1.0", "Connection: keep-alive, close\r\n", false},
    };
    for (auto const& c : cases) {
        RequestHead head;
        auto const result = parse_request_head("GET / " + std::string(c.version) + "\r\nHost: a\r\n" + c.connection + "\r\n",
                                               HeadLimits(), head);
        ASSERT_EQ(result.state, ParseState::complete) << c.name;
        EXPECT_EQ(head.keep_alive, c.want) << c.name;
    }
}

TEST(RequestHead, AbsoluteFormGivesItsPath) {
    RequestHead head;
    ASSERT_EQ(parse_request_head("GET http://A:80/x?y HTTP/1.1\r\nHost: a:80\r\n\r\n", HeadLimits(), head).state,
              ParseState::complete);
    EXPECT_EQ(head.path, "/x");
    EXPECT_EQ(head.query, "y");
    ASSERT_EQ(parse_request_head("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", HeadLimits(), head).state, ParseState::complete);
    EXPECT_EQ(head.path, "/");
    ASSERT_EQ(parse_request_head("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", HeadLimits(), head).state, ParseState::complete);
    EXPECT_EQ(head.path, "*");
}

TEST(ResponseHead, FramingFollowsTheRules) {
    struct Case {
        char const* name;
        std::string bytes;
        bool to_head;
        Framing framing;
        std::uint64_t length;
        bool keep_alive;
    };
    Case const cases[] = {
        {"Length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, Framing::content_length, 5, true},
        {"Chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, Framing::chunked, 0, true},
        {"Neither", "HTTP/1.1 200 OK\r\n\r\n", false, Framing::until_close, 0, false},
        {"Http10Length", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", false, Framing::content_length, 5, false},
        {"Close", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", false, Framing::content_length, 5, false},
        {"ToHead", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, Framing::none, 5, true},
        {"NoContent", "HTTP/1.1 204 No Content\r\n\r\n", false, Framing::none, 0, true},
        {"NotModified", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false, Framing::none, 9, true},
        {"BodyWhereNoneMayBe", "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", false, Framing::none, 9, false},
        {"NoReason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false, Framing::content_length, 0, true},
        {"EmptyReason", "HTTP/1.1 529 \r\nContent-Length: 0\r\n\r\n", false, Framing::content_length, 0, true},
    };
    for (auto const& c : cases) {
        ResponseHead head;
        for (std::size_t n = 0; n < c.bytes.size(); ++n)
            EXPECT_EQ(parse_response_head(c.bytes.substr(0, n), c.to_head, HeadLimits(), head).state, ParseState::need_more)
                << c.name << n;
        auto const result = parse_response_head(c.bytes, c.to_head, HeadLimits(), head);
        ASSERT_EQ(result.state, ParseState::complete) << c.name << ": " << result.message;
        EXPECT_EQ(head.framing, c.framing) << c.name;
        EXPECT_EQ(head.content_length, c.length) << c.name;
        EXPECT_EQ(head.keep_alive, c.keep_alive) << c.name;
    }
}

TEST(ResponseHead, AmbiguousAnswersAreRefused) {
    for (std::string const bytes : {
             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
             "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
             "HTTP/1.1 200 OK\nContent-Length: 5\n\n",
             "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
             "HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\n",
             "HTTP/1.1 099 OK\r\nContent-Length: 5\r\n\r\n",
             "HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\n",
             "HTTP/2 200 OK\r\nContent-Length: 5\r\n\r\n",
             "SSH-2.0-OpenSSH_9.2\r\n",
         }) {
        ResponseHead head;
        auto const result = parse_response_head(bytes, false, HeadLimits(), head);
        EXPECT_EQ(result.state, ParseState::bad) << bytes;
        EXPECT_EQ(result.status, 502) << bytes;
    }
}

TEST(StatusLine, KnowsEveryThreeDigitStatus) {
    EXPECT_EQ(status_line(200), "HTTP/1.1 200 OK\r\n");
    EXPECT_EQ(reason_phrase(404), "Not Found");
    EXPECT_EQ(status_line(599), "HTTP/1.1 599 Status\r\n");
    EXPECT_EQ(status_line(7), "HTTP/1.1 500 Internal Server Error\r\n");
    for (int status = 100; status < 1000; ++status) EXPECT_EQ(status_line(status).substr(9, 3), std::to_string(status));
}

TEST(HeaderList, FindsTokensInLists) {
    HeaderList list;
    list.add("Connection", "keep-alive, Upgrade");
    EXPECT_TRUE(list.has_token("connection", "upgrade"));
    EXPECT_FALSE(list.has_token("connection", "up"));
    EXPECT_FALSE(list.has_token("upgrade", "upgrade"));
    for (char const* name : {"Connection", "TE", "transfer-encoding", "Upgrade", "Keep-Alive", "Proxy-Authorization"})
        EXPECT_TRUE(is_hop_by_hop(name)) << name;
    EXPECT_FALSE(is_hop_by_hop("content-type"));
}

} // namespace
} // namespace tollgate::net
