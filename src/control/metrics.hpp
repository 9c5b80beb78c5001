#pragma once
// What /metrics shows. Rooms keep plain atomics; at a scrape each registered callback writes its figures here.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tollgate::control {

/// Collects one scrape. Names carry the prefix `tollgate_` and a base unit (`_seconds`, `_bytes`, `_total` on
/// counters). Labels must come from small closed sets (surface, outcome, provider name): never ids or caller text.
/// At most `series_max` label combinations of a name are kept; the rest only raise
/// `tollgate_metrics_dropped_series`, so that no caller can grow a scrape without bound.
class MetricsWriter {
public:
    using Labels = std::vector<std::pair<std::string_view, std::string_view>>;
    struct HistogramBucket {
        double upper_bound;       ///< inclusive, in the unit of the name
        std::uint64_t cumulative; ///< observations ≤ upper_bound
    };
    static constexpr std::size_t series_max = 500;

    MetricsWriter();
    ~MetricsWriter();
    MetricsWriter(MetricsWriter const&) = delete;
    MetricsWriter& operator=(MetricsWriter const&) = delete;

    void counter(std::string_view name, std::string_view help, Labels const& labels, double value);
    void gauge(std::string_view name, std::string_view help, Labels const& labels, double value);
    /// `buckets` ascending; the +Inf bucket is added from `count`.
    void histogram(std::string_view name, std::string_view help, Labels const& labels,
                   std::span<HistogramBucket const> buckets, double sum, std::uint64_t count);
    /// Prometheus text exposition format 0.0.4, families in order of name.
    std::string text() const;

private:
    struct Families;
    std::unique_ptr<Families> families_;
};

} // namespace tollgate::control
