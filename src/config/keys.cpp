#include "config/keys.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace tollgate::config {
namespace {

constexpr std::int64_t kib = 1 << 10, mib = 1 << 20, gib = 1ll << 30, tib = 1ll << 40;
constexpr std::int64_t hour_ms = 3'600'000, day_ms = 24 * hour_ms;
constexpr std::int64_t any = std::numeric_limits<std::int64_t>::max() / 1000;

constexpr std::string_view roles[] = {"all", "gateway", "console"};
constexpr std::string_view durabilities[] = {"process", "power"};
constexpr std::string_view levels[] = {"debug", "info", "warn", "error"};
constexpr std::string_view strategies[] = {"priority", "weighted", "cheapest", "fastest"};

/// Scoped enumerations over std::uint8_t may be read and written as such.
template <class E>
Field choice(E& value, std::span<std::string_view const> names) {
    static_assert(sizeof(E) == 1);
    return ChoiceField{reinterpret_cast<std::uint8_t*>(&value), names};
}

constexpr Key all_keys[] = {
    {"data", "", "folder for everything the embedded store writes, mode 0700",
     [](Config& c) -> Field { return TextField{&c.data}; }, "data", "DIR"},
    {"role", "", "which listeners this process runs: all, gateway or console",
     [](Config& c) { return choice(c.role, roles); }, "role", "ROLE"},
    {"threads", "", "I/O threads of the gateway; 0 = one per core",
     [](Config& c) -> Field { return IntField{&c.threads, 0, 1024}; }, "threads", "N"},
    {"redis", "", "redis://… for limits shared by several nodes; empty = local limits",
     [](Config& c) -> Field { return TextField{&c.redis}; }, "redis", "URL"},
    {"clickhouse", "", "http://… where records are mirrored for analytics at scale; empty = none",
     [](Config& c) -> Field { return TextField{&c.clickhouse}; }, "clickhouse", "URL"},
    {"tls_cert", "", "certificate chain (PEM) for both listeners, reloaded when the file changes; empty = plain HTTP",
     [](Config& c) -> Field { return TextField{&c.tls.cert_file}; }, "tls-cert", "FILE"},
    {"tls_key", "", "private key (PEM) of tls_cert", [](Config& c) -> Field { return TextField{&c.tls.key_file}; }, "tls-key",
     "FILE"},
    {"trusted_proxies", "", "address blocks whose X-Forwarded-For and country header count",
     [](Config& c) -> Field { return CidrsField{&c.trusted_proxies}; }, "trusted-proxies", "CIDR,…"},

    {"gateway.listen", "", "address of the data plane; gateway = \"HOST:PORT\" at the top of the file means the same",
     [](Config& c) -> Field { return AddressField{&c.gateway.listen}; }, "gateway", "HOST:PORT", "TOLLGATE_GATEWAY", false,
     "gateway"},
    {"gateway.durability", "", "\"process\": a killed process loses nothing; \"power\": nor does a power cut, at the price of an fsync",
     [](Config& c) { return choice(c.gateway.durability, durabilities); }},
    {"gateway.drain_seconds", "seconds", "how long open requests may take to finish after SIGTERM",
     [](Config& c) -> Field { return IntField{&c.gateway.drain_seconds, 0, 86'400}; }},
    {"gateway.max_body_bytes", "bytes", "largest request body; more is a 413",
     [](Config& c) -> Field { return IntField{&c.gateway.max_body_bytes, 1 * kib, 4 * gib}; }},
    {"gateway.max_head_bytes", "bytes", "longest request line and headers together; more is a 431",
     [](Config& c) -> Field { return IntField{&c.gateway.max_head_bytes, 1 * kib, 1 * mib}; }},
    {"gateway.buffer_bytes", "bytes", "answers up to this size are held until complete, so that headers can carry their cost",
     [](Config& c) -> Field { return IntField{&c.gateway.buffer_bytes, 0, 256 * mib}; }},
    {"gateway.max_connections", "", "open client connections; more are answered 503 and closed",
     [](Config& c) -> Field { return IntField{&c.gateway.max_connections, 1, 10'000'000}; }},
    {"gateway.default_max_tokens", "tokens", "answer tokens of a call that names no maximum, where the credit does not comfortably cover the model's own limit",
     [](Config& c) -> Field { return IntField{&c.gateway.default_max_tokens, 1, 10'000'000}; }},

    {"console.listen", "", "address of the control API and console; console = \"HOST:PORT\" at the top of the file means the same",
     [](Config& c) -> Field { return AddressField{&c.console.listen}; }, "console", "HOST:PORT", "TOLLGATE_CONSOLE", false,
     "console"},
    {"console.threads", "", "requests to the control API worked on at once",
     [](Config& c) -> Field { return IntField{&c.console.threads, 1, 256}; }},
    {"console.max_body_bytes", "bytes", "largest body of a control API request",
     [](Config& c) -> Field { return IntField{&c.console.max_body_bytes, 1 * kib, 1 * gib}; }},

    {"store.url", "", "sqlite: in the data folder, or postgres://user:password@host:port/database",
     [](Config& c) -> Field { return TextField{&c.store.url}; }, "store", "URL", "TOLLGATE_STORE,DATABASE_URL", false, "store"},
    {"store.readers", "", "read connections", [](Config& c) -> Field { return IntField{&c.store.readers, 1, 64}; }},
    {"store.retention_days", "days", "how long request records are kept; the ledger is kept for ever",
     [](Config& c) -> Field { return IntField{&c.store.retention_days, 1, 36'500}; }},

    {"journal.segment_bytes", "bytes", "size of one journal file",
     [](Config& c) -> Field { return IntField{&c.journal.segment_bytes, 1 * mib, 4 * gib}; }},
    {"journal.max_unapplied_bytes", "bytes", "journal that may wait for the store; beyond it new calls are 503",
     [](Config& c) -> Field { return IntField{&c.journal.max_unapplied_bytes, 1 * mib, 1 * tib}; }},
    {"journal.sync_ms", "milliseconds", "longest time between fsyncs with durability \"process\"",
     [](Config& c) -> Field { return IntField{&c.journal.sync_ms, 1, 60'000}; }},

    {"timeouts.connect_ms", "milliseconds", "to connect to an upstream, TLS included",
     [](Config& c) -> Field { return IntField{&c.timeouts.connect_ms, 1, hour_ms}; }},
    {"timeouts.first_byte_ms", "milliseconds", "from a request sent upstream to the head of its answer",
     [](Config& c) -> Field { return IntField{&c.timeouts.first_byte_ms, 1, day_ms}; }},
    {"timeouts.idle_ms", "milliseconds", "between two pieces of an upstream's answer",
     [](Config& c) -> Field { return IntField{&c.timeouts.idle_ms, 1, day_ms}; }},
    {"timeouts.total_ms", "milliseconds", "for one whole upstream exchange",
     [](Config& c) -> Field { return IntField{&c.timeouts.total_ms, 1, day_ms}; }},
    {"timeouts.deadline_ms", "milliseconds", "after a request's arrival, no retry is started any more",
     [](Config& c) -> Field { return IntField{&c.timeouts.deadline_ms, 0, day_ms}; }},
    {"timeouts.drain_max_ms", "milliseconds", "after a caller left, longest wait for the upstream's usage",
     [](Config& c) -> Field { return IntField{&c.timeouts.drain_max_ms, 0, day_ms}; }},
    {"timeouts.head_ms", "milliseconds", "for a caller to send its request line and headers",
     [](Config& c) -> Field { return IntField{&c.timeouts.head_ms, 1, hour_ms}; }},
    {"timeouts.body_ms", "milliseconds", "between two pieces of a caller's body",
     [](Config& c) -> Field { return IntField{&c.timeouts.body_ms, 1, hour_ms}; }},
    {"timeouts.keep_alive_ms", "milliseconds", "that an unused client connection stays open",
     [](Config& c) -> Field { return IntField{&c.timeouts.keep_alive_ms, 1, day_ms}; }},
    {"timeouts.write_ms", "milliseconds", "that a caller may take without reading",
     [](Config& c) -> Field { return IntField{&c.timeouts.write_ms, 1, day_ms}; }},

    {"routing.attempts_max", "", "upstream attempts for one request, over all its targets",
     [](Config& c) -> Field { return IntField{&c.routing.attempts_max, 1, 20}; }},
    {"routing.backoff_ms", "milliseconds", "base of the jittered, doubling pause before a retry",
     [](Config& c) -> Field { return IntField{&c.routing.backoff_ms, 0, 60'000}; }},
    {"routing.breaker_failures", "", "failures in a row that take a target out",
     [](Config& c) -> Field { return IntField{&c.routing.breaker_failures, 1, 1'000'000}; }},
    {"routing.breaker_error_percent", "percent", "share of failures within the window that takes a target out; 101 = never",
     [](Config& c) -> Field { return IntField{&c.routing.breaker_error_percent, 1, 101}; }},
    {"routing.breaker_min_requests", "", "attempts within the window before that share counts",
     [](Config& c) -> Field { return IntField{&c.routing.breaker_min_requests, 1, 1'000'000}; }},
    {"routing.breaker_window_ms", "milliseconds", "length of the window",
     [](Config& c) -> Field { return IntField{&c.routing.breaker_window_ms, 600, hour_ms}; }},
    {"routing.breaker_open_ms", "milliseconds", "first pause of a target that was taken out; doubles with each failed probe",
     [](Config& c) -> Field { return IntField{&c.routing.breaker_open_ms, 1, hour_ms}; }},
    {"routing.breaker_open_max_ms", "milliseconds", "longest such pause",
     [](Config& c) -> Field { return IntField{&c.routing.breaker_open_max_ms, 1, day_ms}; }},

    {"upstream.ca_file", "", "certificates (PEM) trusted for upstreams besides the system's",
     [](Config& c) -> Field { return TextField{&c.upstream.ca_file}; }},
    {"upstream.proxy", "", "http://host:port through which upstreams are reached; empty = directly",
     [](Config& c) -> Field { return TextField{&c.upstream.proxy}; }},
    {"upstream.max_idle_per_host", "", "unused connections kept per I/O thread and upstream",
     [](Config& c) -> Field { return IntField{&c.upstream.max_idle_per_host, 0, 100'000}; }},
    {"upstream.idle_ms", "milliseconds", "that an unused upstream connection is kept",
     [](Config& c) -> Field { return IntField{&c.upstream.idle_ms, 1, day_ms}; }},
    {"upstream.allow_private", "", "whether the API may set upstream addresses on private networks; this file always may",
     [](Config& c) -> Field { return BoolField{&c.upstream.allow_private}; }},

    {"limits.key.rpm", "requests per minute", "limit of keys that set none; 0 = none",
     [](Config& c) -> Field { return IntField{&c.limits.key.rpm, 0, any}; }},
    {"limits.key.tpm", "tokens per minute", "limit of keys that set none; 0 = none",
     [](Config& c) -> Field { return IntField{&c.limits.key.tpm, 0, any}; }},
    {"limits.key.concurrency", "requests in flight", "limit of keys that set none; 0 = none",
     [](Config& c) -> Field { return IntField{&c.limits.key.concurrency, 0, any}; }},

    {"keys.revealable", "", "also keep made keys encrypted, so that an audited call can show them again",
     [](Config& c) -> Field { return BoolField{&c.keys.revealable}; }},
    {"import.enabled", "", "whether keys of other systems can be imported by API",
     [](Config& c) -> Field { return BoolField{&c.import.enabled}; }, "", "",
     "TOLLGATE_IMPORT_ENABLED,EXTERNAL_TOKEN_IMPORT_ENABLED"},
    {"import.initial_credit", "USD", "promotional credit of an account that an import makes",
     [](Config& c) -> Field { return MoneyField{&c.import.initial_credit}; }},
    {"credits.usd_per_credit", "USD", "worth of one credit, the unit balances are also shown in",
     [](Config& c) -> Field { return MoneyField{&c.credits.usd_per_credit}; }},
    {"credits.first_start_grant", "USD", "promotional credit of the account made at the first start",
     [](Config& c) -> Field { return MoneyField{&c.credits.first_start_grant}; }},

    {"prices.feed_url", "", "OpenRouter-shaped list of models with prices, read regularly; empty = the built-in price book only",
     [](Config& c) -> Field { return TextField{&c.prices.feed_url}; }},
    {"prices.feed_interval_s", "seconds", "between two readings of the feed",
     [](Config& c) -> Field { return IntField{&c.prices.feed_interval_s, 10, 30 * 86'400}; }},

    {"cache.max_bytes", "bytes", "memory of the response cache; 0 = off",
     [](Config& c) -> Field { return IntField{&c.cache.max_bytes, 0, 1 * tib}; }},
    {"cache.ttl_s", "seconds", "how long an answer is cached",
     [](Config& c) -> Field { return IntField{&c.cache.ttl_s, 1, 365 * 86'400}; }},
    {"cache.charge", "", "what a hit costs, as a fraction of the original charge",
     [](Config& c) -> Field { return MultiplierField{&c.cache.charge}; }},
    {"idempotency.ttl_s", "seconds", "how long an answer is repeated for its Idempotency-Key",
     [](Config& c) -> Field { return IntField{&c.idempotency.ttl_s, 1, 365 * 86'400}; }},
    {"idempotency.max_answer_bytes", "bytes", "largest answer kept for that",
     [](Config& c) -> Field { return IntField{&c.idempotency.max_answer_bytes, 0, 256 * mib}; }},
    {"demo.enabled", "", "offer the built-in provider \"demo\", which needs no outside account",
     [](Config& c) -> Field { return BoolField{&c.demo.enabled}; }},

    {"log.level", "", "least level written: debug, info, warn or error", [](Config& c) { return choice(c.log.level, levels); }},
    {"log.json", "", "one JSON object a line instead of readable text", [](Config& c) -> Field { return BoolField{&c.log.json}; }},

    {"bootstrap.master_key", "", "seals secrets at rest; at least 16 characters; else made in the data folder",
     [](Config& c) -> Field { return SecretField{&c.bootstrap.master_key}; }, "", "",
     "TOLLGATE_MASTER_KEY,TOKEN_ENCRYPTION_KEY", true},
    {"bootstrap.admin_password", "", "of the user admin; else made and printed at the first start",
     [](Config& c) -> Field { return SecretField{&c.bootstrap.admin_password}; }, "", "", "TOLLGATE_ADMIN_PASSWORD", true},
    {"bootstrap.admin_token", "", "service token with every permission; else made and printed at the first start",
     [](Config& c) -> Field { return SecretField{&c.bootstrap.admin_token}; }, "", "", "TOLLGATE_ADMIN_TOKEN", true},
    {"stripe.secret_key", "", "Stripe API key", [](Config& c) -> Field { return SecretField{&c.stripe.secret_key}; }, "", "",
     "STRIPE_SECRET_KEY", true},
    {"stripe.webhook_secret", "", "Stripe webhook signing secret",
     [](Config& c) -> Field { return SecretField{&c.stripe.webhook_secret}; }, "", "", "STRIPE_WEBHOOK_SECRET", true},
    {"stripe.api_base", "", "Stripe's address, without a version", [](Config& c) -> Field { return TextField{&c.stripe.api_base}; },
     "", "", "STRIPE_API_BASE", true},
    {"cloud.clerk_secret_key", "", "Clerk API key", [](Config& c) -> Field { return SecretField{&c.cloud.clerk_secret_key}; }, "",
     "", "CLERK_SECRET_KEY", true},
    {"cloud.cf_account_id", "", "Cloudflare account", [](Config& c) -> Field { return TextField{&c.cloud.cf_account_id}; }, "", "",
     "CF_ACCOUNT_ID", true},
    {"cloud.cf_api_token", "", "Cloudflare API token", [](Config& c) -> Field { return SecretField{&c.cloud.cf_api_token}; }, "",
     "", "CF_API_TOKEN", true},
    {"cloud.cf_kv_namespace_id", "", "Workers KV namespace",
     [](Config& c) -> Field { return TextField{&c.cloud.cf_kv_namespace_id}; }, "", "", "CF_KV_NAMESPACE_ID", true},
};

constexpr PartKey<ProviderConfig> all_provider_keys[] = {
    {"name", "how models refer to it", "\"openai\"", [](ProviderConfig& p) -> Field { return TextField{&p.name}; }, true},
    {"kind", "openai, openai_compatible, azure_openai, anthropic, gemini, vertex, bedrock, openrouter, http or demo", "\"openai\"",
     [](ProviderConfig& p) -> Field { return TextField{&p.kind}; }, true},
    {"base_url", "as the vendor's own SDK takes it; left out = the kind's own", "\"https://api.openai.com/v1\"",
     [](ProviderConfig& p) -> Field { return TextField{&p.base_url}; }},
    {"api_key", "the operator's credential", "\"${OPENAI_API_KEY}\"",
     [](ProviderConfig& p) -> Field { return SecretField{&p.api_key}; }},
    {"expose", "also offer the priced models of this provider whose names match: \"*\", exact, or \"prefix*\"", "[\"*\"]",
     [](ProviderConfig& p) -> Field { return ListField{&p.expose}; }},
    {"price_provider", "whose prices in the price book apply, when kind and base_url do not tell", "\"openai\"",
     [](ProviderConfig& p) -> Field { return TextField{&p.price_provider}; }},
    {"options", "per kind; \"header.<Name>\" adds a request header", "{ \"header.OpenAI-Project\" = \"proj_1\" }",
     [](ProviderConfig& p) -> Field { return PairsField{&p.options}; }},
    {"enabled", "", "true", [](ProviderConfig& p) -> Field { return BoolField{&p.enabled}; }},
};

constexpr PartKey<ModelConfig> all_model_keys[] = {
    {"name", "what callers ask for", "\"claude-sonnet-4.5\"", [](ModelConfig& m) -> Field { return TextField{&m.name}; }, true},
    {"targets", "where it is served; a lower priority is tried first, weight shares out within one priority",
     "[ { provider = \"openai\", model = \"gpt-4o\", priority = 1, weight = 1 } ]",
     [](ModelConfig& m) -> Field { return TargetsField{&m.targets}; }, true},
    {"price", "USD per million tokens, as strings (request, images, …: per unit); left out = the price book",
     "{ input = \"3\", output = \"15\", cache_read = \"0.30\" }", [](ModelConfig& m) -> Field { return PairsField{&m.price}; }},
    {"multiplier", "factor on every charge", "\"1.2\"", [](ModelConfig& m) -> Field { return MultiplierField{&m.multiplier}; }},
    {"strategy", "among targets of one priority: priority or weighted (by weight), cheapest, fastest", "\"priority\"",
     [](ModelConfig& m) { return choice(m.strategy, strategies); }},
    {"allow_fields", "request fields let through although they change what the provider charges", "[\"service_tier\"]",
     [](ModelConfig& m) -> Field { return ListField{&m.allow_fields}; }},
    {"cancel_on_disconnect", "when a caller leaves: cancel the upstream instead of waiting for its usage", "false",
     [](ModelConfig& m) -> Field { return BoolField{&m.cancel_on_disconnect}; }},
    {"limits.rpm", "requests per minute, over all callers; 0 = none", "0",
     [](ModelConfig& m) -> Field { return IntField{&m.limits.rpm, 0, any}; }},
    {"limits.tpm", "tokens per minute, over all callers; 0 = none", "0",
     [](ModelConfig& m) -> Field { return IntField{&m.limits.tpm, 0, any}; }},
    {"limits.concurrency", "requests in flight, over all callers; 0 = none", "0",
     [](ModelConfig& m) -> Field { return IntField{&m.limits.concurrency, 0, any}; }},
    {"enabled", "", "true", [](ModelConfig& m) -> Field { return BoolField{&m.enabled}; }},
};

constexpr PartKey<TargetConfig> all_target_keys[] = {
    {"provider", "name of a provider", "\"openai\"", [](TargetConfig& t) -> Field { return TextField{&t.provider}; }, true},
    {"model", "the provider's own id", "\"gpt-4o\"", [](TargetConfig& t) -> Field { return TextField{&t.model}; }, true},
    {"priority", "lower is tried first", "1", [](TargetConfig& t) -> Field { return IntField{&t.priority, 0, 1'000'000}; }},
    {"weight", "share within one priority; 0 = only when the others fail", "1",
     [](TargetConfig& t) -> Field { return IntField{&t.weight, 0, 1'000'000}; }},
};

constexpr PartKey<RouteConfig> all_route_keys[] = {
    {"name", "served at /api/<name>/…", "\"cloudconvert\"", [](RouteConfig& r) -> Field { return TextField{&r.name}; }, true},
    {"upstream", "where it goes", "\"https://api.cloudconvert.com/v2\"",
     [](RouteConfig& r) -> Field { return TextField{&r.upstream}; }, true},
    {"methods", "left out = all", "[\"GET\", \"POST\"]", [](RouteConfig& r) -> Field { return ListField{&r.methods}; }},
    {"set_headers", "added to every request", "{ Authorization = \"Bearer ${CLOUDCONVERT_KEY}\" }",
     [](RouteConfig& r) -> Field { return PairsField{&r.set_headers}; }},
    {"remove_headers", "taken out of every request", "[\"Cookie\"]",
     [](RouteConfig& r) -> Field { return ListField{&r.remove_headers}; }},
    {"price_per_request", "USD", "\"0.001\"", [](RouteConfig& r) -> Field { return MoneyField{&r.price_per_request}; }},
    {"timeout_ms", "milliseconds for one whole call", "60000",
     [](RouteConfig& r) -> Field { return IntField{&r.timeout_ms, 1, day_ms}; }},
    {"enabled", "", "true", [](RouteConfig& r) -> Field { return BoolField{&r.enabled}; }},
};

std::string upper(std::string_view name) {
    std::string out;
    for (char const c : name) out += c == '.' || c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    return out;
}

template <class T>
void append_part(std::string& out, std::string_view name, std::string_view what, std::span<PartKey<T> const> rows) {
    out += "\n# " + std::string(what) + "\n#[[" + std::string(name) + "]]\n";
    for (auto const& row : rows) {
        out += "#" + std::string(row.name) + " = " + std::string(row.sample);
        if (!row.doc.empty()) out += "  # " + std::string(row.doc);
        out += "\n";
    }
}

} // namespace

std::span<Key const> keys() { return all_keys; }
std::span<PartKey<ProviderConfig> const> provider_keys() { return all_provider_keys; }
std::span<PartKey<ModelConfig> const> model_keys() { return all_model_keys; }
std::span<PartKey<TargetConfig> const> target_keys() { return all_target_keys; }
std::span<PartKey<RouteConfig> const> route_keys() { return all_route_keys; }

std::vector<std::string> variables_of(Key const& key) {
    std::vector<std::string> out;
    for (auto rest = key.env; !rest.empty();) {
        auto const comma = rest.find(',');
        out.emplace_back(rest.substr(0, comma));
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
    auto const own = "TOLLGATE_" + upper(key.name);
    // TOLLGATE_ names go before the aliases of other systems.
    if (!key.env_only && std::find(out.begin(), out.end(), own) == out.end())
        out.insert(std::find_if(out.begin(), out.end(), [](auto const& v) { return !v.starts_with("TOLLGATE_"); }), own);
    return out;
}

std::string example_toml() {
    std::string out = "# Every key of tollgate.toml with its default. Lines that start with '#' and no space are settings: take\n"
                      "# the '#' away to change one. Command line and environment (TOLLGATE_<KEY>, dots as '_') go before the file.\n"
                      "# ${NAME} in a text reads an environment variable. Secrets that only the environment can set:\n";
    for (auto const& key : all_keys)
        if (key.env_only) out += "#   " + variables_of(key).front() + "  " + std::string(key.doc) + "\n";
    Config defaults;
    std::string section;
    out += "\n";
    for (auto const& key : all_keys) {
        if (key.env_only) continue;
        auto const dot = key.name.rfind('.');
        auto const in = dot == std::string_view::npos ? std::string_view() : key.name.substr(0, dot);
        if (in != section) {
            section = std::string(in);
            out += "\n#[" + section + "]\n";
        }
        out += "# " + std::string(key.doc) + (key.unit.empty() ? "" : " (" + std::string(key.unit) + ")") + "\n";
        out += "#" + std::string(key.name.substr(dot == std::string_view::npos ? 0 : dot + 1)) + " = " + show(key.field(defaults)) + "\n";
    }
    append_part(out, "provider", "One upstream.", provider_keys());
    append_part(out, "model", "One model under a public name.", model_keys());
    append_part(out, "route", "One path prefix of the generic gateway.", route_keys());
    return out;
}

} // namespace tollgate::config
