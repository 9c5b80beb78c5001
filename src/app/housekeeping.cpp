#include "app/housekeeping.hpp"

#include <vector>

#include "base/log.hpp"
#include "store/idempotency_store.hpp"
#include "store/key_store.hpp"

namespace tollgate::app {
namespace {
constexpr auto short_period = std::chrono::seconds(5);
constexpr int long_every = 12; ///< short periods
} // namespace

Housekeeping::Housekeeping(store::Store& store, ledger::Ledger& ledger, identity::KeyActivity& activity,
                           gateway::Replays& replays, Clock const& clock, config::Config const& config)
    : store_(store), ledger_(ledger), activity_(activity), replays_(replays), clock_(clock), config_(config) {}

Housekeeping::~Housekeeping() { stop(); }

void Housekeeping::start() {
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "housekeeping");
        loop();
    });
}

void Housekeeping::stop() {
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Housekeeping::loop() {
    for (int round = 1;; ++round) {
        {
            std::unique_lock lock(mutex_);
            wake_.wait_for(lock, short_period, [this] { return stop_; });
            if (stop_) break;
        }
        try {
            every_few_seconds();
            if (round % long_every == 0) every_minute();
        } catch (store::StoreUnavailable const& unavailable) {
            log::warn("housekeeping waits for the store", {{"reason", unavailable.what()}});
        }
    }
    try {
        every_few_seconds(); // the last uses of this process
    } catch (store::StoreUnavailable const&) {
        // last_used_at stays a little old; nothing else depends on it
    }
}

void Housekeeping::every_few_seconds() {
    std::vector<store::KeyUse> uses;
    for (auto const& [id, at] : activity_.take_changes()) uses.push_back({id, at});
    if (!uses.empty()) store_.keys().touch_used(uses);
}

void Housekeeping::every_minute() {
    auto const now = clock_.now();
    ledger_.expire_grants();
    replays_.purge(now);
    while (store_.idempotency().purge(now) > 0) {
        std::lock_guard lock(mutex_);
        if (stop_) return;
    }
}

} // namespace tollgate::app
