#include "app/verify_command.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>
#include <string>

#include "app/existing_store.hpp"
#include "base/digest.hpp"
#include "pricing/rate.hpp"
#include "pricing/units.hpp"
#include "store/catalog_store.hpp"
#include "store/store.hpp"

namespace tollgate::app {
namespace {

/// A reader that stays on one snapshot keeps the store from reclaiming what was written since: records are read in
/// runs of this many, each on its own snapshot.
constexpr std::int64_t records_per_snapshot = 20'000;

class Report {
public:
    Report(std::vector<store::Finding>& out, std::string row) : out_(out), row_(std::move(row)) {}
    void add(std::string check, std::string message) { out_.push_back({std::move(check), row_, std::move(message)}); }

private:
    std::vector<store::Finding>& out_;
    std::string row_;
};

void compare_amount(Report& report, std::string const& check, std::vector<PriceLine> const& lines, Multiplier multiplier, Money found) {
    auto const expected = pricing::recompute(lines, multiplier);
    if (!expected) report.add(check, expected.error().message);
    else if (*expected != found)
        report.add(check, fmt::format("expected {} USD, found {} USD", format_usd(*expected), format_usd(found)));
}

/// Tokens that the lines charge, by direction. Lines of one charge are disjoint, so they cannot be more than were used.
void compare_tokens(Report& report, std::string const& check, std::vector<PriceLine> const& lines, Usage const& usage) {
    __int128 input = 0, output = 0;
    for (auto const& line : lines) {
        if (line.unit >= pricing::unit_count) {
            report.add(check, fmt::format("price line with unknown unit {}", line.unit));
            continue;
        }
        auto const& unit = pricing::units[line.unit].dimensions;
        if (unit.family != "tokens") continue;
        (unit.direction == "input" ? input : output) += line.quantity;
    }
    auto const expect_at_most = [&](std::string_view what, __int128 lined, std::int64_t used) {
        if (lined > used)
            report.add(check, fmt::format("{} {} tokens are charged, {} were used", static_cast<std::int64_t>(lined), what, used));
    };
    expect_at_most("input", input, usage.input_total());
    expect_at_most("output", output, usage.output_total());
}

bool ends_without_charge(Outcome outcome) { return outcome == Outcome::refused || outcome == Outcome::upstream_error; }

void verify_records(store::Store& store, Verification& out, std::size_t limit) {
    store::Cursor position = 0;
    for (bool more = true; more;) {
        std::int64_t seen = 0;
        try {
            store.records().for_each(position, [&](store::StoredRecord const& stored) {
                position = stored.position;
                ++out.records;
                if (out.findings.size() < limit) verify_record(stored.record, out.findings);
                return ++seen < records_per_snapshot;
            });
            more = seen == records_per_snapshot;
        } catch (store::RecordDamaged const& damaged) {
            if (out.findings.size() < limit) out.findings.push_back({"records can be read", damaged.row(), damaged.what()});
            position = damaged.position();
        }
    }
}

/// A price version is what its hash says: what was charged by it can be looked up for ever.
void verify_prices(store::Store& store, Verification& out, std::size_t limit) {
    store::PageRequest page;
    page.limit = 500;
    std::size_t found = 0;
    for (;;) {
        auto const versions = store.catalog().price_versions(page, {}, true);
        for (auto const& version : versions.rows) {
            auto const hash = sha256(version.body);
            std::string_view const stored(reinterpret_cast<char const*>(version.hash.data()), version.hash.size());
            if (hash != stored && found++ < limit)
                out.findings.push_back({"prices equal their hash", format_id(version.id), "the price of " + version.scope + " was changed after it was made"});
        }
        if (versions.next == 0) return;
        page.cursor = versions.next;
    }
}

void print_text(Verification const& result, std::string const& backend) {
    for (auto const& f : result.findings) fmt::print("{}: {}: {}\n", f.check, f.row, f.message);
    fmt::print("{} records in the {} store verified, {} finding{}\n", result.records, backend, result.findings.size(),
               result.findings.size() == 1 ? "" : "s");
}

void print_json(Verification const& result, std::string const& backend) {
    boost::json::array rows;
    for (auto const& f : result.findings) rows.push_back({{"check", f.check}, {"row", f.row}, {"message", f.message}});
    boost::json::object const out{{"ok", result.findings.empty()}, {"store", backend}, {"records", result.records}, {"findings", rows}};
    fmt::print("{}\n", boost::json::serialize(out));
}

int could_not_look(std::string const& why, bool json) {
    fmt::print(stderr, "tollgate: {}\n", why);
    if (json) fmt::print("{}\n", boost::json::serialize(boost::json::object{{"ok", false}, {"error", why}}));
    return 2;
}

/// The longest that a request can take by the configured timeouts, with an hour for clocks that differ.
std::int64_t longest_request_ms(config::Config const& config) {
    constexpr std::int64_t hour_ms = 3'600'000;
    auto const& t = config.timeouts;
    return t.deadline_ms + t.total_ms + t.drain_max_ms + t.write_ms + hour_ms;
}

} // namespace

void verify_record(RequestRecord const& record, std::vector<store::Finding>& findings) {
    Report report(findings, record.request_id.text());
    compare_amount(report, "charge equals its lines", record.lines, record.multiplier, record.charge);
    // Without own lines the cost is that of the charge's lines; where nothing has a cost price it is 0.
    bool const no_cost_price = !record.cost_price_version && record.cost_lines.empty() && record.cost.is_zero();
    auto const& cost_lines = record.cost_lines.empty() ? record.lines : record.cost_lines;
    if (!no_cost_price) compare_amount(report, "cost equals its lines", cost_lines, Multiplier(), record.cost);
    compare_tokens(report, "charge within usage", record.lines, record.usage);
    compare_tokens(report, "cost within usage", record.cost_lines, record.usage);
    if (ends_without_charge(record.outcome) && !record.charge.is_zero())
        report.add("charge fits the outcome", fmt::format("expected 0 USD for {}, found {} USD", outcome_name(record.outcome), format_usd(record.charge)));
}

Verification verify_store(store::Store& store, Timestamp oldest_request, int limit) {
    Verification out;
    auto const run = [&](std::string const& name, auto&& check) {
        try {
            auto found = check();
            out.findings.insert(out.findings.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
        } catch (store::RecordDamaged const& damaged) {
            out.findings.push_back({name, damaged.row(), std::string("could not be compared: ") + damaged.what()});
        }
    };
    auto& books = store.verify();
    verify_records(store, out, static_cast<std::size_t>(limit));
    run("books", [&] { return books.check_ledger(limit); });
    run("balances chain", [&] { return books.check_chains(limit); });
    run("rollups equal records", [&] { return books.check_rollups(limit); });
    run("holds", [&] { return books.check_holds(oldest_request, limit); });
    verify_prices(store, out, static_cast<std::size_t>(limit));
    return out;
}

int verify_command(std::vector<config::Option> const& options, bool json) {
    auto const config = config::load_config_leniently(options, config::process_environment());
    if (!config) return could_not_look(config.error().message, json);
    store::StoreConfig where;
    where.url = config->store.url;
    where.data_dir = config->data;
    where.read_only = true;
    if (auto const there = require_existing_store(*config); !there) return could_not_look(there.error().message, json);
    auto store = store::open_store(where);
    if (!store) return could_not_look(store.error().message, json);
    try {
        auto const oldest = Timestamp{SystemClock().now().ms - longest_request_ms(*config)};
        auto const result = verify_store(**store, oldest);
        auto const backend = (*store)->backend();
        json ? print_json(result, backend) : print_text(result, backend);
        return result.findings.empty() ? 0 : 1;
    } catch (store::StoreUnavailable const& unavailable) {
        return could_not_look(unavailable.what(), json);
    }
}

} // namespace tollgate::app
