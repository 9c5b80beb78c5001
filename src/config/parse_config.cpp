#include "config/parse_config.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/nearest.hpp"
#include "config/keys.hpp"
#include "config/parse_file.hpp"

namespace tollgate::config {
namespace {

constexpr std::string_view default_file = "tollgate.toml";
constexpr std::string_view config_option = "config";
constexpr std::string_view config_variable = "TOLLGATE_CONFIG";
constexpr std::string_view placeholder = "unset-variable-"; // fits where a credential or a header value does
constexpr std::size_t file_max = 16 << 20; // bytes

void apply_environment(Environment const& environment, std::set<std::string> const& in_file, Config& config, Problems& problems) {
    // Platforms that set PORT route to it from outside, so all interfaces are meant unless the file names an address.
    if (auto const port = environment("PORT"); port && !port->empty()) {
        auto const host = in_file.contains("gateway.listen") ? config.gateway.listen.host : std::string("0.0.0.0");
        auto const address = parse_host_port(HostPort{host, 0}.text().substr(0, HostPort{host, 0}.text().size() - 1) + *port);
        if (address)
            config.gateway.listen = *address;
        else
            problems.push_back("environment variable PORT: '" + *port + "' is not a port");
    }
    for (auto const& key : keys())
        for (auto const& name : variables_of(key)) {
            auto const value = environment(name);
            if (!value || value->empty()) continue; // set to nothing is how many tools say "not set"
            if (auto result = set_text(key.field(config), *value); !result)
                problems.push_back("environment variable " + name + ": " + result.error().message);
            break;
        }
}

void apply_options(std::vector<Option> const& options, Config& config, Problems& problems) {
    std::vector<std::string_view> names{config_option};
    for (auto const& key : keys())
        if (!key.option.empty()) names.push_back(key.option);
    for (auto const& option : options) {
        if (option.name == config_option) continue;
        auto const row = std::find_if(keys().begin(), keys().end(),
                                      [&](Key const& key) { return !key.option.empty() && key.option == option.name; });
        if (row == keys().end())
            problems.push_back("option --" + option.name + ": unknown; nearest is '--" + std::string(nearest_name(option.name, names)) + "'");
        else if (auto result = set_text(row->field(config), option.value); !result)
            problems.push_back("option --" + option.name + ": " + result.error().message);
    }
}

void check_together(Config const& config, Problems& problems) {
    if (config.tls.cert_file.empty() != config.tls.key_file.empty())
        problems.push_back(config.tls.cert_file.empty() ? "tls_cert: missing, though tls_key is set: TLS needs both"
                                                        : "tls_key: missing, though tls_cert is set: TLS needs both");
    if (config.role == Role::all && config.gateway.listen == config.console.listen && config.gateway.listen.port != 0)
        problems.push_back("console.listen: is the same address as gateway.listen (" + config.gateway.listen.text() +
                           "): give one of them another port");
    if (config.data.empty()) problems.push_back("data: must name a folder");
    if (config.credits.usd_per_credit.is_zero()) problems.push_back("credits.usd_per_credit: must be more than 0");
    if (config.routing.breaker_open_max_ms < config.routing.breaker_open_ms)
        problems.push_back("routing.breaker_open_max_ms: must be at least routing.breaker_open_ms");
}

} // namespace

Environment process_environment() {
    return [](std::string_view name) -> std::optional<std::string> {
        char const* value = std::getenv(std::string(name).c_str());
        return value ? std::optional<std::string>(value) : std::nullopt;
    };
}

Result<Config> parse_config(Sources const& sources) {
    Config config;
    Problems problems;
    std::set<std::string> in_file;
    if (sources.file_text) {
        config.file = sources.file_name;
        in_file = parse_file(*sources.file_text, sources.file_name, sources.environment, config, problems);
    }
    apply_environment(sources.environment, in_file, config, problems);
    apply_options(sources.options, config, problems);
    if (problems.empty()) check_together(config, problems);
    if (problems.empty()) return config;
    std::string message;
    for (auto const& problem : problems) message += (message.empty() ? "" : "\n") + problem;
    return fail(Errc::invalid_request, std::move(message));
}

Result<Config> load_config(std::vector<Option> options, Environment const& environment) {
    Sources sources;
    sources.environment = environment;
    std::string name;
    for (auto const& option : options)
        if (option.name == config_option) name = option.value;
    if (name.empty()) name = environment(config_variable).value_or("");
    bool const asked_for = !name.empty();
    sources.file_name = asked_for ? name : std::string(default_file);
    sources.options = std::move(options);

    std::ifstream file(sources.file_name, std::ios::binary);
    std::ostringstream text;
    if (file && (text << file.rdbuf()) && text.str().size() <= file_max)
        sources.file_text = text.str();
    else if (file && file.peek() != std::ifstream::traits_type::eof())
        return fail(Errc::invalid_request, sources.file_name + ": cannot be read as a configuration file");
    else if (file)
        sources.file_text = ""; // an empty file
    else if (asked_for)
        return fail(Errc::invalid_request, sources.file_name + ": no such configuration file, or it may not be read");
    return parse_config(sources);
}

Environment with_placeholders(Environment environment) {
    return [real = std::move(environment)](std::string_view name) -> std::optional<std::string> {
        if (auto value = real(name); value && !value->empty()) return value;
        if (name == "PORT" || name.starts_with("TOLLGATE_")) return std::nullopt;
        for (auto const& key : keys())
            for (auto const& own : variables_of(key))
                if (own == name) return std::nullopt;
        return std::string(placeholder) + std::string(name);
    };
}

Result<Config> load_config_leniently(std::vector<Option> options, Environment const& environment) {
    auto config = load_config(std::move(options), with_placeholders(environment));
    if (!config) return config;
    for (auto const* text : {&config->data, &config->store.url})
        if (auto const at = text->find(placeholder); at != std::string::npos)
            return fail(Errc::invalid_request, config->file + ": the place of the store names an environment variable that is not set: " +
                                                   text->substr(at + placeholder.size()));
    return config;
}

std::vector<OptionHelp> serve_options() {
    // The order people meet them in the documentation.
    static constexpr std::string_view order[] = {"data",  "gateway", "console", "store",    "redis",   "clickhouse",
                                                 "role",  "threads", "config",  "tls-cert", "tls-key", "trusted-proxies"};
    Config defaults;
    std::vector<OptionHelp> out;
    for (auto const name : order) {
        if (name == config_option) {
            out.push_back({"--config", "FILE", std::string(default_file), "configuration file, read when it is there"});
            continue;
        }
        for (auto const& key : keys())
            if (key.option == name) {
                auto value = show(key.field(defaults));
                if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
                if (value == "[]") value.clear();
                out.push_back({"--" + std::string(name), std::string(key.value), value, std::string(key.doc)});
            }
    }
    return out;
}

} // namespace tollgate::config
