#pragma once
// A whole control API over a store in memory, for tests: real store, ledger, directory and catalog, no sockets.
#include <boost/json.hpp>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "control/api.hpp"
#include "control/context.hpp"
#include "identity/api_key.hpp"
#include "identity/key_activity.hpp"
#include "identity/publisher.hpp"
#include "journal/sim_disk.hpp"
#include "ledger/ledger.hpp"
#include "metering/tokenizer.hpp"
#include "pricing/book.hpp"
#include "routing/catalog.hpp"
#include "routing/target_states.hpp"
#include "store/store.hpp"
#include "types/record.hpp"

namespace tollgate::control::testing {

inline constexpr auto admin_token = "test-admin-token-0123456789";

/// The parts, in the order in which they need each other.
class World {
public:
    explicit World(config::Config configuration = {});

    /// Builds the catalog from `config` and the store; what the program does after each change.
    Result<void> republish();
    /// Holds and settles one call of `key`, as the gateway does, and applies it to the store.
    RequestRecord paid_request(AccountId account, KeyId key, std::string const& model, Money charge);

    config::Config config;
    ManualClock clock;
    std::unique_ptr<store::Store> store;
    journal::SimDisk disk;
    std::unique_ptr<ledger::Ledger> ledger;
    identity::KeyHasher hasher;
    identity::KeyActivity activity;
    identity::DirectoryPublisher directory;
    std::shared_ptr<pricing::Book const> book;
    routing::TargetStates states;
    metering::Tokenizer tokenizer;
    Snapshot<routing::Catalog> catalog;
    Context context;
    Api api;
};

struct Answer {
    int status = 0;
    boost::json::value json; ///< null when the body is empty or no JSON
    Response response;
    std::string text(std::string_view field) const;
    std::string header(std::string_view name) const;
};

class ApiTest : public ::testing::Test {
protected:
    ApiTest() : ApiTest(config::Config()) {}
    explicit ApiTest(config::Config config) : world(std::make_unique<World>(std::move(config))) {}

    /// With the admin token, unless `headers` carry an authorization of their own.
    Answer call(std::string method, std::string const& target, std::string body = {}, std::vector<Header> headers = {});
    Answer get(std::string const& target) { return call("GET", target); }
    Answer post(std::string const& target, std::string body) { return call("POST", target, std::move(body)); }
    Answer patch(std::string const& target, std::string body) { return call("PATCH", target, std::move(body)); }
    /// Makes one with success required; the id of the resource.
    std::string make_account(std::string const& name = "Acme");
    std::string make_key(std::string const& account, std::string* text = nullptr);
    std::string make_token(std::string const& scopes_json);

    std::unique_ptr<World> world;
    std::string client_ip = "127.0.0.1";
};

} // namespace tollgate::control::testing
