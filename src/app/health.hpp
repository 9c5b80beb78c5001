#pragma once
#include "base/snapshot.hpp"
#include "config/config.hpp"
#include "control/context.hpp"
#include "ledger/ledger.hpp"
#include "routing/catalog.hpp"
#include "routing/target_states.hpp"
#include "store/store.hpp"

namespace tollgate::app {

/// The parts of /health/detailed: database, journal, providers.
void add_health_probes(control::Context& context, store::Store& store, ledger::Ledger const& ledger,
                       Snapshot<routing::Catalog> const& catalog, routing::TargetStates const& states,
                       config::Config const& config, Clock const& clock);

} // namespace tollgate::app
