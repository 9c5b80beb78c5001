// How many records a second a store applies with all indexes, rollups and books, and how long the dashboard's queries
// take on what is there. `store_bench URL|- [records] [batch] [accounts] [keys] [minutes]`; "-" = SQLite in a temporary folder.
// `store_bench URL keys` times loading 100,000 keys; `store_bench URL query` times the queries on existing data; drop the page cache before for cold figures.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <random>

#include "backends.hpp"
#include "postgres_server.hpp"

namespace tollgate::conformance {
namespace {

std::int64_t cpu_ns() {
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}
std::int64_t wall_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

struct Shape {
    std::int64_t records = 1'000'000;
    std::size_t batch = 5'000;
    std::int64_t accounts = 100, keys = 1'000;
    std::int64_t span_ms = 30 * day; ///< the records spread over this time
};

RequestRecord make(std::int64_t i, Shape const& s, std::mt19937_64& random) {
    static char const* const models[] = {"gpt-4o", "gpt-4o-mini", "claude-sonnet-4.5", "gemini-2.5-pro", "claude-haiku-4.5", "o4-mini"};
    static char const* const providers[] = {"openai", "anthropic", "openrouter"};
    RequestRecord r;
    r.time = Timestamp{t0.ms + i * s.span_ms / s.records};
    r.request_id = make_uuid7(r.time);
    auto const key = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(s.keys));
    auto const model = (static_cast<std::size_t>(key) + random() % 3) % 6; // each key uses three models
    r.key_id = KeyId{key + 1};
    r.account_id = AccountId{key % s.accounts + 1};
    r.key_name = "key " + std::to_string(key);
    r.method = "POST";
    r.path = "/v1/chat/completions";
    r.model = models[model];
    r.provider = providers[model % 3];
    r.provider_model = models[model];
    bool const failed = random() % 100 == 0;
    r.status = failed ? 502 : 200;
    r.outcome = failed ? Outcome::upstream_error : Outcome::success;
    r.error_type = failed ? "upstream_failed" : "";
    r.streamed = random() % 2;
    r.attempts = 1;
    r.latency_ms = 500 + static_cast<std::int64_t>(random() % 2000);
    r.first_byte_ms = 300;
    r.upstream_ms = 490;
    r.overhead_us = 40;
    r.usage[Bucket::input] = 1200;
    r.usage[Bucket::output] = 350;
    r.usage[Bucket::request] = 1;
    r.usage_source = UsageSource::provider;
    r.price_version = PriceVersionId{12};
    r.cost_price_version = PriceVersionId{12};
    r.lines = {{0, 1200, 2'500'000}, {6, 350, 10'000'000}};
    r.charge = failed ? Money{} : Money::from_nanos(6'500'000 + static_cast<std::int64_t>(random() % 1000));
    r.cost = failed ? Money{} : Money::from_nanos(5'000'000);
    r.held = Money::from_nanos(20'000'000);
    r.client_ip = "203.0.113." + std::to_string(key % 250);
    r.country = "CH";
    r.user_agent = "OpenAI/Python 2.8.1";
    r.request_bytes = 320;
    r.response_bytes = 650;
    return r;
}

void fill(store::Store& store, Shape const& s) {
    for (std::int64_t a = 1; a <= s.accounts; ++a) {
        auto const id = store.accounts().create({.name = "account " + std::to_string(a), .created_at = t0})->id;
        (void)store.ledger().post_credit({.account_id = id, .amount = Money::from_nanos(1'000'000'000'000'000), .now = t0});
    }
    std::mt19937_64 random(1);
    store::ApplyBatch batch;
    batch.node = "bench";
    std::int64_t cpu = 0, wall = 0, slowest = 0;
    for (std::int64_t done = 0; done < s.records;) {
        batch.records.clear();
        for (std::size_t i = 0; i < s.batch && done < s.records; ++i, ++done) batch.records.push_back(make(done, s, random));
        batch.to = {1, batch.from.offset + 1, batch.from.seq + batch.records.size()};
        batch.now = batch.records.back().time;
        auto const cpu0 = cpu_ns(), wall0 = wall_ns();
        auto const result = store.ledger().apply(batch);
        cpu += cpu_ns() - cpu0;
        auto const took = wall_ns() - wall0;
        wall += took;
        slowest = std::max(slowest, took);
        if (!result || !result->applied) std::abort();
        batch.from = batch.to;
    }
    auto const n = static_cast<double>(s.records);
    std::printf("applied %lld records in batches of %zu: %.0f per CPU second, %.0f per second, slowest batch %.1f ms\n",
                static_cast<long long>(s.records), s.batch, n / (static_cast<double>(cpu) / 1e9),
                n / (static_cast<double>(wall) / 1e9), static_cast<double>(slowest) / 1e6);
}

void time_queries(store::Store& store) {
    auto const last = store.records().last_position();
    Timestamp newest{};
    Uuid some;
    store.records().for_each(last - 2, [&](store::StoredRecord const& r) {
        newest = r.record.time;
        some = r.record.request_id;
        return true;
    });
    auto const report = [](char const* name, std::function<std::size_t()> const& query) {
        auto const start = wall_ns();
        auto const rows = query();
        std::printf("  %-46s %8.2f ms  (%zu rows)\n", name, static_cast<double>(wall_ns() - start) / 1e6, rows);
    };
    auto& r = store.records();
    auto const since = Timestamp{newest.ms - 30 * day + 7 * minute};
    store::UsageFilter const all{.start = since}, account{.account_id = AccountId{7}, .start = since},
        key{.key_id = KeyId{77}, .start = since}, ragged{.start = since, .end = Timestamp{newest.ms - 3 * hour - 7 * minute}};
    report("summary, all, 30 days", [&] { return static_cast<std::size_t>(r.summary(all).requests); });
    report("summary, all, ragged ends", [&] { return static_cast<std::size_t>(r.summary(ragged).requests); });
    report("timeseries by hour, all", [&] { return r.timeseries(all, store::TimeStep::hour, 0).size(); });
    report("breakdown by model, all", [&] { return r.breakdown(all, store::BreakdownBy::model, 20).size(); });
    report("breakdown by key, all", [&] { return r.breakdown(all, store::BreakdownBy::key, 20).size(); });
    report("breakdown by account, all", [&] { return r.breakdown(all, store::BreakdownBy::account, 20).size(); });
    report("summary, account", [&] { return static_cast<std::size_t>(r.summary(account).requests); });
    report("timeseries by hour, account", [&] { return r.timeseries(account, store::TimeStep::hour, 0).size(); });
    report("breakdown by model, account", [&] { return r.breakdown(account, store::BreakdownBy::model, 20).size(); });
    report("breakdown by key, account", [&] { return r.breakdown(account, store::BreakdownBy::key, 20).size(); });
    report("timeseries by day, key", [&] { return r.timeseries(key, store::TimeStep::day, 0).size(); });
    report("breakdown by model, key", [&] { return r.breakdown(key, store::BreakdownBy::model, 20).size(); });
    report("records, newest 100", [&] { return r.list({.limit = 100}, {}).rows.size(); });
    report("records of a key, newest 100", [&] { return r.list({.limit = 100}, {.key_id = KeyId{77}}).rows.size(); });
    report("records of a key, offset 5000", [&] { return r.list({.limit = 100, .offset = 5000}, {.key_id = KeyId{77}}).rows.size(); });
    report("records of account, model, failed", [&] {
        return r.list({.limit = 100}, {.account_id = AccountId{7}, .model = "gpt-4o", .status = 502}).rows.size();
    });
    report("records of a key, one old day", [&] {
        return r.list({.limit = 100}, {.key_id = KeyId{77}, .start = Timestamp{newest.ms - 20 * day}, .end = Timestamp{newest.ms - 19 * day}}).rows.size();
    });
    report("one record", [&] { return static_cast<std::size_t>(r.get(some).has_value()); });
    report("transactions of an account, 100", [&] { return store.ledger().transactions({.limit = 100}, {.account_id = AccountId{7}}).rows.size(); });
    report("transactions, offset 10000", [&] { return store.ledger().transactions({.limit = 100, .offset = 10'000}, {.account_id = AccountId{7}}).rows.size(); });
    report("balances", [&] { return store.ledger().balances().size(); });
    report("key spends", [&] { return store.ledger().key_spends(newest).size(); });
}

void load_keys(store::Store& store) {
    auto const owner = store.accounts().create({.name = "owner", .created_at = t0})->id;
    for (int i = 0; i < 100'000; ++i)
        (void)store.keys().create({.account_id = owner, .name = "key " + std::to_string(i), .hash = hash_of(i), .prefix = "tg_abcde",
                                   .models = {"gpt-*"}, .created_at = t0});
    std::size_t n = 0;
    auto const start = wall_ns(), cpu = cpu_ns();
    store.keys().for_each_key([&](store::KeyRow&&) { ++n; });
    std::printf("loaded %zu keys in %.0f ms (%.0f ms of CPU)\n", n, static_cast<double>(wall_ns() - start) / 1e6,
                static_cast<double>(cpu_ns() - cpu) / 1e6);
}

int run(int argc, char** argv) {
    auto const number = [&](int i, std::int64_t fallback) { return argc > i ? std::atoll(argv[i]) : fallback; };
    TempFolder const folder;
    std::string url = argc > 1 ? argv[1] : "-";
    if (url == "-") url = "sqlite:" + folder.path + "/bench.db";
    if (url == "postgres") url = PostgresServer::instance().fresh_schema();
    auto const store = store::open_store({.url = url});
    if (!store) return std::fprintf(stderr, "%s\n", store.error().message.c_str()), 1;
    if (argc > 2 && std::string_view(argv[2]) == "query") return time_queries(**store), 0;
    if (argc > 2 && std::string_view(argv[2]) == "keys") return load_keys(**store), 0;
    Shape s;
    s.records = number(2, s.records);
    s.batch = static_cast<std::size_t>(number(3, 5'000));
    s.accounts = number(4, s.accounts);
    s.keys = number(5, s.keys);
    s.span_ms = number(6, s.span_ms / minute) * minute;
    fill(**store, s);
    time_queries(**store);
    return 0;
}

} // namespace
} // namespace tollgate::conformance

int main(int argc, char** argv) {
    auto const result = tollgate::conformance::run(argc, argv);
    tollgate::conformance::PostgresServer::instance().stop();
    return result;
}
