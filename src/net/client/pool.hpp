#pragma once
// The connections of one thread, by endpoint, and how new ones are made.
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/client/connection.hpp"
#include "net/client/resolver.hpp"
#include "net/wire/blocks.hpp"
#include "net/wire/send_turns.hpp"
#include "net/wire/sweeper.hpp"

namespace tollgate::net {

/// Idle connections of one endpoint, oldest first.
struct Bucket {
    std::vector<std::unique_ptr<ClientConnection>> idle;
};

class PoolState final : private Timed {
public:
    PoolState(asio::io_context& io, ClientOptions options);
    ~PoolState();

    /// The newest idle connection that still looks alive, or null. `check` = look even at one used just now.
    std::unique_ptr<ClientConnection> take_idle(Bucket& bucket, bool check);
    /// Keeps the connection for another call, or closes it.
    void give_back(std::unique_ptr<ClientConnection> connection) noexcept;
    asio::awaitable<SendResult<std::unique_ptr<ClientConnection>>> connect(Endpoint const& endpoint, Bucket& bucket,
                                                                           std::int64_t deadline_ns);
    Bucket& bucket_of(Endpoint const& endpoint) { return buckets_[endpoint.pool_key]; }
    void shutdown() noexcept;
    bool closed() const noexcept { return closed_; }

    asio::io_context& io;
    ClientOptions const options;
    BlockPool blocks;
    Sweeper sweeper;
    SendTurns& turns; ///< of io
    ClientCounters counters;
    ClientConnection* first = nullptr; ///< all connections, idle or in use

private:
    void on_sweep(std::int64_t now_ns) noexcept override;
    asio::awaitable<SendResult<std::unique_ptr<ClientConnection>>> connect_to(IpAddress address, std::uint16_t port,
                                                                              Bucket& bucket, std::int64_t deadline_ns);
    /// CONNECT through the proxy. nullopt = the tunnel stands.
    asio::awaitable<std::optional<SendError>> open_tunnel(ClientConnection& connection, Endpoint const& endpoint,
                                                          std::int64_t deadline_ns);
    asio::awaitable<std::optional<SendError>> start_tls(ClientConnection& connection, Endpoint const& endpoint,
                                                        std::int64_t deadline_ns);

    Resolver resolver_;
    std::shared_ptr<TlsTrust> trust_;
    /// Grows with the endpoints configured; never shrinks, because connections in use point into it.
    std::unordered_map<std::string, Bucket> buckets_;
    bool sweeping_ = false;
    bool closed_ = false;
};

} // namespace tollgate::net
