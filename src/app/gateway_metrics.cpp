#include "app/gateway_metrics.hpp"

#include <array>
#include <vector>

#include "types/record.hpp"
#include "types/surface.hpp"

namespace tollgate::app {
namespace {
constexpr std::array<std::string_view, 6> status_classes{"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
double as_double(std::uint64_t value) { return static_cast<double>(value); }
} // namespace

void write_gateway_metrics(control::MetricsWriter& out, gateway::Metrics const& metrics) {
    using gateway::ThreadMetrics;
    for (std::size_t s = 0; s < gateway::surface_count; ++s)
        for (std::size_t o = 0; o < gateway::outcome_count; ++o) {
            auto const n = metrics.sum([&](ThreadMetrics const& m) -> auto const& { return m.requests[s][o]; });
            if (n > 0)
                out.counter("tollgate_requests_total", "Requests that ended, by surface and outcome.",
                            {{"surface", surface_name(static_cast<Surface>(s))}, {"outcome", outcome_name(static_cast<Outcome>(o))}},
                            as_double(n));
        }
    for (std::size_t c = 1; c < status_classes.size(); ++c)
        out.counter("tollgate_responses_total", "Responses by status class.", {{"status", status_classes[c]}},
                    as_double(metrics.sum([&](ThreadMetrics const& m) -> auto const& { return m.statuses[c]; })));
    std::vector<control::MetricsWriter::HistogramBucket> buckets;
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < gateway::latency_bounds_us.size(); ++i) {
        cumulative += metrics.sum([&](ThreadMetrics const& m) -> auto const& { return m.latency[i]; });
        buckets.push_back({static_cast<double>(gateway::latency_bounds_us[i]) / 1e6, cumulative});
    }
    auto const total = cumulative + metrics.sum([](ThreadMetrics const& m) -> auto const& { return m.latency.back(); });
    out.histogram("tollgate_request_duration_seconds", "From the first byte of a request to its settlement.", {}, buckets,
                  as_double(metrics.sum([](ThreadMetrics const& m) -> auto const& { return m.latency_sum_us; })) / 1e6, total);
    auto const counter = [&](std::string_view name, std::string_view help, auto const& pick, double scale = 1) {
        out.counter(name, help, {}, as_double(metrics.sum(pick)) * scale);
    };
    counter("tollgate_overhead_seconds_total", "Time of requests before their first upstream attempt.",
            [](ThreadMetrics const& m) -> auto const& { return m.overhead_sum_us; }, 1e-6);
    counter("tollgate_input_tokens_total", "Input tokens, as charged.", [](ThreadMetrics const& m) -> auto const& { return m.input_tokens; });
    counter("tollgate_output_tokens_total", "Output tokens, as charged.", [](ThreadMetrics const& m) -> auto const& { return m.output_tokens; });
    counter("tollgate_charge_usd_total", "Charged to accounts.", [](ThreadMetrics const& m) -> auto const& { return m.charge_nanos; }, 1e-9);
    counter("tollgate_cost_usd_total", "Cost at the providers by the price book.", [](ThreadMetrics const& m) -> auto const& { return m.cost_nanos; }, 1e-9);
    counter("tollgate_upstream_attempts_total", "Attempts made upstream.", [](ThreadMetrics const& m) -> auto const& { return m.attempts; });
    counter("tollgate_upstream_retries_total", "Attempts after the first of a request.", [](ThreadMetrics const& m) -> auto const& { return m.retries; });
    counter("tollgate_upstream_failures_total", "Attempts that failed.", [](ThreadMetrics const& m) -> auto const& { return m.upstream_failures; });
    counter("tollgate_upstream_auth_failures_total", "Attempts that a provider refused for our credential.",
            [](ThreadMetrics const& m) -> auto const& { return m.upstream_auth_failures; });
    counter("tollgate_unauthenticated_total", "Requests refused without a known key.", [](ThreadMetrics const& m) -> auto const& { return m.unauthenticated; });
    counter("tollgate_streams_cut_total", "Streams cut for lack of credit.", [](ThreadMetrics const& m) -> auto const& { return m.cut_streams; });
    counter("tollgate_counted_usage_total", "Requests whose usage was counted here because the provider stated none.",
            [](ThreadMetrics const& m) -> auto const& { return m.counted_usage; });
    counter("tollgate_usage_anomalies_total", "Usage reports with impossible counts.", [](ThreadMetrics const& m) -> auto const& { return m.anomalies; });
    out.gauge("tollgate_requests_in_flight", "Requests being handled now.", {}, static_cast<double>(metrics.in_flight()));
}

void write_ledger_metrics(control::MetricsWriter& out, ledger::Ledger const& ledger) {
    auto const h = ledger.health();
    out.gauge("tollgate_open_holds", "Holds without a terminal record.", {}, static_cast<double>(h.open_holds));
    out.gauge("tollgate_journal_lag_bytes", "Journaled and not yet applied to the store.", {}, static_cast<double>(h.lag_bytes));
    out.gauge("tollgate_journal_lag_seconds", "Age of the oldest frame not applied.", {}, static_cast<double>(h.lag_ms) / 1e3);
    out.gauge("tollgate_journal_unsynced_seconds", "Age of the oldest frame not yet safe from a power cut.", {},
              static_cast<double>(h.journal.since_sync_ms) / 1e3);
    out.gauge("tollgate_journal_segments", "Journal files on disk.", {}, static_cast<double>(h.journal.segments));
    out.gauge("tollgate_journal_failed", "1 after a failed sync: no new requests are admitted.", {}, h.journal.failed ? 1 : 0);
    out.counter("tollgate_journal_frames_total", "Frames appended.", {}, as_double(h.journal.frames));
    out.counter("tollgate_journal_bytes_total", "Bytes appended.", {}, as_double(h.journal.bytes));
    out.counter("tollgate_journal_syncs_total", "Syncs to disk.", {}, as_double(h.journal.syncs));
    out.counter("tollgate_records_applied_total", "Records applied to the store.", {}, as_double(h.applied_records));
    out.counter("tollgate_batches_applied_total", "Batches applied to the store.", {}, as_double(h.applied_batches));
    out.counter("tollgate_refusals_dropped_total", "Refused requests not recorded because the journal was nearly full.", {},
                as_double(h.dropped_refusals));
    out.gauge("tollgate_store_available", "0 while the applier waits for the store.", {}, h.store_away ? 0 : 1);
}

void write_listener_metrics(control::MetricsWriter& out, std::string_view listener, net::ServerCounters const& c) {
    control::MetricsWriter::Labels const labels{{"listener", listener}};
    out.gauge("tollgate_connections_open", "Connections now.", labels, static_cast<double>(c.open.load()));
    out.counter("tollgate_connections_accepted_total", "Connections accepted.", labels, static_cast<double>(c.accepted.load()));
    out.counter("tollgate_connections_refused_total", "Connections over the limit.", labels, static_cast<double>(c.refused.load()));
}

} // namespace tollgate::app
