#pragma once
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "config/config.hpp"
#include "gateway/replays.hpp"
#include "identity/key_activity.hpp"
#include "ledger/ledger.hpp"
#include "store/store.hpp"

namespace tollgate::app {

/// What has to be done now and then, on one thread of its own: last use of keys, expired grants, answers and records.
class Housekeeping {
public:
    Housekeeping(store::Store& store, ledger::Ledger& ledger, identity::KeyActivity& activity, gateway::Replays& replays,
                 Clock const& clock, config::Config const& config);
    ~Housekeeping();
    void start();
    void stop(); ///< idempotent

private:
    void loop();
    void every_few_seconds();
    void every_minute();
    store::Store& store_;
    ledger::Ledger& ledger_;
    identity::KeyActivity& activity_;
    gateway::Replays& replays_;
    Clock const& clock_;
    config::Config const& config_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stop_ = false;
    std::thread thread_;
};

} // namespace tollgate::app
