#include "control/metrics.hpp"

#include <gtest/gtest.h>

namespace tollgate::control {
namespace {

TEST(MetricsWriter, WritesTheTextFormat) {
    MetricsWriter w;
    w.counter("tollgate_requests_total", "Requests", {{"surface", "openai_chat"}, {"outcome", "success"}}, 3);
    w.gauge("tollgate_open_holds", "Open \"holds\"", {}, 2);
    std::array<MetricsWriter::HistogramBucket, 2> const buckets{{{0.1, 4}, {1, 6}}};
    w.histogram("tollgate_latency_seconds", "Latency", {}, buckets, 2.5, 7);
    auto const text = w.text();
    for (auto const* line : {"# TYPE tollgate_requests_total counter\n",
                             "tollgate_requests_total{surface=\"openai_chat\",outcome=\"success\"} 3\n",
                             "tollgate_open_holds 2\n", "tollgate_latency_seconds_bucket{le=\"0.1\"} 4\n",
                             "tollgate_latency_seconds_bucket{le=\"+Inf\"} 7\n", "tollgate_latency_seconds_count 7\n",
                             "tollgate_metrics_dropped_series 0\n"})
        EXPECT_NE(text.find(line), std::string::npos) << line << "in\n" << text;
}
TEST(MetricsWriter, SeriesAreBounded) {
    MetricsWriter w;
    for (std::size_t i = 0; i < MetricsWriter::series_max + 7; ++i)
        w.counter("tollgate_x_total", "x", {{"who", std::to_string(i)}}, 1);
    auto const text = w.text();
    EXPECT_NE(text.find("tollgate_metrics_dropped_series 7\n"), std::string::npos);
    EXPECT_EQ(text.find("who=\"" + std::to_string(MetricsWriter::series_max) + "\""), std::string::npos);
}
TEST(MetricsWriter, EscapesLabelValues) {
    MetricsWriter w;
    w.gauge("tollgate_x", "x", {{"name", "a\"b\\c\nd"}}, 1);
    EXPECT_NE(w.text().find(R"(name="a\"b\\c\nd")"), std::string::npos) << w.text();
}
} // namespace
} // namespace tollgate::control
