#include "app/control_client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include "app/app.hpp"
#include "app/existing_store.hpp"
#include "app/server_file.hpp"
#include "net/client.hpp"
#include "net/endpoint.hpp"

namespace tollgate::app {
namespace {

namespace asio = boost::asio;

asio::awaitable<void> exchange(asio::io_context& io, net::Endpoint const& endpoint, std::string const& wire,
                               net::ClientOptions options, Result<control::Response>& out) {
    net::ClientPool pool(io, options);
    std::string_view const pieces[] = {wire};
    net::Deadlines deadlines;
    deadlines.total = std::chrono::seconds(60);
    auto const request = std::span<std::string_view const>(pieces, 1);
    auto answer = co_await pool.send(endpoint, request, deadlines);
    if (!answer) {
        out = fail(Errc::unavailable, "the running server did not answer: " + answer.error().detail);
        co_return;
    }
    control::Response response;
    response.status = answer->head().status;
    if (auto const type = answer->head().find("content-type")) response.content_type = *type;
    auto body = co_await answer->read_all(256u << 20);
    if (!body) {
        out = fail(Errc::unavailable, "the running server broke off: " + body.error().detail);
        co_return;
    }
    response.body = std::move(*body);
    out = std::move(response);
}

Result<control::Response> over_http(ServerFile const& server, std::string const& ca_file, control::Request const& request) {
    auto const url = fmt::format("{}://{}", server.tls ? "https" : "http", server.console);
    auto const endpoint = net::parse_endpoint(url);
    if (!endpoint) return Fail(endpoint.error());
    auto wire = fmt::format("{} {}{}{} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\nconnection: close\r\n", request.method,
                            request.path, request.query.empty() ? "" : "?", request.query, endpoint->host_header,
                            server.token.reveal());
    if (!request.body.empty() || request.method == "POST")
        wire += fmt::format("content-type: application/json\r\ncontent-length: {}\r\n", request.body.size());
    wire += "\r\n" + request.body;
    asio::io_context io{1};
    net::ClientOptions options;
    options.extra_ca_file = ca_file;
    Result<control::Response> out = fail(Errc::unavailable, "no answer");
    asio::co_spawn(io, exchange(io, *endpoint, wire, options, out), asio::detached);
    io.run();
    return out;
}

} // namespace

Result<ControlCall> connect_control(config::Config config) {
    if (auto server = read_server_file(config.data); server && !server->console.empty()) {
        // The server's own certificate is trusted here: it is this machine's, named in its own configuration.
        auto const ca = config.tls.cert_file;
        return ControlCall([server = *server, ca](control::Request const& request) { return over_http(server, ca, request); });
    }
    if (auto const there = require_existing_store(config); !there) return Fail(there.error());
    auto opened = App::open(std::move(config));
    if (!opened) return Fail(opened.error());
    auto app = std::shared_ptr<App>(std::move(*opened)); // shared: std::function copies what it holds
    return ControlCall([app](control::Request const& request) -> Result<control::Response> {
        control::Actor actor;
        actor.kind = control::Actor::Kind::local;
        actor.name = "command line";
        return app->api().dispatch_as(actor, request);
    });
}

} // namespace tollgate::app
