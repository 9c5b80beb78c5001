#include "control/http_adapter.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/testing/api_fixture.hpp"
#include "net/dispatch.hpp"

namespace tollgate::control {
namespace {

struct AddressCase {
    std::string_view name, peer, forwarded, want;
};
class ClientAddress : public ::testing::TestWithParam<AddressCase> {};
TEST_P(ClientAddress, BelievesOnlyTrustedProxies) {
    std::vector<Cidr> const trusted{*parse_cidr("10.0.0.0/8"), *parse_cidr("fd00::/8")};
    EXPECT_EQ(client_address(*parse_ip(GetParam().peer), GetParam().forwarded, trusted).text(), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(
    Table, ClientAddress,
    ::testing::Values(AddressCase{"Direct", "192.0.2.1", "", "192.0.2.1"},
                      AddressCase{"UntrustedPeerLies", "192.0.2.1", "198.51.100.9", "192.0.2.1"},
                      AddressCase{"OneProxy", "10.0.0.1", "198.51.100.9", "198.51.100.9"},
                      AddressCase{"CallerPrependsALie", "10.0.0.1", "1.1.1.1, 198.51.100.9", "198.51.100.9"},
                      AddressCase{"TwoProxies", "10.0.0.1", "198.51.100.9 ,10.2.2.2", "198.51.100.9"},
                      AddressCase{"OnlyProxies", "10.0.0.1", "10.0.0.2", "10.0.0.2"},
                      AddressCase{"Garbage", "10.0.0.1", "1.1.1.1, unknown", "10.0.0.1"},
                      AddressCase{"NoHeader", "10.0.0.1", "", "10.0.0.1"},
                      AddressCase{"V6Proxy", "fd00::1", "2001:db8::7", "2001:db8::7"}),
    [](auto const& row) { return std::string(row.param.name); });

class OverHttp : public testing::ApiTest {
protected:
    OverHttp() : pool(2, 16) {
        options.body_max = 1000;
        net::ServerOptions server_options;
        auto started = net::Server::start(server_options, [this](net::ThreadContext) {
            return make_control_handler(world->api, pool, options);
        });
        TOLLGATE_CHECK(started.has_value(), started ? "" : started.error().message);
        server = std::move(*started);
    }
    ~OverHttp() override {
        pool.join();
        server->stop();
    }
    /// Sends raw bytes, reads until the server closes.
    std::string exchange(std::string const& bytes) {
        int const fd = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(server->port());
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
        std::string answer;
        char buffer[4096];
        for (ssize_t n; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) answer.append(buffer, static_cast<std::size_t>(n));
        ::close(fd);
        return answer;
    }
    std::string request(std::string const& line, std::string const& body = {}) {
        return line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + testing::admin_token +
               "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    AdapterOptions options;
    net::BlockingPool pool;
    std::unique_ptr<net::Server> server;
};
TEST_F(OverHttp, WholeRequestsAndAnswersPass) {
    auto const health = exchange("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(health.starts_with("HTTP/1.1 200 ")) << health;
    EXPECT_TRUE(health.ends_with("\r\n\r\n{\"status\":\"healthy\"}")) << health;
    EXPECT_NE(health.find("x-request-id: "), std::string::npos);
    auto const made = exchange(request("POST /api/accounts", R"({"name":"Over HTTP"})"));
    EXPECT_TRUE(made.starts_with("HTTP/1.1 201 ")) << made;
    EXPECT_NE(exchange(request("GET /api/accounts?q=over")).find("\"Over HTTP\""), std::string::npos);
    EXPECT_TRUE(exchange("GET /api/accounts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 401 "));
}
TEST_F(OverHttp, TheRootLeadsToTheReference) {
    auto const answer = exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 302 ")) << answer;
    EXPECT_NE(answer.find("\r\nlocation: /docs\r\n"), std::string::npos) << answer;
    EXPECT_TRUE(exchange(request("POST /")).starts_with("HTTP/1.1 404 "));
}
TEST_F(OverHttp, BodiesOverTheLimitAre413ProblemJson) {
    auto const answer = exchange(request("POST /api/accounts", std::string(1001, ' ')));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
    EXPECT_NE(answer.find("application/problem+json"), std::string::npos);
}
TEST_F(OverHttp, RevokingAnswers204WithoutABody) {
    auto const id = make_key(make_account());
    auto const answer = exchange(request("DELETE /api/keys/" + id));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 204 ")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
    EXPECT_EQ(answer.find("\r\ncontent-type:"), std::string::npos) << answer;
}
} // namespace
} // namespace tollgate::control
