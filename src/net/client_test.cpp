#include "net/client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <future>
#include <memory>
#include <optional>
#include <string>

#include "net/http.hpp"
#include "net/testing/loopback.hpp"
#include "net/timer.hpp"

namespace tollgate::net {
namespace {

using testing::FakeUpstream;
using testing::RawSocket;
using namespace std::chrono_literals;

std::string const request = "POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody";
std::string const ok_answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// What one call came to, with everything copied out of the buffers.
struct Outcome {
    std::optional<SendError> error; ///< of send or read
    int status = 0;
    std::string raw;
    std::string data;
    int pieces = 0;
    bool reused = false;
    bool complete = false;
};

Endpoint endpoint_at(unsigned short port) { return *parse_endpoint("http://127.0.0.1:" + std::to_string(port)); }

class ClientTest : public ::testing::Test {
protected:
    ~ClientTest() override { pool.shutdown(); }

    static asio::awaitable<void> call(ClientPool& pool, Endpoint const& endpoint, std::string_view bytes,
                                      Deadlines const& deadlines, Outcome& out) {
        auto response = co_await pool.send(endpoint, std::span<std::string_view const>(&bytes, 1), deadlines);
        if (!response) {
            out.error = response.error();
            co_return;
        }
        out.status = response->head().status;
        out.reused = response->reused();
        for (bool last = response->complete(); !last;) {
            auto const piece = co_await response->read();
            if (!piece) {
                out.error = piece.error();
                co_return;
            }
            ++out.pieces;
            out.raw += piece->raw;
            for (auto const part : piece->data) out.data += part;
            last = piece->last;
        }
        out.complete = response->complete();
    }

    void run(asio::awaitable<void> work) {
        bool done = false;
        asio::co_spawn(io, std::move(work), [&](std::exception_ptr e) {
            done = true;
            if (e) std::rethrow_exception(e);
        });
        io.restart();
        while (!done) io.run_one();
    }

    Outcome get(Endpoint const& endpoint, Deadlines const& deadlines = {}, std::string_view bytes = request) {
        Outcome out;
        run(call(pool, endpoint, bytes, deadlines, out));
        return out;
    }

    asio::io_context io{1};
    ClientPool pool{io, ClientOptions()};
};

/// Answers every request of every connection with `answer`.
FakeUpstream::Script always(std::string answer, bool close_after = false) {
    return [=](RawSocket& socket, int) {
        for (;;) {
            auto const head = socket.read_until("\r\n\r\n");
            if (head.empty()) return;
            if (head.find("content-length: 4") != std::string::npos) socket.read_exactly(4);
            socket.send(answer);
            if (close_after) return;
        }
    };
}

TEST_F(ClientTest, ReusesItsConnection) {
    FakeUpstream upstream(always(ok_answer));
    auto const endpoint = endpoint_at(upstream.port());
    for (int i = 0; i < 20; ++i) {
        auto const out = get(endpoint);
        ASSERT_FALSE(out.error) << out.error->detail;
        EXPECT_EQ(out.status, 200);
        EXPECT_EQ(out.data, "hello");
        EXPECT_EQ(out.raw, "hello");
        EXPECT_EQ(out.reused, i > 0);
    }
    EXPECT_EQ(upstream.connections(), 1);
    EXPECT_EQ(pool.counters().reuses, 19u);
    EXPECT_EQ(pool.counters().idle, 1u);
    pool.shutdown();
}

TEST_F(ClientTest, EveryFramingGivesItsBody) {
    struct Case {
        char const* name;
        std::string answer;
        std::string raw;
        std::string data;
        bool close;
    };
    std::string const chunks = "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: u\r\n\r\n";
    Case const cases[] = {
        {"Length", ok_answer, "hello", "hello", false},
        {"LengthZero", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "", "", false},
        {"Chunked", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks, chunks, "abcde", false},
        {"UntilClose", "HTTP/1.1 200 OK\r\n\r\nall of it", "all of it", "all of it", true},
        {"NoContent", "HTTP/1.1 204 No Content\r\n\r\n", "", "", false},
        {"AfterContinue", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + ok_answer, "hello", "hello", false},
    };
    for (auto const& c : cases) {
        FakeUpstream upstream(always(c.answer, c.close));
        auto const endpoint = endpoint_at(upstream.port());
        ClientPool own(io, ClientOptions()); // its end closes the connection, which ends the upstream's session
        Deadlines const deadlines;
        for (int i = 0; i < 3; ++i) {
            Outcome out;
            run(call(own, endpoint, request, deadlines, out));
            ASSERT_FALSE(out.error) << c.name << out.error->detail;
            EXPECT_EQ(out.raw, c.raw) << c.name;
            EXPECT_EQ(out.data, c.data) << c.name;
            EXPECT_TRUE(out.complete) << c.name;
        }
        EXPECT_EQ(upstream.connections(), c.close ? 3 : 1) << c.name;
    }
}

TEST_F(ClientTest, AChunkedAnswerByteByByteIsTheSame) {
    std::string const chunks = "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
    FakeUpstream upstream([&](RawSocket& socket, int) {
        socket.read_until("body");
        std::string const answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks;
        for (char const c : answer) socket.send(std::string_view(&c, 1));
        socket.read_some();
    });
    auto const out = get(endpoint_at(upstream.port()));
    ASSERT_FALSE(out.error) << out.error->detail;
    EXPECT_EQ(out.raw, chunks);
    EXPECT_EQ(out.data, "abc0123456789");
    pool.shutdown();
}

TEST_F(ClientTest, HeadAnswersHaveNoBody) {
    FakeUpstream upstream(always("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n"));
    auto const endpoint = endpoint_at(upstream.port());
    for (int i = 0; i < 2; ++i) {
        auto const out = get(endpoint, {}, "HEAD /x HTTP/1.1\r\nhost: a\r\n\r\n");
        ASSERT_FALSE(out.error) << out.error->detail;
        EXPECT_EQ(out.raw, "");
        EXPECT_TRUE(out.complete);
    }
    EXPECT_EQ(upstream.connections(), 1);
    pool.shutdown();
}

TEST_F(ClientTest, ALargeAnswerComesWhole) {
    std::string body;
    for (int i = 0; i < 3'000'000; ++i) body += static_cast<char>('a' + i % 23);
    FakeUpstream upstream(always("HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n" + body));
    auto const out = get(endpoint_at(upstream.port()));
    ASSERT_FALSE(out.error) << out.error->detail;
    EXPECT_EQ(out.data, body);
    pool.shutdown();
}

TEST_F(ClientTest, ALargeRequestGoesWhole) {
    std::string const body(8'000'000, 'q');
    std::atomic<std::size_t> got{0};
    FakeUpstream upstream([&](RawSocket& socket, int) {
        socket.read_until("\r\n\r\n");
        got = socket.read_exactly(body.size()).size();
        socket.send(ok_answer);
        socket.read_some();
    });
    auto const out = get(endpoint_at(upstream.port()), {}, "POST / HTTP/1.1\r\ncontent-length: 8000000\r\n\r\n" + body);
    ASSERT_FALSE(out.error) << out.error->detail;
    EXPECT_EQ(got, body.size());
    pool.shutdown();
}

TEST_F(ClientTest, ConnectionsClosedWhileIdleAreNoticedOrRetried) {
    // The upstream closes after each answer although it promised to keep the connection: whether the pool notices
    // before (check) or after sending (retry), the caller does not see it.
    FakeUpstream upstream(always(ok_answer, true));
    auto const endpoint = endpoint_at(upstream.port());
    for (int i = 0; i < 10; ++i) {
        auto const out = get(endpoint);
        ASSERT_FALSE(out.error) << i << out.error->detail;
        EXPECT_EQ(out.data, "hello");
        EXPECT_FALSE(out.reused);
    }
    EXPECT_GT(pool.counters().stale_retries, 0u);
}

TEST_F(ClientTest, AConnectionIdleForAWhileIsCheckedBeforeUse) {
    FakeUpstream upstream([](RawSocket& socket, int) {
        socket.read_until("body");
        socket.send(ok_answer);
    });
    auto const endpoint = endpoint_at(upstream.port());
    get(endpoint);
    run(sleep_for(300ms));
    auto const out = get(endpoint);
    EXPECT_FALSE(out.error);
    EXPECT_EQ(pool.counters().stale_retries, 0u);
    EXPECT_EQ(pool.counters().connects, 2u);
}

TEST_F(ClientTest, AFreshConnectionThatFailsIsNotRetried) {
    FakeUpstream upstream([](RawSocket& socket, int) { socket.read_until("body"); });
    auto const out = get(endpoint_at(upstream.port()));
    ASSERT_TRUE(out.error);
    EXPECT_EQ(out.error->phase, Phase::first_byte);
    EXPECT_TRUE(out.error->request_sent);
    EXPECT_TRUE(out.error->closed_by_peer);
    EXPECT_FALSE(out.error->timed_out);
    EXPECT_EQ(out.error->to_error().code, Errc::upstream_failed);
    EXPECT_EQ(upstream.connections(), 1);
}

TEST_F(ClientTest, ABrokenAnswerIsAnErrorOfTheBody) {
    for (std::string const& answer :
         {std::string("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nonly this"),
          std::string("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),
          std::string("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhelloXX")}) {
        FakeUpstream upstream(always(answer, true));
        auto const out = get(endpoint_at(upstream.port()));
        ASSERT_TRUE(out.error) << answer;
        EXPECT_EQ(out.error->phase, Phase::body) << answer;
        EXPECT_EQ(out.status, 200);
        EXPECT_FALSE(out.complete);
    }
    EXPECT_EQ(pool.counters().idle, 0u);
}

TEST_F(ClientTest, MalformedHeadsAreRefused) {
    for (std::string const& answer :
         {std::string("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\nhello"), std::string("SSH-2.0-x\r\n"),
          "HTTP/1.1 200 OK\r\nx: " + std::string(100'000, 'y')}) {
        FakeUpstream upstream(always(answer, true));
        auto const out = get(endpoint_at(upstream.port()));
        ASSERT_TRUE(out.error) << answer.substr(0, 40);
        EXPECT_EQ(out.error->phase, Phase::first_byte);
        EXPECT_FALSE(out.error->timed_out);
    }
}

TEST_F(ClientTest, SurplusBytesSpoilTheConnectionOnly) {
    FakeUpstream upstream(always(ok_answer + "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"));
    auto const endpoint = endpoint_at(upstream.port());
    for (int i = 0; i < 2; ++i) {
        auto const out = get(endpoint);
        ASSERT_FALSE(out.error) << out.error->detail;
        EXPECT_EQ(out.data, "hello");
        EXPECT_FALSE(out.reused);
    }
    EXPECT_EQ(upstream.connections(), 2);
    pool.shutdown();
}

TEST_F(ClientTest, TimeoutsNameTheirPhase) {
    FakeUpstream silent([](RawSocket& socket, int) { socket.read_to_end(); });
    FakeUpstream stalling([](RawSocket& socket, int) {
        socket.read_until("body");
        socket.send("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nonly this");
        socket.read_to_end();
    });
    Deadlines deadlines;
    deadlines.first_byte = 200ms;
    auto const first = get(endpoint_at(silent.port()), deadlines);
    ASSERT_TRUE(first.error);
    EXPECT_EQ(first.error->phase, Phase::first_byte);
    EXPECT_TRUE(first.error->timed_out);
    EXPECT_TRUE(first.error->request_sent);
    EXPECT_EQ(first.error->to_error().code, Errc::upstream_timeout);

    Deadlines idle;
    idle.idle = 200ms;
    auto const body = get(endpoint_at(stalling.port()), idle);
    ASSERT_TRUE(body.error);
    EXPECT_EQ(body.error->phase, Phase::body);
    EXPECT_TRUE(body.error->timed_out);
    EXPECT_EQ(body.data, "only this");

    Deadlines total;
    total.total = 200ms;
    EXPECT_TRUE(get(endpoint_at(stalling.port()), total).error->timed_out);
    EXPECT_TRUE(get(endpoint_at(silent.port()), total).error->timed_out);
    pool.shutdown();
}

TEST_F(ClientTest, UnreachableUpstreamsAreExplained) {
    auto const refused = get(endpoint_at(testing::unused_port()));
    ASSERT_TRUE(refused.error);
    EXPECT_EQ(refused.error->phase, Phase::connect);
    EXPECT_FALSE(refused.error->request_sent);
    EXPECT_NE(refused.error->detail.find("Connection refused"), std::string::npos) << refused.error->detail;

    auto const unknown = get(*parse_endpoint("http://no-such-host.invalid"));
    ASSERT_TRUE(unknown.error);
    EXPECT_EQ(unknown.error->phase, Phase::resolve);
}

TEST_F(ClientTest, NamesAreResolved) {
    FakeUpstream upstream(always(ok_answer));
    auto const out = get(*parse_endpoint("http://localhost:" + std::to_string(upstream.port())));
    ASSERT_FALSE(out.error) << out.error->detail;
    EXPECT_EQ(out.data, "hello");
    pool.shutdown();
}

TEST_F(ClientTest, PublicOnlyRefusesPrivateAddressesHoweverNamed) {
    FakeUpstream upstream(always(ok_answer));
    for (std::string const& host : {std::string("127.0.0.1"), std::string("localhost")}) {
        auto endpoint = *parse_endpoint("http://" + host + ":" + std::to_string(upstream.port()));
        endpoint.public_only = true;
        endpoint.rekey();
        auto const out = get(endpoint);
        ASSERT_TRUE(out.error) << host;
        EXPECT_EQ(out.error->phase, Phase::resolve);
        EXPECT_NE(out.error->detail.find("not public"), std::string::npos);
    }
    EXPECT_EQ(upstream.connections(), 0);
}

TEST_F(ClientTest, AnEarlyRefusalIsReadEvenIfTheRequestWasNotTakenWhole) {
    FakeUpstream upstream([](RawSocket& socket, int) {
        socket.read_until("\r\n\r\n");
        socket.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        socket.shutdown_send();
        socket.read_to_end();
    });
    auto const out = get(endpoint_at(upstream.port()), {}, "POST / HTTP/1.1\r\ncontent-length: 9000000\r\n\r\n" + std::string(9'000'000, 'x'));
    ASSERT_FALSE(out.error) << out.error->detail;
    EXPECT_EQ(out.status, 413);
}

TEST_F(ClientTest, GoesThroughAProxyWithConnect) {
    std::promise<std::string> seen;
    FakeUpstream proxy([&](RawSocket& socket, int) {
        seen.set_value(socket.read_until("\r\n\r\n"));
        socket.send("HTTP/1.1 200 Connection established\r\n\r\n");
        always(ok_answer)(socket, 0);
    });
    auto endpoint = *parse_endpoint("http://upstream.invalid:1234/");
    ASSERT_TRUE(set_proxy(endpoint, "http://u:p@127.0.0.1:" + std::to_string(proxy.port())));
    for (int i = 0; i < 2; ++i) {
        auto const out = get(endpoint);
        ASSERT_FALSE(out.error) << out.error->detail;
        EXPECT_EQ(out.data, "hello");
    }
    EXPECT_EQ(seen.get_future().get(),
              "CONNECT upstream.invalid:1234 HTTP/1.1\r\nhost: upstream.invalid:1234\r\nproxy-authorization: Basic dTpw\r\n\r\n");
    pool.shutdown();
}

TEST_F(ClientTest, AProxyThatRefusesIsAConnectError) {
    FakeUpstream proxy(always("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n", true));
    auto endpoint = *parse_endpoint("http://upstream.invalid/");
    ASSERT_TRUE(set_proxy(endpoint, "http://127.0.0.1:" + std::to_string(proxy.port())));
    auto const out = get(endpoint);
    ASSERT_TRUE(out.error);
    EXPECT_EQ(out.error->phase, Phase::connect);
    EXPECT_FALSE(out.error->request_sent);
    EXPECT_NE(out.error->detail.find("407"), std::string::npos);
}

asio::awaitable<void> call_streaming(ClientPool& pool, Endpoint const& endpoint, int parts, Outcome& out) {
    int sent = 0;
    std::string chunk;
    BodySource source = [&]() -> asio::awaitable<Result<std::string_view>> {
        chunk.clear();
        if (sent < parts) append_chunk(chunk, "part " + std::to_string(sent));
        if (sent == parts) chunk = last_chunk;
        ++sent;
        co_return std::string_view(chunk);
    };
    Deadlines const deadlines;
    auto response = co_await pool.send_streaming(endpoint, "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
                                                 std::move(source), deadlines);
    if (!response) {
        out.error = response.error();
        co_return;
    }
    out.status = response->head().status;
    auto body = co_await response->read_all(1000);
    if (body) out.data = *body;
    out.pieces = sent;
}

TEST_F(ClientTest, StreamsARequestBody) {
    FakeUpstream upstream([](RawSocket& socket, int) {
        auto const all = socket.read_until("0\r\n\r\n");
        socket.send(all.ends_with("6\r\npart 0\r\n6\r\npart 1\r\n0\r\n\r\n") ? ok_answer : "HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n");
        socket.read_some();
    });
    auto const endpoint = endpoint_at(upstream.port());
    Outcome out;
    run(call_streaming(pool, endpoint, 2, out));
    ASSERT_FALSE(out.error) << out.error->detail;
    EXPECT_EQ(out.status, 200);
    EXPECT_EQ(out.data, "hello");
    EXPECT_EQ(pool.counters().idle, 1u);
    pool.shutdown();
}

TEST_F(ClientTest, StopsStreamingWhenTheUpstreamHasAnswered) {
    FakeUpstream upstream([](RawSocket& socket, int) {
        socket.read_until("\r\n\r\n");
        socket.send("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
        socket.read_to_end();
    });
    auto const endpoint = endpoint_at(upstream.port());
    Outcome out;
    run(call_streaming(pool, endpoint, 100'000'000, out));
    ASSERT_FALSE(out.error) << out.error->detail;
    EXPECT_EQ(out.status, 401);
    EXPECT_LT(out.pieces, 100'000'000);
    EXPECT_EQ(pool.counters().idle, 0u);
}

TEST_F(ClientTest, ShutdownFailsCallsInFlight) {
    FakeUpstream silent([](RawSocket& socket, int) { socket.read_to_end(); });
    auto const endpoint = endpoint_at(silent.port());
    Outcome out;
    Deadlines const deadlines;
    bool done = false;
    asio::co_spawn(io, call(pool, endpoint, request, deadlines, out), [&](std::exception_ptr) { done = true; });
    run(sleep_for(50ms));
    EXPECT_FALSE(done);
    pool.shutdown();
    while (!done) io.run_one();
    ASSERT_TRUE(out.error);
    EXPECT_TRUE(get(endpoint).error); // and later ones
}

asio::awaitable<bool> send_and_succeed(ClientPool& pool, Endpoint const& endpoint) {
    std::string_view const bytes = request;
    Deadlines const deadlines;
    auto response = co_await pool.send(endpoint, std::span<std::string_view const>(&bytes, 1), deadlines);
    co_return response.has_value();
}

asio::awaitable<void> send_limited(ClientPool& pool, Endpoint const& endpoint, std::optional<bool>& out) {
    auto work = send_and_succeed(pool, endpoint);
    out = co_await with_limit(50ms, std::move(work));
}

TEST_F(ClientTest, ACallCanBeCancelledFromOutside) {
    FakeUpstream silent([](RawSocket& socket, int) { socket.read_to_end(); });
    auto const endpoint = endpoint_at(silent.port());
    std::optional<bool> out = true;
    run(send_limited(pool, endpoint, out));
    EXPECT_EQ(out, std::nullopt);
    EXPECT_EQ(pool.counters().open, 0u);
}

/// Reads an answer; after its first piece calls `pause`, during which nothing is read.
asio::awaitable<void> read_with_pause(ClientPool& pool, Endpoint const& endpoint, std::function<void()> const& pause, Outcome& out) {
    std::string_view const bytes = request;
    Deadlines deadlines;
    deadlines.idle = 3s;
    auto response = co_await pool.send(endpoint, std::span<std::string_view const>(&bytes, 1), deadlines);
    if (!response) co_return;
    for (int n = 0;; ++n) {
        if (n == 1) pause();
        auto const piece = co_await response->read();
        if (!piece) {
            out.error = piece.error();
            co_return;
        }
        for (auto const part : piece->data) out.data += part;
    }
}

TEST_F(ClientTest, SeesAResetThatCameTogetherWithData) {
    std::promise<void> go, gone;
    FakeUpstream upstream([&](RawSocket& socket, int) {
        socket.read_until("body");
        socket.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nfirst");
        go.get_future().wait();
        socket.send("second");
        socket.reset();
        gone.set_value();
    });
    Outcome out;
    std::function<void()> const pause = [&] {
        go.set_value();
        gone.get_future().wait();
    };
    run(read_with_pause(pool, endpoint_at(upstream.port()), pause, out));
    ASSERT_TRUE(out.error);
    EXPECT_FALSE(out.error->timed_out) << out.error->detail;
    EXPECT_EQ(out.data, "firstsecond");
}

TEST_F(ClientTest, IdleConnectionsCloseInTime) {
    ClientOptions options;
    options.idle_timeout = 200ms;
    std::promise<void> closed;
    FakeUpstream upstream([&](RawSocket& socket, int) {
        socket.read_until("body");
        socket.send(ok_answer);
        if (socket.read_some().empty()) closed.set_value();
    });
    ClientPool brief(io, options);
    Outcome out;
    Deadlines const deadlines;
    auto const endpoint = endpoint_at(upstream.port());
    run(call(brief, endpoint, request, deadlines, out));
    EXPECT_EQ(brief.counters().idle, 1u);
    run(sleep_for(600ms));
    EXPECT_EQ(brief.counters().idle, 0u);
    EXPECT_EQ(brief.counters().open, 0u);
    EXPECT_EQ(closed.get_future().wait_for(10s), std::future_status::ready);
}

} // namespace
} // namespace tollgate::net
