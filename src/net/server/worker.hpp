#pragma once
// One I/O thread of the listener and what its connections share. Everything but the atomics is touched on that
// thread only.
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/snapshot.hpp"
#include "net/server.hpp"
#include "net/wire/blocks.hpp"
#include "net/wire/send_turns.hpp"
#include "net/wire/sweeper.hpp"
#include "net/wire/tls.hpp"

namespace tollgate::net {

/// The certificate in force; empty context = the listener is not TLS.
struct ServerTls {
    TlsContext context;
};

/// What all threads of one listener share.
struct ListenerShared {
    explicit ListenerShared(ServerOptions o) : options(std::move(o)) {}
    ServerOptions options;
    ServerCounters counters;
    Snapshot<ServerTls> tls{std::make_shared<ServerTls const>()};

    void connection_ended() noexcept {
        counters.open.fetch_sub(1, std::memory_order_acq_rel);
        if (!draining.load(std::memory_order_acquire)) return;
        std::lock_guard lock(drain_mutex);
        drained.notify_all();
    }
    /// Waits until no connection is open. False: `limit` passed first.
    bool wait_drained(std::chrono::milliseconds limit) {
        std::unique_lock lock(drain_mutex);
        return drained.wait_for(lock, limit, [this] { return counters.open.load(std::memory_order_acquire) == 0; });
    }
    std::atomic<bool> draining{false};
    std::mutex drain_mutex;
    std::condition_variable drained;
};

class Worker {
public:
    using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;

    Worker(ListenerShared& shared, int index);
    ~Worker();
    Worker(Worker const&) = delete;
    Worker& operator=(Worker const&) = delete;

    /// Before the thread runs.
    Result<void> listen(asio::ip::tcp::endpoint const& at);
    void set_handler(Handler handler) { handler_ = std::move(handler); }
    void run_thread();

    /// From any thread: asks this one to do it.
    void post_drain();
    void post_force_close();
    /// Ends the thread; destroys what is suspended.
    void stop();

    ThreadContext thread_context() noexcept;
    asio::io_context& io() noexcept { return *io_; }
    std::uint16_t port() const noexcept;

private:
    // Before what refers to it; stop() destroys it first all the same.
    std::unique_ptr<asio::io_context> io_;

public:
    ListenerShared& shared;
    BlockPool blocks;
    Sweeper sweeper;
    SendTurns& turns; ///< of io()
    bool draining = false;
    class ServerConnection* first_connection = nullptr; ///< intrusive list

    Handler const& handler() const noexcept { return handler_; }
    /// "Sat, 21 Nov 2026 05:06:07 GMT", rewritten at most once a second.
    std::string_view http_date() noexcept;

private:
    asio::awaitable<void> accept_loop();

    Handler handler_;
    int index_;
    Snapshot<ServerTls>::Reader tls_;
    std::unique_ptr<ClientPool> clients_;
    std::unique_ptr<Acceptor> acceptor_;
    std::int64_t date_second_ = -1;
    char date_[32]{};
    std::thread thread_;
};

} // namespace tollgate::net
