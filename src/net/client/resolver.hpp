#pragma once
// Names to addresses, cached, without blocking the I/O thread.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "types/ip.hpp"

namespace tollgate::net {

namespace asio = boost::asio;

/// One per thread. Answers are kept for the time given (getaddrinfo does not tell the real one); after that they are
/// still used for 5 minutes while a new look-up runs, so that neither its latency nor an outage of DNS is felt.
class Resolver {
public:
    Resolver(asio::io_context& io, std::int64_t ttl_ms) : io_(io), ttl_ns_(ttl_ms * 1'000'000) {}

    struct Answer {
        std::vector<IpAddress> addresses; ///< in the order to try; empty = failed
        bool timed_out = false;
        std::string why; ///< when empty
    };
    /// IP literals answer at once. `deadline_ns` as coarse_ns().
    asio::awaitable<Answer> resolve(std::string const& host, std::int64_t deadline_ns);

private:
    struct Entry;
    static asio::awaitable<void> look_up(std::shared_ptr<Entry> entry, std::string host, std::int64_t ttl_ns);

    asio::io_context& io_;
    std::int64_t ttl_ns_;
    /// Shared with the look-up under way, which may outlive the wait for it. At most one entry per name configured.
    std::unordered_map<std::string, std::shared_ptr<Entry>> entries_;
};

} // namespace tollgate::net
