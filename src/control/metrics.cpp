#include "control/metrics.hpp"

#include <limits>
#include <map>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace tollgate::control {

struct MetricsWriter::Families {
    std::map<std::string, prometheus::MetricFamily, std::less<>> by_name;
    std::uint64_t dropped = 0;

    /// A new series of `name`, or nullptr when it has its full number already.
    prometheus::ClientMetric* add(std::string_view name, std::string_view help, prometheus::MetricType type,
                                  Labels const& labels) {
        auto it = by_name.find(name);
        if (it == by_name.end()) {
            prometheus::MetricFamily family;
            family.name = name;
            family.help = help;
            family.type = type;
            it = by_name.emplace(std::string(name), std::move(family)).first;
        }
        auto& series = it->second.metric;
        if (series.size() >= series_max) {
            ++dropped;
            return nullptr;
        }
        auto& metric = series.emplace_back();
        for (auto const& [key, value] : labels)
            metric.label.push_back({std::string(key), std::string(value.substr(0, 100))});
        return &metric;
    }
};

MetricsWriter::MetricsWriter() : families_(std::make_unique<Families>()) {}
MetricsWriter::~MetricsWriter() = default;

void MetricsWriter::counter(std::string_view name, std::string_view help, Labels const& labels, double value) {
    if (auto* metric = families_->add(name, help, prometheus::MetricType::Counter, labels))
        metric->counter.value = value;
}

void MetricsWriter::gauge(std::string_view name, std::string_view help, Labels const& labels, double value) {
    if (auto* metric = families_->add(name, help, prometheus::MetricType::Gauge, labels))
        metric->gauge.value = value;
}

void MetricsWriter::histogram(std::string_view name, std::string_view help, Labels const& labels,
                              std::span<HistogramBucket const> buckets, double sum, std::uint64_t count) {
    auto* metric = families_->add(name, help, prometheus::MetricType::Histogram, labels);
    if (!metric) return;
    for (auto const& bucket : buckets) metric->histogram.bucket.push_back({bucket.cumulative, bucket.upper_bound});
    metric->histogram.bucket.push_back({count, std::numeric_limits<double>::infinity()});
    metric->histogram.sample_sum = sum;
    metric->histogram.sample_count = count;
}

std::string MetricsWriter::text() const {
    std::vector<prometheus::MetricFamily> families;
    families.reserve(families_->by_name.size() + 1);
    for (auto const& [name, family] : families_->by_name) families.push_back(family);
    prometheus::MetricFamily dropped;
    dropped.name = "tollgate_metrics_dropped_series";
    dropped.help = "Label combinations left out of this scrape because a metric had too many";
    dropped.type = prometheus::MetricType::Gauge;
    dropped.metric.emplace_back().gauge.value = static_cast<double>(families_->dropped);
    families.push_back(std::move(dropped));
    return prometheus::TextSerializer().Serialize(families);
}

} // namespace tollgate::control
