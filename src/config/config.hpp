#pragma once
// The whole configuration as plain structs: default and unit stand in the declaration. Rooms take their own struct.
// keys.cpp names every field as a key of tollgate.toml; nothing else reads files or the environment.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.hpp"
#include "types/ip.hpp"
#include "types/key_limits.hpp"
#include "types/money.hpp"

namespace tollgate::config {

struct HostPort {
    std::string host;
    std::uint16_t port = 0; ///< 0 = any free port
    std::string text() const; ///< "127.0.0.1:8080", "[::1]:8080"
    friend bool operator==(HostPort const&, HostPort const&) = default;
};

enum class Role : std::uint8_t { all = 0, gateway, console };
enum class Durability : std::uint8_t { process = 0, power };
enum class LogLevel : std::uint8_t { debug = 0, info, warn, error };

struct GatewayConfig {
    HostPort listen{"127.0.0.1", 8080};
    std::int64_t max_body_bytes = 32ll << 20;   ///< larger request bodies are 413
    std::int64_t max_head_bytes = 32ll << 10;   ///< request line and headers; larger is 431
    std::int64_t buffer_bytes = 1ll << 20;      ///< answers up to this size are held back to carry cost headers
    std::int64_t max_connections = 20'000;      ///< per process; more are answered 503 and closed
    std::int64_t default_max_tokens = 4096;     ///< output limit of a call that names none, where the credit does not comfortably cover the model's own
    std::int64_t drain_seconds = 30;            ///< SIGTERM: time for open streams to finish
    Durability durability = Durability::process;
};

struct ConsoleConfig {
    HostPort listen{"127.0.0.1", 8081};
    std::int64_t threads = 4; ///< blocking workers for the control API
    std::int64_t max_body_bytes = 8ll << 20;
};

struct TlsConfig {
    std::string cert_file; ///< PEM chain; empty = plain HTTP
    std::string key_file;  ///< PEM
    bool enabled() const noexcept { return !cert_file.empty(); }
};

/// All in milliseconds.
struct TimeoutsConfig {
    std::int64_t connect_ms = 5'000;       ///< TCP and TLS to an upstream
    std::int64_t first_byte_ms = 120'000;  ///< request sent → response head
    std::int64_t idle_ms = 120'000;        ///< between two reads of a response body
    std::int64_t total_ms = 1'800'000;     ///< one whole upstream exchange
    std::int64_t deadline_ms = 60'000;     ///< retries start only within this time of the request's arrival
    std::int64_t drain_max_ms = 30'000;    ///< client gone: longest wait for the upstream's usage
    std::int64_t head_ms = 10'000;         ///< a caller must have sent its whole head
    std::int64_t body_ms = 60'000;         ///< between two reads of a request body
    std::int64_t keep_alive_ms = 75'000;   ///< idle client connections
    std::int64_t write_ms = 60'000;        ///< a caller that does not read
};

struct RoutingConfig {
    std::int64_t attempts_max = 3;            ///< upstream attempts per request, over all targets
    std::int64_t backoff_ms = 50;             ///< base of the jittered exponential backoff between attempts
    std::int64_t breaker_failures = 5;        ///< consecutive failures that open a target's breaker
    std::int64_t breaker_error_percent = 50;  ///< error rate within the window that opens it
    std::int64_t breaker_min_requests = 20;   ///< … counted from this many requests on
    std::int64_t breaker_window_ms = 30'000;
    std::int64_t breaker_open_ms = 10'000;    ///< first pause; doubles with each failed probe
    std::int64_t breaker_open_max_ms = 60'000;
};

struct UpstreamConfig {
    std::string ca_file;                 ///< extra trusted certificates, PEM; the system's are always trusted
    std::string proxy;                   ///< http://host:port for upstream connections; empty = direct
    std::int64_t max_idle_per_host = 64; ///< kept-alive connections per I/O thread and upstream
    std::int64_t idle_ms = 60'000;       ///< how long one is kept
    bool allow_private = false;          ///< the API may set upstream addresses on private networks
};

struct JournalConfig {
    std::int64_t segment_bytes = 64ll << 20;        ///< size of one preallocated file
    std::int64_t max_unapplied_bytes = 4ll << 30;   ///< journal ahead of the store; beyond it new calls are 503
    std::int64_t sync_ms = 100;                     ///< longest time between fsyncs with durability "process"
};

/// Defaults for keys that set no limits of their own; 0 = none.
struct LimitsConfig {
    RateLimits key;
};

struct StoreConfig {
    std::string url = "sqlite:";  ///< "sqlite:" = tollgate.db in the data folder, or postgres://…
    std::int64_t readers = 4;     ///< read connections
    std::int64_t retention_days = 400; ///< request records; the ledger is kept for ever
};

struct KeysConfig {
    bool revealable = false; ///< also keep an encrypted copy of made keys, which an audited call can show again
};

struct ImportConfig {
    bool enabled = true;
    Money initial_credit; ///< promotional grant of an account that an import makes
};

struct CreditsConfig {
    Money usd_per_credit = Money::from_nanos(10'000'000); ///< credits are a display unit
    Money first_start_grant = Money::from_nanos(1'000'000'000); ///< promotional credit of the first-start key's account
};

struct LogConfig {
    LogLevel level = LogLevel::info;
    bool json = false; ///< one JSON object a line, for collectors
};

struct PricesConfig {
    std::string feed_url;                  ///< OpenRouter-shaped /api/v1/models; empty = the built-in book only
    std::int64_t feed_interval_s = 3'600;
};

struct CacheConfig {
    std::int64_t max_bytes = 64ll << 20;       ///< response cache, memory
    std::int64_t ttl_s = 3'600;
    Multiplier charge = Multiplier::from_ppb(0); ///< fraction of the original charge that a hit costs
};

struct IdempotencyConfig {
    std::int64_t ttl_s = 86'400;             ///< how long an answer is repeated for its Idempotency-Key
    std::int64_t max_answer_bytes = 1ll << 20; ///< larger answers are not kept
};

struct DemoConfig {
    bool enabled = true; ///< the built-in provider `demo`
};

/// Environment only.
struct BootstrapConfig {
    Secret master_key;     ///< empty = the file in the data folder
    Secret admin_password; ///< empty = generated at the first start
    Secret admin_token;    ///< empty = generated at the first start
};

/// Environment only.
struct StripeConfig {
    Secret secret_key;
    Secret webhook_secret;
    std::string api_base = "https://api.stripe.com";
};

/// Environment only: names that people who move over have already set.
struct CloudConfig {
    Secret clerk_secret_key;
    std::string cf_account_id;
    Secret cf_api_token;
    std::string cf_kv_namespace_id;
};

using Pairs = std::vector<std::pair<std::string, std::string>>; ///< in file order

/// [[provider]]: one upstream. What the file declares is trusted and read-only elsewhere.
struct ProviderConfig {
    std::string name;
    std::string kind;
    std::string base_url;       ///< empty = the kind's own
    Secret api_key;
    std::string price_provider; ///< book provider for its prices, when kind and base URL do not tell
    std::vector<std::string> expose; ///< model patterns ("*", "gpt-*") offered under their own names
    Pairs options;              ///< per kind, such as api_version
    bool enabled = true;
    int line = 0;               ///< in the file, for messages
};

struct TargetConfig {
    std::string provider;
    std::string model;
    std::int64_t priority = 1; ///< lower is tried first
    std::int64_t weight = 1;   ///< share among targets of one priority; 0 = only when the others fail
    int line = 0;
};

enum class Strategy : std::uint8_t { priority = 0, weighted, cheapest, fastest };

/// [[model]]: one public name.
struct ModelConfig {
    std::string name;
    std::vector<TargetConfig> targets;
    Pairs price;                ///< USD per million as decimal text; empty = the price book
    Multiplier multiplier;
    Strategy strategy = Strategy::priority;
    std::vector<std::string> allow_fields; ///< request fields that change the provider's price, let through anyway
    bool cancel_on_disconnect = false; ///< client gone: cancel the upstream instead of draining it to its usage
    RateLimits limits;          ///< shared by all callers of the model
    bool enabled = true;
    int line = 0;
};

/// [[route]]: one path prefix of the generic gateway, served at /api/<name>/.
struct RouteConfig {
    std::string name;
    std::string upstream;
    std::vector<std::string> methods; ///< empty = all
    Pairs set_headers;                ///< values may be secrets: never shown or logged
    std::vector<std::string> remove_headers;
    Money price_per_request;
    std::int64_t timeout_ms = 60'000;
    bool enabled = true;
    int line = 0;
};

struct Config {
    std::string data = "./data"; ///< everything the embedded store writes, mode 0700
    Role role = Role::all;
    std::int64_t threads = 0;    ///< I/O threads of the gateway; 0 = one per core
    std::string redis;           ///< redis://…; empty = local limits
    std::string clickhouse;      ///< http://…; empty = none
    std::vector<Cidr> trusted_proxies; ///< X-Forwarded-For and the country header count only from these
    std::string file;            ///< the file that was read; empty = none

    GatewayConfig gateway;
    ConsoleConfig console;
    TlsConfig tls;
    TimeoutsConfig timeouts;
    RoutingConfig routing;
    UpstreamConfig upstream;
    JournalConfig journal;
    LimitsConfig limits;
    StoreConfig store;
    KeysConfig keys;
    ImportConfig import;
    CreditsConfig credits;
    LogConfig log;
    PricesConfig prices;
    CacheConfig cache;
    IdempotencyConfig idempotency;
    DemoConfig demo;
    BootstrapConfig bootstrap;
    StripeConfig stripe;
    CloudConfig cloud;

    std::vector<ProviderConfig> providers;
    std::vector<ModelConfig> models;
    std::vector<RouteConfig> routes;
};

} // namespace tollgate::config
