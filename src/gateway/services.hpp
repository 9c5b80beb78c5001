#pragma once
// What the data plane works with. app/ builds one of these; it outlives every request.
#include <atomic>
#include <functional>

#include "base/clock.hpp"
#include "base/snapshot.hpp"
#include "config/config.hpp"
#include "gateway/metrics.hpp"
#include "identity/api_key.hpp"
#include "identity/directory.hpp"
#include "identity/key_activity.hpp"
#include "ledger/ledger.hpp"
#include "limits/limiter.hpp"
#include "metering/tokenizer.hpp"
#include "net/dispatch.hpp"
#include "net/server.hpp"
#include "routing/catalog.hpp"

namespace tollgate::gateway {

class Replays;
class ResponseCache;

/// Shared by all I/O threads; every part is thread-safe.
struct Services {
    config::Config const& config;
    Clock const& clock;
    Snapshot<identity::Directory> const& directory;
    Snapshot<routing::Catalog> const& catalog;
    identity::KeyHasher const& hasher;
    identity::KeyActivity& activity;
    limits::Limiter& limiter;
    ledger::Ledger& ledger;
    metering::Tokenizer tokenizer;
    net::BlockingPool& counting; ///< counts large prompts off the I/O threads; waits for nothing but a processor
    Replays& replays;
    ResponseCache& cache;
    Metrics& metrics;
    /// Health, metrics and the by-key paths, which both listeners answer. False: not one of them.
    std::function<bool(std::string_view method, std::string_view path)> serves_elsewhere;
    net::Handler elsewhere;
};

/// One I/O thread's share: readers of the snapshots, upstream connections, counters.
struct Worker {
    Worker(Services& shared, net::ThreadContext thread)
        : services(shared), clients(thread.clients), metrics(shared.metrics.thread(static_cast<std::size_t>(thread.index))),
          directory(shared.directory), catalog(shared.catalog) {}
    Services& services;
    net::ClientPool& clients;
    ThreadMetrics& metrics;
    Snapshot<identity::Directory>::Reader directory;
    Snapshot<routing::Catalog>::Reader catalog;
};

} // namespace tollgate::gateway
