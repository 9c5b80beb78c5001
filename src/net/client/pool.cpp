#include "net/client/pool.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace tollgate::net {
namespace {

/// A connection used more recently than this is not checked for having been closed meanwhile: the check is a system
/// call, and a close in between is caught by the retry.
constexpr std::int64_t surely_alive_ns = 100'000'000;

SendError io_error(Phase phase, Io const& io, std::string what, Stream const& stream) {
    SendError error(phase, std::move(what));
    error.detail.append(": ").append(io.state == IoState::timed_out ? "timed out" : stream.detail());
    error.timed_out = io.state == IoState::timed_out;
    error.closed_by_peer = io.state == IoState::closed;
    return error;
}

Tcp::endpoint to_endpoint(IpAddress const& address, std::uint16_t port) {
    auto const& bytes = address.bytes();
    if (address.is_v4()) return {asio::ip::address_v4(asio::ip::address_v4::bytes_type({bytes[12], bytes[13], bytes[14], bytes[15]})), port};
    asio::ip::address_v6::bytes_type v6;
    std::copy(bytes.begin(), bytes.end(), v6.begin());
    return {asio::ip::address_v6(v6), port};
}

std::string host_and_port(std::string const& host, std::uint16_t port) {
    return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

} // namespace

PoolState::PoolState(asio::io_context& context, ClientOptions o)
    : io(context), options(std::move(o)), sweeper(context), turns(asio::use_service<SendTurns>(context)), resolver_(context, options.dns_ttl.count()),
      trust_(options.trust ? options.trust : make_trust(options.extra_ca_file)) {}

PoolState::~PoolState() { shutdown(); }

void PoolState::shutdown() noexcept {
    closed_ = true;
    for (auto& [key, bucket] : buckets_) bucket.idle.clear();
    counters.idle = 0;
    for (auto* c = first; c != nullptr; c = c->next) c->stream.close();
    sweeper.stop();
}

void PoolState::on_sweep(std::int64_t now_ns) noexcept {
    auto const oldest = now_ns - std::chrono::nanoseconds(options.idle_timeout).count();
    for (auto& [key, bucket] : buckets_) {
        auto& idle = bucket.idle;
        auto const end = std::find_if(idle.begin(), idle.end(), [&](auto const& c) { return c->idle_since_ns > oldest; });
        counters.idle -= static_cast<std::size_t>(end - idle.begin());
        idle.erase(idle.begin(), end);
    }
    if (counters.idle > 0) return;
    sweeper.remove(*this);
    sweeping_ = false;
}

std::unique_ptr<ClientConnection> PoolState::take_idle(Bucket& bucket, bool check) {
    auto const now = coarse_ns();
    while (!bucket.idle.empty()) {
        auto connection = std::move(bucket.idle.back());
        bucket.idle.pop_back();
        --counters.idle;
        bool const fresh = !check && now - connection->idle_since_ns < surely_alive_ns;
        if (fresh || connection->stream.quiet()) return connection;
    }
    return nullptr;
}

void PoolState::give_back(std::unique_ptr<ClientConnection> connection) noexcept {
    auto& idle = connection->bucket.idle;
    if (closed_ || !connection->reusable() || idle.size() >= options.idle_per_endpoint) return; // closes
    connection->rest();
    connection->served_before = true;
    connection->idle_since_ns = coarse_ns();
    idle.push_back(std::move(connection));
    ++counters.idle;
    if (sweeping_) return;
    sweeping_ = true;
    sweeper.add(*this);
}

asio::awaitable<SendResult<std::unique_ptr<ClientConnection>>> PoolState::connect(Endpoint const& endpoint, Bucket& bucket,
                                                                                 std::int64_t deadline_ns) {
    auto const& host = endpoint.proxy ? endpoint.proxy->host : endpoint.host;
    auto const port = endpoint.proxy ? endpoint.proxy->port : endpoint.port;
    auto answer = co_await resolver_.resolve(host, deadline_ns);
    if (endpoint.public_only && !endpoint.proxy && !answer.addresses.empty()) {
        std::erase_if(answer.addresses, [](IpAddress const& a) { return a.is_private(); });
        if (answer.addresses.empty()) answer.why = "the address of " + host + " is not public, which is not allowed here";
    }
    if (answer.addresses.empty()) {
        SendError error(Phase::resolve, std::move(answer.why));
        error.timed_out = answer.timed_out;
        co_return tl::unexpected(std::move(error));
    }
    SendError last(Phase::connect, "no address");
    for (std::size_t i = 0; i < answer.addresses.size(); ++i) {
        // A black hole among several addresses must not use up the time of the others.
        auto limit = deadline_ns;
        auto const now = coarse_ns();
        if (limit != never_ns && i + 1 < answer.addresses.size())
            limit = now + (deadline_ns - now) / static_cast<std::int64_t>(answer.addresses.size() - i);
        auto connected = co_await connect_to(answer.addresses[i], port, bucket, limit);
        if (!connected) {
            last = std::move(connected.error());
            if (closed_ || coarse_ns() >= deadline_ns) break;
            continue;
        }
        auto connection = std::move(*connected);
        std::optional<SendError> error;
        if (endpoint.proxy) error = co_await open_tunnel(*connection, endpoint, deadline_ns);
        if (!error && endpoint.tls) error = co_await start_tls(*connection, endpoint, deadline_ns);
        if (error) co_return tl::unexpected(std::move(*error));
        ++counters.connects;
        co_return connection;
    }
    co_return tl::unexpected(std::move(last));
}

asio::awaitable<SendResult<std::unique_ptr<ClientConnection>>>
PoolState::connect_to(IpAddress address, std::uint16_t port, Bucket& bucket, std::int64_t deadline_ns) {
    auto connection = std::make_unique<ClientConnection>(*this, bucket);
    auto const done = co_await connection->stream.connect(to_endpoint(address, port), deadline_ns);
    if (!done.ok())
        co_return tl::unexpected(
            io_error(Phase::connect, done, "connect to " + host_and_port(address.text(), port), connection->stream));
    if (closed_) co_return tl::unexpected(SendError(Phase::connect, "shutting down"));
    co_return connection;
}

asio::awaitable<std::optional<SendError>> PoolState::open_tunnel(ClientConnection& connection, Endpoint const& endpoint,
                                                                 std::int64_t deadline_ns) {
    auto const target = host_and_port(endpoint.host, endpoint.port);
    std::string request = "CONNECT " + target + " HTTP/1.1\r\nhost: " + target + "\r\n";
    if (!endpoint.proxy->authorization.empty()) append_header(request, "proxy-authorization", endpoint.proxy->authorization);
    request += "\r\n";
    Deadlines none;
    none.first_byte = none.idle = std::chrono::milliseconds(0);
    connection.begin(none, deadline_ns);
    std::string_view const piece = request;
    auto error = co_await connection.send(std::span<std::string_view const>(&piece, 1));
    if (!error) error = co_await connection.read_head(true);
    if (!error && (connection.head().status < 200 || connection.head().status > 299))
        error.emplace(Phase::connect, "the proxy refused the tunnel to " + target + " with status " +
                                          std::to_string(connection.head().status));
    if (!error && connection.has_buffered()) error.emplace(Phase::connect, "the proxy sent bytes of its own into the tunnel");
    if (error) {
        error->phase = Phase::connect;
        error->request_sent = false; // the proxy had it, not the upstream
    }
    co_return error;
}

asio::awaitable<std::optional<SendError>> PoolState::start_tls(ClientConnection& connection, Endpoint const& endpoint,
                                                               std::int64_t deadline_ns) {
    auto context = trust_->client_context();
    if (!context) co_return SendError(Phase::tls, context.error().message);
    auto const done = co_await connection.stream.connect_tls(std::move(*context), endpoint.host, deadline_ns);
    if (done.ok()) co_return std::nullopt;
    co_return io_error(Phase::tls, done, "TLS to " + host_and_port(endpoint.host, endpoint.port), connection.stream);
}

} // namespace tollgate::net
