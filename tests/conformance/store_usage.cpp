#include <map>

#include "backends.hpp"

namespace tollgate::conformance {
namespace {

using store::BreakdownBy;

class Usage : public StoreTest {
protected:
    void fill() {
        a = account("a");
        b = account("b");
        k1 = key(a, 1).id;
        k2 = key(a, 2).id;
        k3 = key(b, 3).id;
        std::vector<RequestRecord> records;
        for (int i = 0; i < 400; ++i) { // 20 minutes apart: five and a half days
            auto const owner = i % 3;
            auto r = record(owner == 2 ? b : a, owner == 0 ? k1 : owner == 1 ? k2 : k3, "0.000001", i * 20 * minute);
            r.charge = Money::from_nanos(1000 + i);
            r.cost = Money::from_nanos(500 + i);
            r.model = i % 4 == 0 ? "gpt" : "claude";
            r.provider = i % 10 == 0 ? "azure" : "demo";
            r.route = i % 50 == 0 ? "convert" : "";
            r.latency_ms = i;
            if (i % 9 == 0) {
                r.status = 500;
                r.outcome = Outcome::upstream_error;
            }
            r.usage[Bucket::cache_read] = i;
            r.usage[Bucket::cache_write_1h] = 2 * i;
            r.usage[Bucket::reasoning] = i % 5;
            if (i % 2) r.first_byte_ms = 0;
            all.push_back(r);
            records.push_back(r);
            if (i % 64 == 63) apply(std::exchange(records, {}));
        }
        apply(records);
    }
    static bool match(RequestRecord const& r, store::UsageFilter const& f) {
        return (!f.account_id || r.account_id == f.account_id) && (!f.key_id || r.key_id == f.key_id) &&
               (!f.model || r.model == *f.model) && (!f.provider || r.provider == *f.provider) &&
               (!f.route || r.route == *f.route) && (!f.outcome || r.outcome == *f.outcome) &&
               (!f.start || r.time >= *f.start) && (!f.end || r.time < *f.end);
    }
    static void add(store::UsageTotals& t, RequestRecord const& r) {
        ++t.requests;
        t.errors += r.status >= 400;
        t.input += r.usage.input_total();
        t.output += r.usage.output_total();
        t.cache_read += r.usage[Bucket::cache_read];
        t.cache_write += r.usage[Bucket::cache_write_5m] + r.usage[Bucket::cache_write_1h];
        t.reasoning += r.usage[Bucket::reasoning];
        t.cost += r.cost;
        t.charge += r.charge;
        t.latency_ms_sum += r.latency_ms;
        t.latency_ms_max = std::max(t.latency_ms_max, r.latency_ms);
        t.first_byte_ms_sum += r.first_byte_ms;
        t.first_byte_count += r.first_byte_ms > 0;
    }
    static std::string text(store::UsageTotals const& t) {
        std::string out;
        for (auto const v : {t.requests, t.errors, t.input, t.output, t.cache_read, t.cache_write, t.reasoning, t.cost.nanos(),
                             t.charge.nanos(), t.latency_ms_sum, t.latency_ms_max, t.first_byte_ms_sum, t.first_byte_count})
            out += std::to_string(v) + " ";
        return out;
    }
    std::vector<store::UsageFilter> filters() {
        std::vector<store::UsageFilter> out;
        std::vector<std::pair<std::optional<Timestamp>, std::optional<Timestamp>>> const ranges{
            {{}, {}},
            {t0, Timestamp{t0.ms + 400 * 20 * minute}},
            {Timestamp{t0.ms + 90 * minute}, {}},
            {{}, Timestamp{t0.ms + 3 * day + 7 * minute}},
            {Timestamp{t0.ms + 65 * minute}, Timestamp{t0.ms + 75 * minute}},           // inside one hour
            {Timestamp{t0.ms + 30 * minute}, Timestamp{t0.ms + 100 * minute}},          // across one boundary or two
            {Timestamp{t0.ms + 5 * hour + 1}, Timestamp{t0.ms + 4 * day + 3 * hour + 1}}, // days inside, ragged ends
            {Timestamp{t0.ms + 50 * day}, {}},
            {Timestamp{t0.ms + 2 * hour}, Timestamp{t0.ms + hour}}};
        for (auto const& [start, end] : ranges)
            for (int i = 0; i < 9; ++i) {
                store::UsageFilter f;
                f.start = start;
                f.end = end;
                if (i == 1) f.account_id = a;
                if (i == 2) f.key_id = k2;
                if (i == 3) f.account_id = a, f.key_id = k3; // the key of another account
                if (i == 4) f.model = "gpt";
                if (i == 5) f.account_id = a, f.model = "gpt", f.provider = "demo";
                if (i == 6) f.outcome = Outcome::upstream_error;
                if (i == 7) f.route = "convert", f.account_id = b;
                if (i == 8) f.model = "never seen";
                out.push_back(f);
            }
        return out;
    }
    AccountId a, b;
    KeyId k1, k2, k3;
    std::vector<RequestRecord> all;
};
INSTANTIATE_TEST_SUITE_P(Backends, Usage, every_backend, backend_name);

TEST_P(Usage, SummariesAreExactOverAnyRange) {
    fill();
    int n = 0;
    for (auto const& f : filters()) {
        store::UsageTotals want;
        for (auto const& r : all)
            if (match(r, f)) add(want, r);
        ASSERT_EQ(text(store->records().summary(f)), text(want)) << "filter " << n;
        ++n;
    }
}

TEST_P(Usage, TimeseriesAddUpInEachStep) {
    fill();
    int n = 0;
    for (auto const& f : filters()) {
        for (auto const& [step, offset] : {std::pair{store::TimeStep::hour, 0}, {store::TimeStep::day, 0}, {store::TimeStep::day, 480},
                                           {store::TimeStep::day, -300}}) {
            std::map<std::int64_t, store::UsageTotals> want;
            auto const width = step == store::TimeStep::hour ? hour : day;
            for (auto const& r : all)
                if (match(r, f)) add(want[(r.time.ms + offset * minute) / width * width - offset * minute], r);
            auto const got = store->records().timeseries(f, step, offset);
            ASSERT_EQ(got.size(), want.size()) << "filter " << n;
            auto expected = want.begin();
            for (auto const& point : got) {
                ASSERT_EQ(point.start.ms, expected->first) << "filter " << n;
                ASSERT_EQ(text(point.totals), text(expected->second)) << "filter " << n;
                ++expected;
            }
        }
        ++n;
    }
}

TEST_P(Usage, BreakdownsAddUpInEachGroup) {
    fill();
    int n = 0;
    for (auto const& f : filters()) {
        for (auto const by : {BreakdownBy::model, BreakdownBy::provider, BreakdownBy::route, BreakdownBy::outcome, BreakdownBy::key,
                              BreakdownBy::account}) {
            std::map<std::string, store::UsageTotals> want;
            for (auto const& r : all)
                if (match(r, f))
                    add(want[by == BreakdownBy::model      ? r.model
                             : by == BreakdownBy::provider ? r.provider
                             : by == BreakdownBy::route    ? r.route
                             : by == BreakdownBy::outcome  ? std::string(outcome_name(r.outcome))
                             : by == BreakdownBy::key      ? std::to_string(r.key_id.value)
                                                           : std::to_string(r.account_id.value)],
                        r);
            auto const got = store->records().breakdown(f, by, 100);
            ASSERT_EQ(got.size(), want.size()) << "filter " << n << " by " << static_cast<int>(by);
            for (std::size_t i = 0; i < got.size(); ++i) {
                auto const name = got[i].id ? std::to_string(got[i].id) : got[i].name;
                ASSERT_EQ(text(got[i].totals), text(want[name])) << "filter " << n << " by " << static_cast<int>(by) << " " << name;
                if (i > 0) {
                    ASSERT_GE(got[i - 1].totals.charge, got[i].totals.charge) << "dearest first";
                }
            }
        }
        ++n;
    }
    EXPECT_EQ(store->records().breakdown({}, BreakdownBy::key, 2).size(), 2U);
}

TEST_P(Usage, AnEmptyStoreHasNothing) {
    EXPECT_EQ(store->records().summary({}).requests, 0);
    EXPECT_EQ(store->records().summary({.account_id = {}, .key_id = {}, .start = t0}).requests, 0);
    EXPECT_TRUE(store->records().timeseries({}, store::TimeStep::day, 0).empty());
    EXPECT_TRUE(store->records().breakdown({}, BreakdownBy::model, 10).empty());
    EXPECT_TRUE(store->records().list({}, {}).rows.empty());
    EXPECT_EQ(store->records().last_position(), 0);
}

} // namespace
} // namespace tollgate::conformance
