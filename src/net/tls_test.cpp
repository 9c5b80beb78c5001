#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <fstream>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "net/client.hpp"
#include "net/server.hpp"
#include "net/testing/loopback.hpp"
#include "net/timer.hpp"

namespace tollgate::net {
namespace {

using namespace std::chrono_literals;

struct Files {
    std::string cert;
    std::string key;
};

/// A self-signed certificate for `name` and 127.0.0.1, valid from an hour ago until `seconds` from now.
Files make_certificate(std::string const& directory, std::string const& label, std::string const& name, long seconds) {
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    std::unique_ptr<X509, decltype(&X509_free)> cert(X509_new(), X509_free);
    X509_set_version(cert.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert.get()), seconds);
    X509_set_pubkey(cert.get(), key.get());
    auto* subject = X509_get_subject_name(cert.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<unsigned char const*>(label.c_str()), -1, -1, 0);
    X509_set_issuer_name(cert.get(), subject);
    for (auto const& [nid, value] : {std::pair<int, std::string>(NID_subject_alt_name, "DNS:" + name + ",IP:127.0.0.1"),
                                     std::pair<int, std::string>(NID_basic_constraints, "critical,CA:TRUE")}) {
        auto* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
        X509_add_ext(cert.get(), extension, -1);
        X509_EXTENSION_free(extension);
    }
    X509_sign(cert.get(), key.get(), EVP_sha256());
    Files files{directory + "/" + label + ".crt", directory + "/" + label + ".key"};
    std::unique_ptr<FILE, decltype(&std::fclose)> cert_file(std::fopen(files.cert.c_str(), "w"), std::fclose);
    std::unique_ptr<FILE, decltype(&std::fclose)> key_file(std::fopen(files.key.c_str(), "w"), std::fclose);
    PEM_write_X509(cert_file.get(), cert.get());
    PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return files;
}

asio::awaitable<void> echo(Exchange& exchange) {
    auto const body = co_await exchange.read_body(16 * 1024 * 1024);
    std::string_view const text = body ? *body : std::string_view();
    co_await exchange.respond(200, exchange.tls() ? "x-tls: yes\r\n" : "", text);
}

class TlsTest : public ::testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/tollgate_tls_XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        directory = name;
        files = make_certificate(directory, "good", "upstream.test", 3600);
    }
    void TearDown() override {
        server.reset();
        for (auto const& file : {"good.crt", "good.key", "other.crt", "other.key", "expired.crt", "expired.key"})
            ::unlink((directory + "/" + file).c_str());
        ::rmdir(directory.c_str());
    }
    void start(Files const& with) {
        ServerOptions options;
        options.tls_cert = with.cert;
        options.tls_key = with.key;
        auto started = Server::start(options, [](ThreadContext) -> Handler { return echo; });
        ASSERT_TRUE(started) << started.error().message << started.error().detail;
        server = std::move(*started);
    }
    /// Sends `bytes` requests of `size` over one pool that trusts `ca`; the answers' bodies must be the same.
    std::optional<SendError> call(std::string const& host, std::string const& ca, std::size_t size = 5, int times = 1) {
        ClientOptions options;
        options.extra_ca_file = ca;
        asio::io_context io{1};
        ClientPool pool(io, options);
        auto const endpoint = *parse_endpoint("https://" + host + ":" + std::to_string(server->port()));
        std::optional<SendError> error;
        bool done = false;
        asio::co_spawn(io, calls(pool, endpoint, size, times, error), [&](std::exception_ptr) { done = true; });
        while (!done) io.run_one();
        connects = pool.counters().connects;
        pool.shutdown();
        return error;
    }
    static asio::awaitable<void> calls(ClientPool& pool, Endpoint const& endpoint, std::size_t size, int times,
                                       std::optional<SendError>& error) {
        std::string body;
        for (std::size_t i = 0; i < size; ++i) body += static_cast<char>('a' + i % 23);
        auto const head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: " + std::to_string(size) + "\r\n\r\n";
        Deadlines const deadlines;
        std::string_view const parts[] = {head, body};
        for (int i = 0; i < times; ++i) {
            auto response = co_await pool.send(endpoint, parts, deadlines);
            if (!response) {
                error = response.error();
                co_return;
            }
            EXPECT_EQ(response->head().find("x-tls"), "yes");
            auto const all = co_await response->read_all(size);
            if (!all) {
                error = all.error();
                co_return;
            }
            EXPECT_TRUE(*all == body);
        }
    }

    std::string directory;
    Files files;
    std::unique_ptr<Server> server;
    std::uint64_t connects = 0;
};

TEST_F(TlsTest, BothLegsSpeakItAndReuseConnections) {
    start(files);
    auto const error = call("127.0.0.1", files.cert, 5, 10);
    EXPECT_FALSE(error) << error->detail;
    EXPECT_EQ(connects, 1u);
}

TEST_F(TlsTest, LargeBodiesComeWhole) {
    start(files);
    for (std::size_t size : {16'000u, 16'384u, 40'000u, 4'000'000u}) {
        auto const error = call("127.0.0.1", files.cert, size, 2);
        EXPECT_FALSE(error) << size << error->detail;
    }
}

TEST_F(TlsTest, AnUnknownAuthorityIsRefused) {
    start(files);
    auto const other = make_certificate(directory, "other", "upstream.test", 3600);
    auto const error = call("127.0.0.1", other.cert);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->phase, Phase::tls);
    EXPECT_FALSE(error->request_sent);
    EXPECT_NE(error->detail.find("certificate"), std::string::npos) << error->detail;
}

TEST_F(TlsTest, AnotherHostsCertificateIsRefused) {
    start(files);
    auto const error = call("localhost", files.cert);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->phase, Phase::tls);
    EXPECT_NE(error->detail.find("mismatch"), std::string::npos) << error->detail;
}

TEST_F(TlsTest, AnExpiredCertificateIsRefused) {
    auto const expired = make_certificate(directory, "expired", "upstream.test", -60);
    start(expired);
    auto const error = call("127.0.0.1", expired.cert);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->phase, Phase::tls);
    EXPECT_NE(error->detail.find("expired"), std::string::npos) << error->detail;
}

TEST_F(TlsTest, AReloadedCertificateIsUsedAtOnceAndABadOneIsNot) {
    start(files);
    auto const other = make_certificate(directory, "other", "upstream.test", 3600);
    ASSERT_EQ(std::rename(other.cert.c_str(), files.cert.c_str()), 0);
    EXPECT_FALSE(server->reload_tls()); // the key does not belong to it yet: the old pair stays
    ASSERT_EQ(std::rename(other.key.c_str(), files.key.c_str()), 0);
    ASSERT_TRUE(server->reload_tls());
    auto const error = call("127.0.0.1", files.cert);
    EXPECT_FALSE(error) << error->detail;
}

TEST_F(TlsTest, UnusableFilesAreExplained) {
    ServerOptions options;
    options.tls_cert = directory + "/missing.crt";
    options.tls_key = files.key;
    auto const missing = Server::start(options, [](ThreadContext) -> Handler { return echo; });
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().message.find("missing.crt"), std::string::npos);
    options.tls_cert = files.cert;
    options.tls_key.clear();
    EXPECT_EQ(Server::start(options, [](ThreadContext) -> Handler { return echo; }).error().param, "tls_key");
}

TEST_F(TlsTest, PlainHttpOnATlsPortIsClosed) {
    start(files);
    auto client = testing::RawSocket::connect_to(server->port());
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    EXPECT_EQ(client.read_to_end().find("200"), std::string::npos);
}

} // namespace
} // namespace tollgate::net
