#include "app/app.hpp"

#include <fmt/format.h>
#include <thread>

#include "app/gateway_metrics.hpp"
#include "app/health.hpp"
#include "app/housekeeping.hpp"
#include "base/log.hpp"
#include "gateway/serve.hpp"
#include "identity/load_directory.hpp"
#include "store/catalog_store.hpp"
#include "store/idempotency_store.hpp"

namespace tollgate::app {
namespace {

int io_threads(config::Config const& config) {
    if (config.threads > 0) return static_cast<int>(config.threads);
    return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

std::chrono::milliseconds ms(std::int64_t value) { return std::chrono::milliseconds(value); }

/// The token that an administrator presents: from the environment, else made at the first start and kept sealed.
Secret bootstrap_token(config::Config const& config, store::CatalogStore& settings, SecretBox const& box) {
    if (!config.bootstrap.admin_token.empty()) return config.bootstrap.admin_token;
    constexpr std::string_view setting = "admin_token.sealed";
    if (auto const kept = settings.setting(setting))
        if (auto const bytes = from_hex(*kept))
            if (auto opened = box.open(*bytes)) return Secret(std::move(*opened));
    std::array<std::uint8_t, 24> random{};
    fill_random(random);
    Secret token("tga_" + to_hex({reinterpret_cast<char const*>(random.data()), random.size()}));
    settings.put_setting(setting, to_hex(box.seal(token.reveal())));
    return token;
}

} // namespace

App::App(config::Config config)
    : config_(std::move(config)), demo_handler_(tokenizer_, clock_) {}

App::~App() {
    // Listeners first: their coroutines use everything else. What may still resume one of them ends before they do.
    if (counting_) counting_->join();
    if (blocking_) blocking_->join();
    if (ledger_) static_cast<void>(ledger_->journal().sync_now()); // wakes those who wait for durability
    if (gateway_) gateway_->stop();
    if (console_) console_->stop();
    if (housekeeping_) housekeeping_->stop();
    if (feed_) feed_->stop();
    if (demo_) demo_->stop();
    gateway_.reset(); // destroys suspended coroutines, whose holds settle themselves
    console_.reset();
    if (ledger_) ledger_->close();
}

Result<std::unique_ptr<App>> App::open(config::Config config) {
    std::unique_ptr<App> app(new App(std::move(config)));
    try {
        for (auto step : {&App::open_store, &App::open_books, &App::build_identity, &App::build_catalog})
            if (auto done = (app.get()->*step)(); !done) return Fail(done.error());
        app->build_control();
        app->build_gateway();
    } catch (store::StoreUnavailable const& unavailable) {
        return fail(Errc::unavailable, fmt::format("The store is not available: {}", unavailable.what()));
    }
    return app;
}

Result<void> App::open_store() {
    store::StoreConfig store;
    store.url = config_.store.url;
    store.data_dir = config_.data;
    store.readers = static_cast<int>(config_.store.readers);
    auto disk = journal::PosixDisk::open_directory(config_.data); // makes the folder, 0700, before anything else
    if (!disk) return Fail(disk.error());
    auto secrets = identity::load_data_secrets(config_.data, config_.bootstrap.master_key);
    if (!secrets) return Fail(secrets.error());
    secrets_ = std::move(*secrets);
    key_box_.emplace(secrets_.master_key, "api-keys");
    provider_box_.emplace(secrets_.master_key, "provider-credentials");
    answer_box_.emplace(secrets_.master_key, "control-answers");
    replay_box_.emplace(secrets_.master_key, "gateway-answers");
    auto opened = store::open_store(store);
    if (!opened) return Fail(opened.error());
    store_ = std::move(*opened);
    if (auto const pepper = identity::check_pepper(*store_, secrets_.pepper); !pepper) return Fail(pepper.error());
    auto node = store_->acquire_node("gateway");
    if (!node) return Fail(node.error());
    node_ = std::move(*node);
    return {};
}

Result<void> App::open_books() {
    auto disk = journal::PosixDisk::open_directory(config_.data + "/journal");
    if (!disk) return Fail(disk.error());
    disk_ = std::move(*disk);
    ledger::Options options;
    options.journal.segment_bytes = static_cast<std::size_t>(config_.journal.segment_bytes);
    options.journal.max_unapplied_bytes = static_cast<std::uint64_t>(config_.journal.max_unapplied_bytes);
    options.journal.sync_interval_ms = static_cast<int>(config_.journal.sync_ms);
    options.journal.durability = config_.gateway.durability == config::Durability::power ? journal::Durability::power
                                                                                         : journal::Durability::process;
    ledger::Stores const stores{store_->ledger(), store_->accounts(), store_->store_id()};
    auto ledger = ledger::Ledger::open(*disk_, clock_, stores, options);
    if (!ledger) return Fail(ledger.error());
    ledger_ = std::move(*ledger);
    auto const& found = ledger_->recovery();
    if (found.replayed_records > 0 || found.recovered_holds > 0)
        log::warn("recovered what the last process left open",
                  {{"replayed_records", std::to_string(found.replayed_records)},
                   {"recovered_requests", std::to_string(found.recovered_holds)},
                   {"recovered_charge", format_usd(found.recovered_charge)}});
    return {};
}

Result<void> App::build_identity() {
    hasher_.emplace(secrets_.pepper);
    identity::load_directory(*store_, directory_);
    return {};
}

Result<void> App::start_demo() {
    if (!config_.demo.enabled) return {};
    net::ServerOptions options;
    options.threads = 1;
    options.thread_name = "demo";
    auto server = net::Server::start(std::move(options), [this](net::ThreadContext) -> net::Handler {
        return [this](net::Exchange& exchange) { return demo_handler_.handle(exchange); };
    });
    if (!server) return Fail(server.error());
    demo_ = std::move(*server);
    return {};
}

Result<void> App::build_catalog() {
    auto book = pricing::Book::builtin();
    if (!book) return Fail(book.error());
    book_ = std::move(*book);
    if (auto const demo = start_demo(); !demo) return Fail(demo.error());
    feed_ = std::make_unique<PriceFeed>(config_.prices, config_.upstream, *store_, clock_, [this] {
        if (auto const published = catalog_->publish(); !published)
            log::error("new prices are not in force yet", {{"reason", published.error().message}});
    });
    CatalogPublisher::Parts parts{*store_, *provider_box_, book_, states_, clock_, feed_.get(),
                                  demo_ ? fmt::format("http://{}", demo_->address()) : std::string()};
    catalog_ = std::make_unique<CatalogPublisher>(std::move(parts), config_);
    return catalog_->declare(config_);
}

void App::build_control() {
    SecretBox const token_box(secrets_.master_key, "admin-token");
    auto token = bootstrap_token(config_, store_->catalog(), token_box);
    context_ = std::make_unique<control::Context>(control::Context{
        .store = *store_, .ledger = *ledger_, .directory = directory_, .hasher = *hasher_, .activity = activity_,
        .catalog = catalog_->catalog(), .book = *book_, .tokenizer = tokenizer_, .config = config_, .clock = clock_,
        .admin_token = std::move(token), .key_box = *key_box_, .provider_box = *provider_box_, .answer_box = *answer_box_});
    context_->republish_catalog = [this] { return catalog_->publish(); };
    context_->provider_health = [this](std::string const& provider) {
        return routing::provider_health(states_, provider, config_.routing, clock_.steady_ns());
    };
    context_->feed_status = [this] { return feed_->status(); };
    context_->accepting = [this] { return accepting_.load(); };
    adapter_.body_max = static_cast<std::size_t>(config_.console.max_body_bytes);
    adapter_.trusted_proxies = config_.trusted_proxies;
    metrics_ = std::make_unique<gateway::Metrics>(static_cast<std::size_t>(io_threads(config_)));
    add_health_probes(*context_, *store_, *ledger_, catalog_->catalog(), states_, config_, clock_);
    context_->metrics.push_back([this](control::MetricsWriter& out) { write_gateway_metrics(out, *metrics_); });
    context_->metrics.push_back([this](control::MetricsWriter& out) { write_ledger_metrics(out, *ledger_); });
    context_->metrics.push_back([this](control::MetricsWriter& out) {
        if (gateway_) write_listener_metrics(out, "gateway", gateway_->counters());
        if (console_) write_listener_metrics(out, "console", console_->counters());
    });
    api_ = std::make_unique<control::Api>(*context_);
}

void App::build_gateway() {
    replays_ = std::make_unique<gateway::Replays>(config_.idempotency, *replay_box_);
    replays_->load(store_->idempotency().replays(clock_.now()));
    cache_ = std::make_unique<gateway::ResponseCache>(config_.cache, *replay_box_);
    blocking_ = std::make_unique<net::BlockingPool>(static_cast<int>(config_.console.threads), 1024);
    counting_ = std::make_unique<net::BlockingPool>(std::max(1, io_threads(config_) / 2), 64);
    services_ = std::make_unique<gateway::Services>(gateway::Services{
        .config = config_, .clock = clock_, .directory = directory_.directory(), .catalog = catalog_->catalog(),
        .hasher = *hasher_, .activity = activity_, .limiter = limiter_, .ledger = *ledger_, .tokenizer = tokenizer_,
        .counting = *counting_, .replays = *replays_, .cache = *cache_, .metrics = *metrics_,
        .serves_elsewhere = [](std::string_view, std::string_view path) { return control::on_gateway_too(path); },
        .elsewhere = [this](net::Exchange& exchange) { return control::serve_control(exchange, *api_, *blocking_, adapter_); }});
    housekeeping_ = std::make_unique<Housekeeping>(*store_, *ledger_, activity_, *replays_, clock_, config_);
}

net::ServerOptions App::listener(config::HostPort const& at) const {
    net::ServerOptions options;
    options.host = at.host;
    options.port = at.port;
    options.connections_max = static_cast<std::size_t>(config_.gateway.max_connections);
    options.head.head_bytes = static_cast<std::size_t>(config_.gateway.max_head_bytes);
    options.header_timeout = ms(config_.timeouts.head_ms);
    options.idle_timeout = ms(config_.timeouts.keep_alive_ms);
    options.body_timeout = ms(config_.timeouts.body_ms);
    options.write_timeout = ms(config_.timeouts.write_ms);
    options.tls_cert = config_.tls.cert_file;
    options.tls_key = config_.tls.key_file;
    options.client.idle_per_endpoint = static_cast<std::size_t>(config_.upstream.max_idle_per_host);
    options.client.idle_timeout = ms(config_.upstream.idle_ms);
    options.client.extra_ca_file = config_.upstream.ca_file;
    return options;
}

Result<void> App::start() {
    if (config_.role != config::Role::console) {
        auto options = listener(config_.gateway.listen);
        options.threads = io_threads(config_);
        auto server = net::Server::start(std::move(options), [this](net::ThreadContext thread) {
            return gateway::make_handler(*services_, thread);
        });
        if (!server) return Fail(server.error());
        gateway_ = std::move(*server);
    }
    if (config_.role != config::Role::gateway) {
        auto options = listener(config_.console.listen);
        options.threads = 1;
        options.thread_name = "console";
        auto server = net::Server::start(std::move(options), [this](net::ThreadContext) {
            return control::make_control_handler(*api_, *blocking_, adapter_);
        });
        if (!server) return Fail(server.error());
        console_ = std::move(*server);
    }
    feed_->start();
    housekeeping_->start();
    accepting_.store(true);
    return {};
}

Result<void> App::reload(config::Config const& config) {
    if (gateway_)
        if (auto const reloaded = gateway_->reload_tls(); !reloaded) return Fail(reloaded.error());
    if (console_)
        if (auto const reloaded = console_->reload_tls(); !reloaded) return Fail(reloaded.error());
    return catalog_->declare(config);
}

void App::drain() {
    accepting_.store(false);
    auto const limit = std::chrono::seconds(config_.gateway.drain_seconds);
    if (gateway_ && !gateway_->drain(limit)) log::warn("some requests were cut off by the end of the drain");
    if (console_) console_->drain(std::chrono::seconds(2));
    housekeeping_->stop();
    // Jobs and durability waits resume coroutines: they end before the threads those run on.
    counting_->join();
    blocking_->join();
    static_cast<void>(ledger_->journal().sync_now());
    if (gateway_) gateway_->stop();
    if (console_) console_->stop();
    ledger_->close();
}

} // namespace tollgate::app
