#include "app/cli.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <map>
#include <string>
#include <vector>

#include "app/doctor.hpp"
#include "app/key_command.hpp"
#include "app/serve_command.hpp"
#include "app/verify_command.hpp"
#include "app/version.hpp"
#include "base/log.hpp"
#include "base/nearest.hpp"
#include "config/parse_config.hpp"
#include "store/store.hpp"

namespace tollgate::app {
namespace {

/// The serve options, added to a sub-command: every one is also a key of tollgate.toml and an environment variable.
class ConfigOptions {
public:
    explicit ConfigOptions(CLI::App& command) {
        for (auto const& help : config::serve_options()) {
            auto const name = help.name.substr(2);
            auto& slot = values_[name];
            auto* option = command.add_option(help.name, slot, help.doc)->type_name(help.value);
            if (!help.default_value.empty()) option->description(help.doc + " [" + help.default_value + "]");
        }
    }
    std::vector<config::Option> given(CLI::App const& command) const {
        std::vector<config::Option> out;
        for (auto const& [name, value] : values_)
            if (command.count("--" + name) > 0) out.push_back({name, value});
        return out;
    }
    std::vector<std::string> names() const {
        std::vector<std::string> out;
        for (auto const& [name, value] : values_) out.push_back("--" + name);
        return out;
    }

private:
    std::map<std::string, std::string> values_;
};

int migrate_command(std::vector<config::Option> const& options) {
    auto const config = config::load_config_leniently(options, config::process_environment());
    if (!config) {
        fmt::print(stderr, "tollgate: {}\n", config.error().message);
        return 1;
    }
    store::StoreConfig store;
    store.url = config->store.url;
    store.data_dir = config->data;
    auto const opened = store::open_store(store);
    if (!opened) {
        fmt::print(stderr, "tollgate: {}\n", opened.error().message);
        return 1;
    }
    fmt::print("{} store at schema version {}\n", (*opened)->backend(), (*opened)->schema_version());
    return 0;
}

} // namespace

int run_cli(int argc, char** argv) {
    CLI::App cli("Tollgate: a toll gate for AI models and HTTP APIs.", "tollgate");
    cli.require_subcommand(1);
    cli.footer("Every option of serve is also a key of tollgate.toml and an environment variable TOLLGATE_….");
    log::init(log::Level::warn, false);

    auto* serve = cli.add_subcommand("serve", "Run the gateway and the control API");
    ConfigOptions serve_options(*serve);
    auto* migrate = cli.add_subcommand("migrate", "Bring the store's schema up to date and say its version");
    ConfigOptions migrate_options(*migrate);
    auto* doctor = cli.add_subcommand("doctor", "Check configuration, disk, clock, store and providers, and say what to fix");
    ConfigOptions doctor_options(*doctor);
    bool doctor_json = false;
    doctor->add_flag("--json", doctor_json, "Print JSON");
    auto* verify = cli.add_subcommand("verify", "Recompute every charge and check the books, also beside a running server; names each row that does not add up");
    ConfigOptions verify_options(*verify);
    bool verify_json = false;
    verify->add_flag("--json", verify_json, "Print JSON");
    auto* version = cli.add_subcommand("version", "Print the version");
    bool version_json = false;
    version->add_flag("--json", version_json, "Print JSON");
    auto* key = cli.add_subcommand("key", "Make, import, list and revoke API keys");
    ConfigOptions key_options(*key);
    KeyCommand key_command(*key);

    try {
        cli.parse(argc, argv);
    } catch (CLI::ExtrasError const& unknown) {
        fmt::print(stderr, "tollgate: {}\n", unknown.what());
        for (int i = 1; i < argc; ++i) {
            std::string_view const word = argv[i];
            auto const name = word.substr(0, word.find('='));
            if (!word.starts_with("--")) continue;
            std::string best;
            auto const names = serve_options.names();
            if (std::find(names.begin(), names.end(), name) != names.end()) continue;
            auto const near = nearest_name(name, names);
            if (!near.empty()) fmt::print(stderr, "  {} is not an option; did you mean {}?\n", name, near);
        }
        return 2;
    } catch (CLI::ParseError const& error) {
        return cli.exit(error) == 0 ? 0 : 2;
    }
    if (*serve) return serve_command(serve_options.given(*serve));
    if (*migrate) return migrate_command(migrate_options.given(*migrate));
    if (*doctor) return doctor_command(doctor_options.given(*doctor), doctor_json);
    if (*verify) return verify_command(verify_options.given(*verify), verify_json);
    if (*version) return version_command(version_json);
    return key_command.run(key_options.given(*key));
}

} // namespace tollgate::app
