#include "net/server.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <future>
#include <string>
#include <sys/socket.h>

#include "net/chunked.hpp"
#include "net/testing/loopback.hpp"
#include "net/timer.hpp"

namespace tollgate::net {
namespace {

using testing::RawSocket;
using namespace std::chrono_literals;

/// What a handler may need from the test; alive as long as the server.
struct Probe {
    std::promise<void> entered;
    std::atomic<int> calls{0};
    std::promise<bool> last_write; ///< result of the write that failed
    std::promise<std::string> body_error;
};

asio::awaitable<void> answer(Exchange& exchange, Probe& probe) {
    auto const path = exchange.head().path;
    ++probe.calls;
    if (path == "/hello") {
        co_await exchange.respond(200, "content-type: text/plain\r\n", "hello");
    } else if (path == "/echo") {
        auto const body = co_await exchange.read_body(100'000);
        if (body)
            co_await exchange.respond(200, "", *body);
        else
            co_await exchange.respond(body.error().code == Errc::payload_too_large ? 413
                                      : body.error().code == Errc::request_timeout ? 408
                                                                                   : 400,
                                      "", body.error().message);
    } else if (path == "/pieces") {
        std::string raw;
        std::string data;
        for (bool last = false; !last;) {
            auto const piece = co_await exchange.read_body_piece();
            if (!piece) co_return;
            raw += piece->raw;
            for (auto const part : piece->data) data += part;
            last = piece->last;
        }
        co_await exchange.respond(200, "", data + "|" + raw);
    } else if (path == "/ignore-body") {
        co_await exchange.respond(200, "", "ignored");
    } else if (path == "/stream") {
        std::string out;
        exchange.compose_head(out, 200, "content-type: text/event-stream\r\n", Framing::chunked);
        append_chunk(out, "one");
        co_await exchange.write(out);
        out.clear();
        append_chunk(out, "two");
        std::string_view const parts[] = {out, last_chunk};
        co_await exchange.write(parts);
    } else if (path == "/throw") {
        throw std::runtime_error("boom");
    } else if (path == "/throw-late") {
        std::string out;
        exchange.compose_head(out, 200, "", Framing::content_length, 100);
        co_await exchange.write(out);
        throw std::runtime_error("boom");
    } else if (path == "/silent") {
    } else if (path == "/close") {
        exchange.mark_close();
        co_await exchange.respond(200, "", "bye");
    } else if (path == "/no-content") {
        co_await exchange.respond(204, "", "");
    } else if (path == "/flood") {
        std::string const block(256 * 1024, 'x');
        std::string out;
        exchange.compose_head(out, 200, "", Framing::until_close);
        bool going = co_await exchange.write(out);
        for (int i = 0; i < 4096 && going; ++i) going = co_await exchange.write(block);
        probe.last_write.set_value(going);
    } else if (path == "/slow") {
        probe.entered.set_value();
        co_await sleep_for(200ms);
        co_await exchange.respond(200, "", "slow");
    } else if (path == "/forever") {
        probe.entered.set_value();
        co_await sleep_for(1h);
    } else if (path == "/gone") {
        probe.entered.set_value();
        while (!exchange.caller_gone()) co_await sleep_for(2ms);
        probe.last_write.set_value(false);
    } else if (path == "/upgrade") {
        std::string out;
        exchange.compose_head(out, 101, "connection: upgrade\r\nupgrade: echo\r\n", Framing::none);
        co_await exchange.write(out);
        for (;;) {
            auto const bytes = co_await exchange.read_upgraded(0);
            if (!bytes || bytes->empty()) break;
            co_await exchange.write(*bytes);
        }
    } else if (path == "/facts") {
        auto const& head = exchange.head();
        bool const ordered = exchange.first_byte_ns() > 0 && exchange.first_byte_ns() <= exchange.head_complete_ns();
        std::string const facts = std::string(head.method) + " " + exchange.peer().text() + " " + (ordered ? "ordered" : "wrong");
        co_await exchange.respond(200, "", facts);
    } else {
        co_await exchange.respond(404, "", "no such path");
    }
}

class ServerTest : public ::testing::Test {
protected:
    void start(ServerOptions options = {}) {
        auto started = Server::start(std::move(options), [this](ThreadContext) -> Handler {
            return [this](Exchange& exchange) { return answer(exchange, probe); };
        });
        ASSERT_TRUE(started) << started.error().message;
        server = std::move(*started);
    }
    RawSocket connect() { return RawSocket::connect_to(server->port()); }
    static std::string get(std::string const& path, std::string const& fields = "") {
        return "GET " + path + " HTTP/1.1\r\nhost: a\r\n" + fields + "\r\n";
    }
    static std::string post(std::string const& path, std::string const& body) {
        return "POST " + path + " HTTP/1.1\r\nhost: a\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    static bool ends_with(std::string const& text, std::string_view tail) { return std::string_view(text).ends_with(tail); }

    Probe probe;
    std::unique_ptr<Server> server;
};

TEST_F(ServerTest, AnswersManyRequestsOnOneConnection) {
    start();
    auto client = connect();
    for (int i = 0; i < 50; ++i) {
        client.send(get("/hello"));
        auto const response = client.read_response();
        EXPECT_TRUE(response.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n")) << response;
        EXPECT_NE(response.find("\r\ndate: "), std::string::npos);
        EXPECT_TRUE(ends_with(response, "\r\n\r\nhello"));
    }
    EXPECT_EQ(server->counters().accepted, 1);
}

TEST_F(ServerTest, ServesPipelinedRequestsInOrder) {
    start();
    auto client = connect();
    std::string const big(20'000, 'b');
    client.send(get("/hello") + post("/echo", "first") + post("/echo", big) + post("/ignore-body", "unread") +
                "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" +
                "POST /pieces HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + get("/facts"));
    EXPECT_TRUE(ends_with(client.read_response(), "\r\n\r\nhello"));
    EXPECT_TRUE(ends_with(client.read_response(), "\r\n\r\nfirst"));
    EXPECT_TRUE(ends_with(client.read_response(), "\r\n\r\n" + big));
    EXPECT_TRUE(ends_with(client.read_response(), "\r\n\r\nignored"));
    EXPECT_TRUE(ends_with(client.read_response(), "\r\n\r\nabc"));
    EXPECT_TRUE(ends_with(client.read_response(), "\r\n\r\nabc|3\r\nabc\r\n0\r\n\r\n"));
    EXPECT_TRUE(ends_with(client.read_response(), "\r\n\r\nGET 127.0.0.1 ordered"));
}

TEST_F(ServerTest, ReadsARequestThatComesByteByByte) {
    start();
    for (auto const& request : {post("/echo", "body"), std::string("POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: "
                                                                   "chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\nx: y\r\n\r\n")}) {
        auto client = connect();
        for (char const c : request) client.send(std::string_view(&c, 1));
        EXPECT_TRUE(ends_with(client.read_response(), "\r\n\r\nbody"));
        client.send(get("/hello"));
        EXPECT_TRUE(ends_with(client.read_response(), "hello"));
    }
}

TEST_F(ServerTest, EveryBodySizeAroundTheBuffersComesWhole) {
    start();
    auto client = connect();
    for (std::size_t size : {1u, 4000u, 8191u, 8192u, 8193u, 16384u, 65535u, 65536u, 99'999u}) {
        std::string body;
        for (std::size_t i = 0; i < size; ++i) body += static_cast<char>('a' + i % 26);
        auto const request = post("/echo", body);
        client.send(request.substr(0, request.size() / 2)); // at least two reads
        client.send(request.substr(request.size() / 2));
        auto const response = client.read_response();
        EXPECT_TRUE(ends_with(response, "\r\n\r\n" + body)) << size;
    }
}

TEST_F(ServerTest, SendsContinueOnlyWhenTheBodyIsWanted) {
    start();
    auto client = connect();
    client.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body");
    EXPECT_TRUE(ends_with(client.read_response(), "\r\n\r\nbody"));
    // Refused before the body: the final answer at once, and no reuse of a connection in doubt.
    client.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 400000\r\nexpect: 100-continue\r\n\r\n");
    auto const response = client.read_response();
    EXPECT_TRUE(response.starts_with("HTTP/1.1 413 ")) << response;
    EXPECT_NE(response.find("connection: close\r\n"), std::string::npos);
    client.shutdown_send();
    EXPECT_EQ(client.read_to_end(), "");
}

TEST_F(ServerTest, RefusesALargeBodyEarlyAndTheAnswerArrives) {
    start();
    auto client = connect();
    // The caller keeps sending although it is refused: a reset would destroy the answer on its way.
    client.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 5000000\r\n\r\n");
    std::string const block(100'000, 'x');
    for (int i = 0; i < 50; ++i)
        if (!client.send(block)) break;
    auto const response = client.read_response();
    EXPECT_TRUE(response.starts_with("HTTP/1.1 413 ")) << response;
    EXPECT_NE(response.find("100000 bytes"), std::string::npos);
    client.shutdown_send();
    EXPECT_EQ(client.read_to_end(), "");
}

TEST_F(ServerTest, RefusesAChunkedBodyOverTheLimitAndABrokenOne) {
    start();
    auto client = connect();
    client.send("POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n30d40\r\n" + std::string(200'000, 'x'));
    EXPECT_TRUE(client.read_response().starts_with("HTTP/1.1 413 "));
    auto other = connect();
    other.send("POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n");
    EXPECT_TRUE(other.read_response().starts_with("HTTP/1.1 400 "));
    EXPECT_EQ(other.read_to_end(), "");
}

TEST_F(ServerTest, AnswersMalformedHeadsAndCloses) {
    start();
    struct Case {
        std::string bytes;
        char const* status;
    };
    for (auto const& c : {Case{"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
                          Case{"GET / HTTP/1.1\r\nhost: a\r\nx: " + std::string(70'000, 'x'), "431"},
                          Case{"GET /" + std::string(20'000, 'x'), "414"}, Case{"\x16\x03\x01", "400"},
                          Case{"GET / HTTP/2.0\r\n\r\n", "505"}}) {
        auto client = connect();
        client.send(c.bytes);
        auto const response = client.read_response();
        EXPECT_EQ(response.substr(0, 12), std::string("HTTP/1.1 ") + c.status) << response;
        EXPECT_NE(response.find("connection: close"), std::string::npos);
        EXPECT_NE(response.find("application/problem+json"), std::string::npos);
        client.shutdown_send();
        EXPECT_EQ(client.read_to_end(), "");
    }
    EXPECT_EQ(probe.calls, 0);
}

TEST_F(ServerTest, HeadsUpToTheLimitAreServed) {
    start();
    auto client = connect();
    for (int i = 0; i < 3; ++i) {
        client.send(get("/hello", "x: " + std::string(31'000, 'x') + "\r\n"));
        EXPECT_TRUE(ends_with(client.read_response(), "hello"));
    }
}

TEST_F(ServerTest, StreamsAndLeavesBodiesOutOfHeadAndNoContent) {
    start();
    auto client = connect();
    client.send(get("/stream"));
    EXPECT_NE(client.read_until("\r\n\r\n").find("transfer-encoding: chunked"), std::string::npos);
    EXPECT_EQ(client.read_until("0\r\n\r\n"), "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
    client.send("HEAD /hello HTTP/1.1\r\nhost: a\r\n\r\n" + get("/no-content") + get("/hello"));
    auto const head = client.read_until("\r\n\r\n");
    EXPECT_NE(head.find("content-length: 5\r\n"), std::string::npos);
    auto const none = client.read_until("\r\n\r\n");
    EXPECT_TRUE(none.starts_with("HTTP/1.1 204 No Content\r\n")) << none;
    EXPECT_EQ(none.find("content-length"), std::string::npos);
    EXPECT_TRUE(ends_with(client.read_response(), "hello"));
}

TEST_F(ServerTest, ConnectionEndsWhenAskedTo) {
    start();
    struct Case {
        std::string request;
        char const* header;
    };
    for (auto const& c : {Case{get("/close"), "connection: close\r\n"}, Case{get("/hello", "connection: close\r\n"), "connection: close\r\n"},
                          Case{"GET /hello HTTP/1.0\r\n\r\n", "connection: close\r\n"}}) {
        auto client = connect();
        client.send(c.request);
        EXPECT_NE(client.read_to_end().find(c.header), std::string::npos);
    }
    auto client = connect();
    client.send("GET /hello HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
    EXPECT_NE(client.read_response().find("connection: keep-alive\r\n"), std::string::npos);
    client.send(get("/hello"));
    EXPECT_TRUE(ends_with(client.read_response(), "hello"));
}

TEST_F(ServerTest, HandlerExceptionsAndSilenceAre500) {
    start();
    for (char const* path : {"/throw", "/silent"}) {
        auto client = connect();
        client.send(get(path));
        auto const response = client.read_to_end();
        EXPECT_TRUE(response.starts_with("HTTP/1.1 500 ")) << response;
        EXPECT_EQ(response.find("boom"), std::string::npos);
    }
    auto client = connect();
    client.send(get("/throw-late")); // too late for another answer: the caller sees the break
    EXPECT_EQ(client.read_to_end().find("500"), std::string::npos);
}

TEST_F(ServerTest, SlowHeadsAndBodiesTimeOut) {
    ServerOptions options;
    options.header_timeout = 300ms;
    options.body_timeout = 300ms;
    options.idle_timeout = 300ms;
    start(options);
    auto silent = connect();
    EXPECT_EQ(silent.read_to_end(), ""); // never said a word: no answer either
    auto slow = connect();
    slow.send("GET /hello HT");
    EXPECT_TRUE(slow.read_response().starts_with("HTTP/1.1 408 "));
    slow.shutdown_send();
    EXPECT_EQ(slow.read_to_end(), "");
    auto body = connect();
    body.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc");
    EXPECT_TRUE(body.read_response().starts_with("HTTP/1.1 408 "));
    auto idle = connect();
    idle.send(get("/hello"));
    EXPECT_TRUE(ends_with(idle.read_response(), "hello"));
    EXPECT_EQ(idle.read_to_end(), "");
}

TEST_F(ServerTest, AHeadMustBeCompleteInTimeHoweverBusyItIs) {
    ServerOptions options;
    options.header_timeout = 400ms;
    start(options);
    auto client = connect();
    client.send("GET /hello HTTP/1.1\r\nhost: a\r\n");
    std::atomic<bool> done{false};
    std::thread dripping([&] {
        while (!done && client.send("x: y\r\n")) std::this_thread::sleep_for(20ms);
    });
    EXPECT_TRUE(client.read_until("\r\n").starts_with("HTTP/1.1 4")); // 408, or 431 on a machine that is quick
    done = true;
    dripping.join();
}

TEST_F(ServerTest, AWriterLearnsThatItsReaderIsGone) {
    start();
    auto client = connect();
    client.send(get("/flood"));
    client.read_some();
    client.reset();
    EXPECT_FALSE(probe.last_write.get_future().get());
}

TEST_F(ServerTest, AWriterIsFreedFromAReaderThatStopsReading) {
    ServerOptions options;
    options.write_timeout = 300ms;
    start(options);
    auto client = connect();
    client.send(get("/flood"));
    EXPECT_FALSE(probe.last_write.get_future().get());
}

TEST_F(ServerTest, LargeResponsesArriveWholeAtASlowReader) {
    start();
    auto client = connect();
    client.send(get("/flood"));
    client.read_until("\r\n\r\n");
    std::size_t total = 0;
    for (;;) {
        auto const some = client.read_some(1 << 20);
        if (some.empty()) break;
        total += some.size();
    }
    EXPECT_EQ(total, 4096u * 256u * 1024u);
    EXPECT_TRUE(probe.last_write.get_future().get());
}

TEST_F(ServerTest, NoticesACallerThatHangsUp) {
    start();
    auto client = connect();
    client.send(get("/gone"));
    probe.entered.get_future().wait();
    client.close();
    EXPECT_FALSE(probe.last_write.get_future().get());
}

TEST_F(ServerTest, SeesTheEndOfACallerThatStopsSendingWithItsRequest) {
    start(); // idle timeout 75 s: only the end of stream, which arrives together with the data, ends this in time
    auto client = connect();
    client.send(get("/hello"));
    client.shutdown_send();
    EXPECT_TRUE(ends_with(client.read_to_end(), "hello"));
}

TEST_F(ServerTest, RelaysUpgradedBytesBothWays) {
    start();
    auto client = connect();
    client.send(get("/upgrade", "connection: upgrade\r\nupgrade: echo\r\n") + "early");
    EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
    EXPECT_EQ(client.read_exactly(5), "early");
    client.send("late");
    EXPECT_EQ(client.read_exactly(4), "late");
    client.shutdown_send();
    EXPECT_EQ(client.read_to_end(), "");
}

TEST_F(ServerTest, RefusesConnectionsOverTheMaximum) {
    ServerOptions options;
    options.connections_max = 1;
    start(options);
    auto first = connect();
    first.send(get("/hello"));
    first.read_response();
    auto second = connect();
    EXPECT_TRUE(second.read_to_end().starts_with("HTTP/1.1 503 "));
    EXPECT_EQ(server->counters().refused, 1);
    first.send(get("/hello"));
    EXPECT_TRUE(ends_with(first.read_response(), "hello"));
}

TEST_F(ServerTest, DrainFinishesWhatRunsAndClosesWhatIdles) {
    start();
    auto idle = connect();
    idle.send(get("/hello"));
    idle.read_response();
    auto busy = connect();
    busy.send(get("/slow"));
    probe.entered.get_future().wait();
    EXPECT_TRUE(server->drain(10s));
    auto const response = busy.read_to_end();
    EXPECT_NE(response.find("connection: close"), std::string::npos);
    EXPECT_TRUE(ends_with(response, "slow"));
    EXPECT_EQ(idle.read_to_end(), "");
    EXPECT_EQ(server->counters().open, 0);
    EXPECT_THROW(connect(), std::runtime_error);
}

TEST_F(ServerTest, DrainForcesWhatDoesNotEndAndStopDestroysIt) {
    start();
    auto stuck = connect();
    stuck.send(get("/forever"));
    probe.entered.get_future().wait();
    EXPECT_FALSE(server->drain(50ms));
    EXPECT_EQ(stuck.read_to_end(), "");
    server->stop();
    EXPECT_EQ(server->counters().open, 0); // the suspended handler's frame is gone, its destructors have run
}

TEST_F(ServerTest, APortInUseIsExplained) {
    ServerOptions options;
    options.threads = 2;
    start(options);
    options.port = server->port();
    auto const second = Server::start(options, [](ThreadContext) -> Handler { return {}; });
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::unavailable);
    EXPECT_NE(second.error().message.find(server->address()), std::string::npos) << second.error().message;
    options.host = "not-an-address";
    EXPECT_EQ(Server::start(options, [](ThreadContext) -> Handler { return {}; }).error().code, Errc::invalid_request);
    options.host = "192.0.2.1";
    EXPECT_EQ(Server::start(options, [](ThreadContext) -> Handler { return {}; }).error().code, Errc::unavailable);
}

TEST_F(ServerTest, ServesOnSeveralThreads) {
    ServerOptions options;
    options.threads = 3;
    start(options);
    std::vector<std::thread> callers;
    std::atomic<int> good{0};
    for (int i = 0; i < 12; ++i)
        callers.emplace_back([&] {
            auto client = connect();
            for (int j = 0; j < 20; ++j) {
                client.send(get("/hello"));
                good += client.read_response().ends_with("hello");
            }
        });
    for (auto& caller : callers) caller.join();
    EXPECT_EQ(good, 240);
}

} // namespace
} // namespace tollgate::net
