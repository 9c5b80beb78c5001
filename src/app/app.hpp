#pragma once
// Every object of the program, built by hand and in order. Members stand in that order: what stands below may use what
// stands above, and is destroyed before it.
#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "app/catalog_publisher.hpp"
#include "app/price_feed.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"
#include "config/config.hpp"
#include "control/api.hpp"
#include "control/context.hpp"
#include "control/http_adapter.hpp"
#include "gateway/replays.hpp"
#include "gateway/response_cache.hpp"
#include "gateway/services.hpp"
#include "identity/publisher.hpp"
#include "identity/secrets_on_disk.hpp"
#include "journal/disk.hpp"
#include "ledger/ledger.hpp"
#include "limits/limiter.hpp"
#include "metering/tokenizer.hpp"
#include "net/dispatch.hpp"
#include "net/server.hpp"
#include "providers/demo/demo.hpp"
#include "routing/target_states.hpp"
#include "store/store.hpp"

namespace tollgate::app {

class Housekeeping;

class App {
public:
    /// Opens the data folder and the store, recovers, and builds everything but the listeners: enough for the command
    /// line to work on a data folder. Errors say what to do.
    static Result<std::unique_ptr<App>> open(config::Config config);
    ~App();
    App(App const&) = delete;
    App& operator=(App const&) = delete;

    /// Starts the listeners that the role asks for, and the housekeeping. Errors: port in use, bad certificate.
    Result<void> start();
    /// SIGHUP: takes over what another version of the file declares, and the TLS files. Everything else needs a restart.
    Result<void> reload(config::Config const& config);
    /// SIGTERM: no new connections, open exchanges finish (up to drain_seconds), everything journaled and applied.
    void drain();

    config::Config const& config() const noexcept { return config_; }
    control::Api& api() noexcept { return *api_; }
    ledger::Ledger& ledger() noexcept { return *ledger_; }
    store::Store& store() noexcept { return *store_; }
    CatalogPublisher& catalog() noexcept { return *catalog_; }
    Secret const& admin_token() const noexcept { return context_->admin_token; }
    std::string gateway_address() const { return gateway_ ? gateway_->address() : std::string(); }
    std::string console_address() const { return console_ ? console_->address() : std::string(); }

private:
    explicit App(config::Config config);
    Result<void> open_store();
    Result<void> open_books();
    Result<void> build_identity();
    Result<void> build_catalog();
    void build_control();
    void build_gateway();
    Result<void> start_demo();
    net::ServerOptions listener(config::HostPort const& at) const;

    config::Config config_;
    SystemClock clock_;
    metering::Tokenizer tokenizer_;
    identity::DataSecrets secrets_;
    std::optional<SecretBox> key_box_, provider_box_, answer_box_, replay_box_;
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<store::NodeLock> node_;
    std::unique_ptr<journal::PosixDisk> disk_;
    std::unique_ptr<ledger::Ledger> ledger_;
    std::optional<identity::KeyHasher> hasher_;
    identity::DirectoryPublisher directory_;
    identity::KeyActivity activity_;
    limits::Limiter limiter_;
    std::shared_ptr<pricing::Book const> book_; // shared with catalogs
    routing::TargetStates states_;
    std::unique_ptr<PriceFeed> feed_;
    providers::demo::Handler demo_handler_;
    std::unique_ptr<net::Server> demo_;
    std::unique_ptr<CatalogPublisher> catalog_;
    std::unique_ptr<control::Context> context_;
    std::unique_ptr<control::Api> api_;
    control::AdapterOptions adapter_;
    std::unique_ptr<gateway::Metrics> metrics_;
    std::unique_ptr<gateway::Replays> replays_;
    std::unique_ptr<gateway::ResponseCache> cache_;
    std::unique_ptr<net::BlockingPool> blocking_; ///< the control API: waits for the store
    std::unique_ptr<net::BlockingPool> counting_; ///< token counts of large prompts: waits for nothing
    std::unique_ptr<gateway::Services> services_;
    std::unique_ptr<Housekeeping> housekeeping_;
    std::unique_ptr<net::Server> gateway_;
    std::unique_ptr<net::Server> console_;
    std::atomic<bool> accepting_{false};
};

} // namespace tollgate::app
