#pragma once
// All that the control API works on. app/ builds one and keeps it alive for as long as the Api.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"
#include "base/snapshot.hpp"
#include "control/metrics.hpp"
#include "types/ids.hpp"

namespace tollgate::config {
struct Config;
}
namespace tollgate::identity {
class DirectoryPublisher;
class KeyActivity;
class KeyHasher;
} // namespace tollgate::identity
namespace tollgate::ledger {
class Ledger;
}
namespace tollgate::metering {
class Tokenizer;
}
namespace tollgate::pricing {
class Book;
}
namespace tollgate::routing {
class Catalog;
}
namespace tollgate::store {
class Store;
}

namespace tollgate::control {

enum class Health : std::uint8_t { healthy, degraded, unhealthy, disabled };

struct HealthCheck {
    Health status = Health::disabled;
    /// Extra facts of the part ("latency_ms", "lag_bytes"), shown as text. Never secrets: the endpoint is open.
    std::vector<std::pair<std::string, std::string>> facts;
};

/// One row of /health/detailed. `check` is quick (well under 100 ms), thread-safe, and may throw: that is unhealthy.
struct HealthProbe {
    std::string name;    ///< "journal", "providers", …; parts without a probe are shown as disabled
    bool needed = true;  ///< unhealthy makes the whole unhealthy; else only degraded
    std::function<HealthCheck()> check;
};

struct FeedStatus {
    std::string status = "disabled"; ///< "disabled" "healthy" "stale" "failed"
    std::string url;
    std::optional<Timestamp> last_success_at;
    std::string last_error;
    std::int64_t models = 0;
};

struct Context {
    store::Store& store;
    ledger::Ledger& ledger;
    identity::DirectoryPublisher& directory;
    identity::KeyHasher const& hasher;
    identity::KeyActivity const& activity;
    Snapshot<routing::Catalog> const& catalog;
    pricing::Book const& book;
    metering::Tokenizer const& tokenizer;
    config::Config const& config;
    Clock const& clock;
    Secret admin_token; ///< empty = no bootstrap token: only service tokens are accepted

    SecretBox key_box;      ///< purpose "api-keys": the copies that reveal opens
    SecretBox provider_box; ///< purpose "provider-credentials": shared with whoever builds the catalog
    SecretBox answer_box;   ///< purpose "control-answers": kept answers of idempotent calls

    /// Builds the catalog anew from file and store and publishes it; called after each write to providers, models or
    /// prices. Errors are problems of what was just written (the write is then undone by the caller).
    std::function<Result<void>()> republish_catalog;
    /// "unknown" "healthy" "degraded" "down" for a provider's name; may be empty.
    std::function<std::string(std::string const& provider)> provider_health;
    std::function<FeedStatus()> feed_status; ///< may be empty
    /// False while starting or draining: /ready is then 503. May be empty.
    std::function<bool()> accepting;
    std::vector<HealthProbe> probes;
    std::vector<std::function<void(MetricsWriter&)>> metrics;
};

} // namespace tollgate::control
