#include "app/doctor.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <filesystem>
#include <fmt/format.h>
#include <string>
#include <sys/statvfs.h>
#include <time.h>

#include "app/server_file.hpp"
#include "app/unused_settings.hpp"
#include "net/client.hpp"
#include "net/endpoint.hpp"
#include "pricing/book.hpp"
#include "providers/kind.hpp"
#include "store/store.hpp"

namespace tollgate::app {
namespace {

namespace asio = boost::asio;

struct Finding {
    enum class Level { ok, warning, problem } level;
    std::string check;
    std::string message;
};
using Findings = std::vector<Finding>;

std::string_view level_name(Finding::Level level) {
    switch (level) {
    case Finding::Level::ok: return "ok";
    case Finding::Level::warning: return "warning";
    case Finding::Level::problem: return "problem";
    }
    return "";
}

constexpr std::uint64_t low_disk_bytes = 1ull << 30;

void check_disk(config::Config const& config, Findings& out) {
    namespace fs = std::filesystem;
    std::error_code error;
    auto const parent = fs::exists(config.data, error) ? fs::path(config.data) : fs::absolute(config.data, error).parent_path();
    struct statvfs disk{};
    if (statvfs(parent.c_str(), &disk) != 0) {
        out.push_back({Finding::Level::problem, "disk", fmt::format("{} cannot be read; make it, or choose another with --data", parent.string())});
        return;
    }
    auto const free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
    auto const level = free < low_disk_bytes ? Finding::Level::warning : Finding::Level::ok;
    out.push_back({level, "disk", fmt::format("{} MiB free under {}{}", free >> 20, parent.string(),
                                              level == Finding::Level::warning ? "; the journal stops admitting requests when it cannot grow" : "")});
    if (fs::exists(config.data, error)) {
        auto const mode = fs::status(config.data, error).permissions();
        if ((mode & (fs::perms::group_all | fs::perms::others_all)) != fs::perms::none)
            out.push_back({Finding::Level::warning, "disk", fmt::format("{} is readable by others; chmod 700 {}", config.data, config.data)});
    }
}

void check_clock(Findings& out) {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    constexpr time_t built_after = 1'767'225'600; // 2026-01-01
    if (now.tv_sec < built_after)
        out.push_back({Finding::Level::problem, "clock", "the system clock is set to a time before this program was built; set it (timedatectl)"});
    else
        out.push_back({Finding::Level::ok, "clock", "plausible"});
}

void check_store(config::Config const& config, bool server_runs, Findings& out) {
    store::StoreConfig store;
    store.url = config.store.url;
    store.data_dir = config.data;
    store.read_only = true;
    std::error_code error;
    if (store.url == "sqlite:" && !std::filesystem::exists(std::filesystem::path(config.data) / "tollgate.db", error)) {
        out.push_back({Finding::Level::ok, "store", "not made yet; the first start makes it"});
        return;
    }
    auto opened = store::open_store(store);
    if (!opened) {
        out.push_back({Finding::Level::problem, "store", opened.error().message});
        return;
    }
    try {
        out.push_back({Finding::Level::ok, "store", fmt::format("{} at schema version {}{}", (*opened)->backend(), (*opened)->schema_version(),
                                                                server_runs ? ", in use by a running server" : "")});
    } catch (store::StoreUnavailable const& unavailable) {
        out.push_back({Finding::Level::problem, "store", unavailable.what()});
    }
}

asio::awaitable<void> probe(asio::io_context& io, net::Endpoint const& endpoint, net::ClientOptions options, std::string& problem) {
    net::ClientPool pool(io, options);
    auto const head = fmt::format("GET {}/models HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", endpoint.prefix, endpoint.host_header);
    std::string_view const pieces[] = {head};
    net::Deadlines deadlines;
    deadlines.total = std::chrono::seconds(10);
    auto const request = std::span<std::string_view const>(pieces, 1);
    auto const answer = co_await pool.send(endpoint, request, deadlines);
    if (!answer) problem = answer.error().detail; // any answer, a 401 too, shows that the provider can be reached
}

void check_providers(config::Config const& config, pricing::Book const& book, Findings& out) {
    if (config.providers.empty())
        out.push_back({Finding::Level::ok, "providers", "none in the file (those made by the API are shown by GET /api/providers)"});
    for (auto const& provider : config.providers) {
        auto const kind = providers::find_kind(provider.kind);
        if (!kind) {
            out.push_back({Finding::Level::problem, "provider " + provider.name, kind.error().message});
            continue;
        }
        auto const url = provider.base_url.empty() ? std::string((*kind)->default_base_url) : provider.base_url;
        auto endpoint = net::parse_endpoint(url);
        if (!endpoint) {
            out.push_back({Finding::Level::problem, "provider " + provider.name, endpoint.error().message});
            continue;
        }
        if (!config.upstream.proxy.empty()) static_cast<void>(net::set_proxy(*endpoint, config.upstream.proxy));
        asio::io_context io{1};
        net::ClientOptions options;
        options.extra_ca_file = config.upstream.ca_file;
        std::string problem;
        asio::co_spawn(io, probe(io, *endpoint, options, problem), asio::detached);
        io.run();
        if (problem.empty()) out.push_back({Finding::Level::ok, "provider " + provider.name, url + " answers"});
        else out.push_back({Finding::Level::problem, "provider " + provider.name, problem});
    }
    // A multiplier below one sells below the price book's cost.
    for (auto const& model : config.models)
        if (model.price.empty() && model.multiplier < Multiplier())
            out.push_back({Finding::Level::warning, "model " + model.name,
                           fmt::format("multiplier {} sells below the provider's price", format_multiplier(model.multiplier))});
    static_cast<void>(book);
}

} // namespace

int doctor_command(std::vector<config::Option> const& options, bool json) {
    Findings findings;
    auto config = config::load_config(options, config::process_environment());
    if (config) {
        findings.push_back({Finding::Level::ok, "configuration", config->file.empty() ? "defaults, options and environment; no file" : config->file});
    } else {
        findings.push_back({Finding::Level::problem, "configuration", config.error().message});
        // A credential that this shell does not have keeps nobody from looking at the rest.
        config = config::load_config_leniently(options, config::process_environment());
    }
    if (config) {
        for (auto const& name : unused_settings(*config)) findings.push_back({Finding::Level::warning, "configuration", unused_setting_text(name)});
        check_disk(*config, findings);
        check_clock(findings);
        check_store(*config, read_server_file(config->data).has_value(), findings);
        auto const book = pricing::Book::builtin();
        if (book) {
            findings.push_back({Finding::Level::ok, "prices", std::string((*book)->source())});
            check_providers(*config, **book, findings);
        } else {
            findings.push_back({Finding::Level::problem, "prices", book.error().message});
        }
    }
    bool problem = false;
    boost::json::array rows;
    for (auto const& finding : findings) {
        problem = problem || finding.level == Finding::Level::problem;
        if (json) rows.push_back({{"check", finding.check}, {"status", level_name(finding.level)}, {"message", finding.message}});
        else fmt::print("{:<8} {:<16} {}\n", level_name(finding.level), finding.check, finding.message);
    }
    if (json) fmt::print("{}\n", boost::json::serialize(boost::json::object{{"ok", !problem}, {"findings", rows}}));
    return problem ? 1 : 0;
}

} // namespace tollgate::app
