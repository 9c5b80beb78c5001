#include "net/server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <sys/stat.h>
#include <vector>

#include "base/log.hpp"
#include "net/server/worker.hpp"
#include "net/timer.hpp"

namespace tollgate::net {
namespace {

constexpr std::chrono::seconds tls_check_period{2};
constexpr std::chrono::seconds force_patience{2};
constexpr std::size_t head_bytes_max = 60 * 1024; ///< a head must fit into one large block

Result<asio::ip::tcp::endpoint> parse_address(ServerOptions const& options) {
    std::string host = options.host == "localhost" ? "127.0.0.1" : options.host;
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    boost::system::error_code ec;
    auto const address = asio::ip::make_address(host, ec);
    if (ec)
        return fail(Errc::invalid_request,
                    fmt::format("'{}' is not an address to listen on: give an IP address such as 127.0.0.1, 0.0.0.0 or ::.",
                                options.host),
                    "host");
    return asio::ip::tcp::endpoint(address, options.port);
}

/// Another process (even another Tollgate) that listens with SO_REUSEPORT would silently share the port with us. Only
/// a bind without that option shows it.
Result<void> probe_port(asio::ip::tcp::endpoint const& at) {
    asio::io_context io;
    asio::ip::tcp::acceptor probe(io);
    boost::system::error_code ec;
    probe.open(at.protocol(), ec);
    if (!ec && at.address().is_v6()) probe.set_option(asio::ip::v6_only(false), ec);
    if (!ec) probe.set_option(asio::ip::tcp::acceptor::reuse_address(true), ec);
    if (!ec) probe.bind(at, ec);
    if (!ec) probe.listen(1, ec);
    if (ec == asio::error::address_in_use) {
        auto const text = at.address().to_string();
        return fail(Errc::unavailable,
                    fmt::format("Cannot listen on {}: the port is already in use. Stop the other program ('ss -ltnp' names "
                                "it) or choose another port.",
                                at.address().is_v6() ? fmt::format("[{}]:{}", text, at.port())
                                                     : fmt::format("{}:{}", text, at.port())),
                    {}, ec.message());
    }
    return {}; // anything else is explained by the real bind
}

/// Changes whenever the file's content is replaced; 0 when it cannot be read.
std::int64_t file_stamp(std::string const& path) noexcept {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return 0;
    return info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec + info.st_size + static_cast<std::int64_t>(info.st_ino);
}

} // namespace

class Server::Impl {
public:
    explicit Impl(ServerOptions options) : shared(std::move(options)) {}
    ~Impl() { stop(); }

    Result<void> start(HandlerFactory const& factory);
    Result<void> reload_tls();
    asio::awaitable<void> watch_tls();
    bool drain(std::chrono::milliseconds deadline);
    void stop() {
        for (auto& worker : workers) worker->stop();
    }

    ListenerShared shared;
    std::vector<std::unique_ptr<Worker>> workers;
    std::uint16_t port = 0;
    std::string host_text;
};

Result<void> Server::Impl::start(HandlerFactory const& factory) {
    auto& options = shared.options;
    options.threads = std::max(1, options.threads);
    options.head.head_bytes = std::min(options.head.head_bytes, head_bytes_max);
    auto at = parse_address(options);
    if (!at) return tl::unexpected(at.error());
    if (options.tls_cert.empty() != options.tls_key.empty())
        return fail(Errc::invalid_request, "TLS needs both a certificate and a key: set tls_cert and tls_key, or neither.",
                    options.tls_cert.empty() ? "tls_cert" : "tls_key");
    if (auto loaded = reload_tls(); !loaded) return loaded;
    if (at->port() != 0)
        if (auto probed = probe_port(*at); !probed) return probed;
    if (!options.client.trust) options.client.trust = make_trust(options.client.extra_ca_file);
    for (int i = 0; i < options.threads; ++i) {
        auto& worker = workers.emplace_back(std::make_unique<Worker>(shared, i));
        if (auto listening = worker->listen(*at); !listening) return listening;
        at->port(worker->port());
    }
    port = at->port();
    host_text = at->address().is_v6() ? "[" + at->address().to_string() + "]" : at->address().to_string();
    for (auto& worker : workers) worker->set_handler(factory(worker->thread_context()));
    if (!options.tls_cert.empty()) asio::co_spawn(workers.front()->io(), watch_tls(), asio::detached);
    for (auto& worker : workers) worker->run_thread();
    return {};
}

Result<void> Server::Impl::reload_tls() {
    auto const& options = shared.options;
    if (options.tls_cert.empty()) return {};
    auto context = make_server_tls(options.tls_cert, options.tls_key);
    if (!context) return tl::unexpected(context.error());
    auto next = std::make_shared<ServerTls>();
    next->context = std::move(*context);
    shared.tls.publish(std::move(next));
    return {};
}

asio::awaitable<void> Server::Impl::watch_tls() {
    auto const& options = shared.options;
    auto cert = file_stamp(options.tls_cert);
    auto key = file_stamp(options.tls_key);
    for (;;) {
        co_await sleep_for(tls_check_period);
        auto const cert_now = file_stamp(options.tls_cert);
        auto const key_now = file_stamp(options.tls_key);
        if (cert_now == cert && key_now == key) continue;
        // Certificate and key are two files: between the two writes they do not match, and the next look decides.
        auto const loaded = reload_tls();
        if (!loaded) {
            log::warn("TLS files changed but cannot be used yet; the old ones stay in force",
                      {log::Field{"why", loaded.error().message}});
            continue;
        }
        cert = cert_now;
        key = key_now;
        log::info("TLS certificate reloaded", {log::Field{"file", options.tls_cert}});
    }
}

bool Server::Impl::drain(std::chrono::milliseconds deadline) {
    shared.draining = true;
    for (auto& worker : workers) worker->post_drain();
    if (shared.wait_drained(deadline)) return true;
    for (auto& worker : workers) worker->post_force_close();
    shared.wait_drained(force_patience);
    return false;
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, HandlerFactory const& factory) {
    auto impl = std::make_unique<Impl>(std::move(options));
    if (auto started = impl->start(factory); !started) return tl::unexpected(started.error());
    return std::unique_ptr<Server>(new Server(std::move(impl))); // make_unique cannot reach the private constructor
}

std::uint16_t Server::port() const noexcept { return impl_->port; }
std::string Server::address() const { return fmt::format("{}:{}", impl_->host_text, impl_->port); }
ServerCounters const& Server::counters() const noexcept { return impl_->shared.counters; }
Result<void> Server::reload_tls() { return impl_->reload_tls(); }
bool Server::drain(std::chrono::milliseconds deadline) { return impl_->drain(deadline); }
void Server::stop() { impl_->stop(); }

} // namespace tollgate::net
