#include "app/health.hpp"

namespace tollgate::app {

void add_health_probes(control::Context& context, store::Store& store, ledger::Ledger const& ledger,
                       Snapshot<routing::Catalog> const& catalog, routing::TargetStates const& states,
                       config::Config const& config, Clock const& clock) {
    using control::Health;
    context.probes.push_back({"database", true, [&store, &clock] {
        control::HealthCheck check;
        auto const began = clock.steady_ns();
        store.ping(); // throws when the store is away: unhealthy
        check.status = Health::healthy;
        check.facts = {{"backend", store.backend()}, {"latency_ms", std::to_string((clock.steady_ns() - began) / 1'000'000)}};
        return check;
    }});
    context.probes.push_back({"journal", true, [&ledger] {
        auto const h = ledger.health();
        control::HealthCheck check;
        check.status = !h.ok ? Health::unhealthy : h.store_away || !h.reason.empty() ? Health::degraded : Health::healthy;
        check.facts = {{"lag_bytes", std::to_string(h.lag_bytes)}, {"lag_ms", std::to_string(h.lag_ms)},
                       {"open_holds", std::to_string(h.open_holds)}};
        if (!h.reason.empty()) check.facts.emplace_back("reason", h.reason);
        return check;
    }});
    context.probes.push_back({"providers", false, [&catalog, &states, &config, &clock] {
        control::HealthCheck check;
        check.status = Health::healthy;
        std::size_t enabled = 0, down = 0, degraded = 0;
        auto const current = catalog.get();
        for (auto const& provider : current->providers()) {
            if (!provider->enabled) continue;
            ++enabled;
            auto const health = routing::provider_health(states, provider->name, config.routing, clock.steady_ns());
            if (health == "down") ++down;
            else if (health == "degraded") ++degraded;
        }
        if (enabled == 0) check.status = Health::disabled;
        else if (down == enabled) check.status = Health::unhealthy;
        else if (down + degraded > 0) check.status = Health::degraded;
        check.facts = {{"enabled", std::to_string(enabled)}, {"degraded", std::to_string(degraded)}, {"down", std::to_string(down)},
                       {"problems", std::to_string(current->problems().size())}};
        return check;
    }});
}

} // namespace tollgate::app
