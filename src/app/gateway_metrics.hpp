#pragma once
#include <string_view>

#include "control/metrics.hpp"
#include "gateway/metrics.hpp"
#include "ledger/ledger.hpp"
#include "net/server.hpp"

namespace tollgate::app {

void write_gateway_metrics(control::MetricsWriter& out, gateway::Metrics const& metrics);
void write_ledger_metrics(control::MetricsWriter& out, ledger::Ledger const& ledger);
void write_listener_metrics(control::MetricsWriter& out, std::string_view listener, net::ServerCounters const& counters);

} // namespace tollgate::app
