#include "net/server/worker.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/log.hpp"
#include "net/server/connection.hpp"
#include "net/timer.hpp"

namespace tollgate::net {
namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
using Endpoint4or6 = asio::ip::tcp::endpoint;
using Reuse = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

IpAddress to_ip(asio::ip::address const& address) noexcept {
    return address.is_v4() ? IpAddress::from_v4(address.to_v4().to_bytes()) : IpAddress::from_v6(address.to_v6().to_bytes());
}

asio::awaitable<void> session(std::unique_ptr<ServerConnection> connection, TlsContext tls) {
    co_await connection->run(std::move(tls));
}

Fail bind_failure(Endpoint4or6 const& at, boost::system::error_code ec) {
    auto const where = at.address().is_v6() ? fmt::format("[{}]:{}", at.address().to_string(), at.port())
                                            : fmt::format("{}:{}", at.address().to_string(), at.port());
    std::string advice;
    if (ec == asio::error::address_in_use)
        advice = "the port is already in use. Stop the other program ('ss -ltnp' names it) or choose another port";
    else if (ec == asio::error::access_denied)
        advice = "this user may not listen there. Choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE";
    else if (ec.value() == EADDRNOTAVAIL)
        advice = "this machine has no such address. Use 127.0.0.1, 0.0.0.0 or an address that 'ip addr' shows";
    else
        advice = ec.message();
    return fail(Errc::unavailable, fmt::format("Cannot listen on {}: {}.", where, advice), {}, ec.message());
}

} // namespace

Worker::Worker(ListenerShared& shared_state, int index)
    : io_(std::make_unique<asio::io_context>(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO)), shared(shared_state), sweeper(*io_),
      turns(asio::use_service<SendTurns>(*io_)), index_(index), tls_(shared_state.tls), clients_(std::make_unique<ClientPool>(*io_, shared_state.options.client)) {}

Worker::~Worker() { stop(); }

Result<void> Worker::listen(Endpoint4or6 const& at) {
    acceptor_ = std::make_unique<Acceptor>(*io_);
    boost::system::error_code ec;
    acceptor_->open(at.protocol(), ec);
    if (!ec && at.address().is_v6()) acceptor_->set_option(asio::ip::v6_only(false), ec);
    if (!ec) acceptor_->set_option(Acceptor::reuse_address(true), ec);
    if (!ec) acceptor_->set_option(Reuse(true), ec);
    // Accepted sockets inherit it: one system call less for each.
    if (!ec) acceptor_->set_option(asio::ip::tcp::no_delay(true), ec);
    if (!ec) acceptor_->bind(at, ec);
    if (!ec) acceptor_->listen(shared.options.backlog, ec);
    if (ec) {
        acceptor_.reset();
        return bind_failure(at, ec);
    }
    return {};
}

std::uint16_t Worker::port() const noexcept {
    boost::system::error_code ec;
    auto const at = acceptor_->local_endpoint(ec);
    return ec ? std::uint16_t(0) : at.port();
}

ThreadContext Worker::thread_context() noexcept { return ThreadContext{*io_, *clients_, index_}; }

void Worker::run_thread() {
    asio::co_spawn(*io_, accept_loop(), asio::detached);
    thread_ = std::thread([this] {
        auto const name = fmt::format("{}-{}", shared.options.thread_name, index_);
        pthread_setname_np(pthread_self(), name.c_str());
        auto const guard = asio::make_work_guard(*io_);
        for (;;) {
            try {
                io_->run();
                return;
            } catch (std::exception const& e) { // a bug; one connection's must not take down the thread
                log::error("exception on an I/O thread", {log::Field{"what", e.what()}});
            }
        }
    });
}

asio::awaitable<void> Worker::accept_loop() {
    while (!draining && acceptor_ && acceptor_->is_open()) {
        Socket socket(*io_);
        Endpoint4or6 from;
        auto const [ec] = co_await acceptor_->async_accept(socket, from, as_result);
        if (ec == asio::error::operation_aborted || ec == asio::error::bad_descriptor) co_return;
        if (ec) {
            if (ec == asio::error::connection_aborted) continue;
            log::warn("accept failed; trying again in 100 ms", {log::Field{"why", ec.message()}}); // out of descriptors
            co_await sleep_for(std::chrono::milliseconds(100));
            continue;
        }
        auto& counters = shared.counters;
        counters.accepted.fetch_add(1, std::memory_order_relaxed);
        auto const open = counters.open.fetch_add(1, std::memory_order_acq_rel) + 1;
        auto const& tls = tls_.current().context;
        if (open > static_cast<std::int64_t>(shared.options.connections_max)) {
            counters.refused.fetch_add(1, std::memory_order_relaxed);
            constexpr std::string_view full = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n"
                                              "retry-after: 1\r\nconnection: close\r\n\r\n";
            if (!tls) ::send(socket.native_handle(), full.data(), full.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            boost::system::error_code ignored;
            socket.close(ignored);
            shared.connection_ended();
            continue;
        }
        auto connection = std::make_unique<ServerConnection>(*this, std::move(socket), to_ip(from.address()), from.port());
        asio::co_spawn(*io_, session(std::move(connection), tls), asio::detached);
    }
}

void Worker::post_drain() {
    asio::post(*io_, [this] {
        draining = true;
        boost::system::error_code ignored;
        if (acceptor_) acceptor_->close(ignored);
        for (auto* c = first_connection; c != nullptr; c = c->next) c->close_if_idle();
    });
}

void Worker::post_force_close() {
    asio::post(*io_, [this] {
        for (auto* c = first_connection; c != nullptr; c = c->next) c->force_close();
        clients_->shutdown();
    });
}

void Worker::stop() {
    if (!io_) return;
    io_->stop();
    if (thread_.joinable()) thread_.join();
    // Sockets and timers go before the io_context; then the frames of suspended coroutines with it, while everything
    // they refer to (handler, pools, lists) is still here.
    clients_->shutdown();
    sweeper.stop();
    acceptor_.reset();
    io_.reset();
    clients_.reset();
}

std::string_view Worker::http_date() noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != date_second_) {
        date_second_ = now.tv_sec;
        tm parts{};
        gmtime_r(&now.tv_sec, &parts);
        // The program never leaves the "C" locale, so the names are English.
        std::strftime(date_, sizeof date_, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    }
    return {date_, 29};
}

} // namespace tollgate::net
