#include "control/http_adapter.hpp"

#include <algorithm>
#include <boost/asio/awaitable.hpp>

#include "control/api.hpp"
#include "control/problem.hpp"
#include "net/dispatch.hpp"
#include "net/exchange.hpp"
#include "net/http.hpp"

namespace tollgate::control {
namespace {
bool is_trusted(IpAddress const& address, std::vector<Cidr> const& trusted) {
    return std::any_of(trusted.begin(), trusted.end(), [&](Cidr const& block) { return block.contains(address); });
}

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
    while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
    return text;
}

/// Several X-Forwarded-For headers are one list, in order.
std::string joined_header(net::RequestHead const& head, std::string_view name) {
    std::string out;
    for (auto const& h : head.headers) {
        if (!net::iequals(h.name, name)) continue;
        if (!out.empty()) out += ',';
        out += h.value;
    }
    return out;
}

Request request_of(net::Exchange const& exchange, AdapterOptions const& options) {
    auto const& head = exchange.head();
    Request request;
    request.method = head.method;
    request.path = head.path;
    request.query = head.query;
    for (auto const& h : head.headers) {
        std::string name(h.name);
        for (char& c : name)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
        request.headers.push_back({std::move(name), std::string(h.value)});
    }
    auto const forwarded = joined_header(head, "x-forwarded-for");
    request.client_ip = client_address(exchange.peer(), forwarded, options.trusted_proxies).text();
    return request;
}

std::string header_lines(Response const& response, bool tls) {
    std::string out;
    if (!response.content_type.empty()) net::append_header(out, "content-type", response.content_type);
    for (auto const& h : response.headers) net::append_header(out, h.name, h.value);
    if (tls) net::append_header(out, "strict-transport-security", "max-age=31536000");
    return out;
}
} // namespace

IpAddress client_address(IpAddress const& peer, std::string_view forwarded_for, std::vector<Cidr> const& trusted) {
    auto address = peer;
    while (is_trusted(address, trusted) && !forwarded_for.empty()) {
        auto const comma = forwarded_for.rfind(',');
        auto const last = trimmed(comma == std::string_view::npos ? forwarded_for : forwarded_for.substr(comma + 1));
        forwarded_for = comma == std::string_view::npos ? std::string_view() : forwarded_for.substr(0, comma);
        auto const parsed = parse_ip(last);
        if (!parsed) break;
        address = *parsed;
    }
    return address;
}

net::asio::awaitable<void> serve_control(net::Exchange& exchange, Api& api, net::BlockingPool& pool,
                                         AdapterOptions const& options) {
    auto request = request_of(exchange, options);
    auto const body = co_await exchange.read_body(options.body_max);
    Response response;
    if (!body) {
        response = problem(body.error(), {});
        exchange.mark_close();
    } else if (request.path == "/" && (request.method == "GET" || request.method == "HEAD")) {
        response.status = 302; // what people open in a browser first
        response.headers.push_back({"location", "/docs"});
    } else if (request.path == "/health") {
        response = api.dispatch(request);
    } else {
        request.body = *body;
        auto work = [&api, request = std::move(request)] { return api.dispatch(request); };
        auto answered = co_await pool.run(std::move(work));
        response = answered ? std::move(*answered) : problem(answered.error(), {});
    }
    auto const lines = header_lines(response, exchange.tls());
    co_await exchange.respond(response.status, lines, response.body);
}

net::Handler make_control_handler(Api& api, net::BlockingPool& pool, AdapterOptions const& options) {
    return [&api, &pool, &options](net::Exchange& exchange) { return serve_control(exchange, api, pool, options); };
}

} // namespace tollgate::control
