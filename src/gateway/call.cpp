#include "gateway/call.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "dialects/errors.hpp"
#include "gateway/replays.hpp"
#include "net/client_address.hpp"

namespace tollgate::gateway {
namespace {
constexpr std::size_t user_agent_max = 256;
constexpr std::size_t session_max = 128;

std::string bounded(std::string_view text, std::size_t max) { return std::string(text.substr(0, max)); }
} // namespace

Call::Call(Worker& w, net::Exchange& x) : worker(w), services(w.services), exchange(x) {
    record.time = services.clock.now();
    record.request_id = make_uuid7(record.time);
    record.request_id.write_text(id_text.data());
    auto const& head = x.head();
    record.method = bounded(head.method, 16);
    record.path = bounded(head.path, 256);
    auto const& trusted = services.config.trusted_proxies;
    address = net::client_address(x.peer(), head.headers, trusted);
    if (address != x.peer())
        if (auto const country = head.find("cf-ipcountry")) record.country = bounded(*country, 2);
    record.client_ip = address.text();
    if (auto const agent = head.find("user-agent")) record.user_agent = bounded(*agent, user_agent_max);
    if (auto const session = head.find("x-session-id")) record.session = bounded(*session, session_max);
    record.request_bytes = static_cast<std::int64_t>(head.content_length.value_or(0));
    worker.metrics.in_flight.fetch_add(1, std::memory_order_relaxed);
}

Call::~Call() {
    if (!replay_key.empty()) services.replays.abandon(caller->key->id, replay_key);
    worker.metrics.in_flight.fetch_sub(1, std::memory_order_relaxed);
}

void Call::append_id_headers(std::string& lines) const {
    net::append_header(lines, "x-request-id", request_id());
    if (dialect == Dialect::anthropic) net::append_header(lines, "request-id", request_id());
}

void Call::append_rate_headers(std::string& lines) const {
    limits::append_rate_headers(lines, refused_rates ? *refused_rates : admission.status());
}

void Call::append_common_headers(std::string& lines) const {
    append_id_headers(lines);
    append_rate_headers(lines);
}

void Call::finish_record(int status, Outcome outcome, std::int64_t now) {
    record.status = status;
    record.outcome = outcome;
    finished_ns = now;
    record.latency_ms = (now - exchange.first_byte_ns()) / 1'000'000;
    // Our own share: from the first byte of the request to the first upstream attempt; without one, all of it.
    auto const until = upstream_sent_ns != 0 ? upstream_sent_ns : now;
    record.overhead_us = (until - exchange.first_byte_ns()) / 1'000;
}

void Call::count(RequestRecord const& r) {
    auto& m = worker.metrics;
    m.requests[static_cast<std::size_t>(r.surface)][static_cast<std::size_t>(r.outcome)].add();
    m.statuses[static_cast<std::size_t>(std::clamp(r.status / 100, 0, 5))].add();
    auto const us = ((finished_ns != 0 ? finished_ns : now_ns()) - exchange.first_byte_ns()) / 1'000;
    auto const bound = std::lower_bound(latency_bounds_us.begin(), latency_bounds_us.end(), us);
    m.latency[static_cast<std::size_t>(bound - latency_bounds_us.begin())].add();
    m.latency_sum_us.add(static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0)));
    m.overhead_sum_us.add(static_cast<std::uint64_t>(std::max<std::int64_t>(r.overhead_us, 0)));
    m.input_tokens.add(static_cast<std::uint64_t>(r.usage.input_total()));
    m.output_tokens.add(static_cast<std::uint64_t>(r.usage.output_total()));
    m.charge_nanos.add(static_cast<std::uint64_t>(r.charge.nanos()));
    m.cost_nanos.add(static_cast<std::uint64_t>(r.cost.nanos()));
    if (r.usage_source == UsageSource::counted || r.usage_source == UsageSource::estimated) m.counted_usage.add();
    if (r.usage.anomaly) m.anomalies.add();
    if (r.outcome == Outcome::credit_exhausted) m.cut_streams.add();
}

asio::awaitable<void> reply_error(Call& call, Error const& error) {
    auto const reply = dialects::render_error(call.dialect, error, call.request_id());
    std::string lines;
    lines.reserve(256);
    net::append_header(lines, "content-type", reply.content_type);
    call.append_common_headers(lines);
    if (error.retry_after_s > 0) net::append_header(lines, "retry-after", static_cast<std::uint64_t>(error.retry_after_s));
    co_await call.exchange.respond(reply.status, lines, reply.body);
}

asio::awaitable<void> refuse(Call& call, Error error) {
    auto const& row = errc_row(error.code);
    if (call.caller) {
        call.record.error_type = row.code;
        call.finish_record(row.status, Outcome::refused);
        call.services.ledger.record_refused(call.record);
        call.count(call.record);
    } else {
        call.worker.metrics.unauthenticated.add();
    }
    if (error.code == Errc::internal || error.code == Errc::unavailable)
        log::error("request refused by our own trouble",
                   {{"request_id", std::string(call.request_id())}, {"message", error.message}, {"detail", error.detail}});
    co_await reply_error(call, error);
}

} // namespace tollgate::gateway
