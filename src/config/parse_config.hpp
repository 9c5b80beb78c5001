#pragma once
// From command line, environment and tollgate.toml to Config: option > environment > file > default.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/config.hpp"

namespace tollgate::config {

struct Option {
    std::string name;  ///< without dashes: "gateway", "tls-cert"
    std::string value;
};

using Environment = std::function<std::optional<std::string>(std::string_view name)>;
Environment process_environment(); ///< getenv

struct Sources {
    std::vector<Option> options;
    Environment environment = [](std::string_view) { return std::nullopt; };
    std::string file_name;                ///< for messages
    std::optional<std::string> file_text; ///< none = no file
};

/// Pure. Collects every problem; the message has one line each: where (file:line, option or variable), the key, and
/// what to write instead. Unknown keys and options name their nearest neighbour; unknown TOLLGATE_* variables are
/// ignored. `${NAME}` in the file's strings reads the environment (unset or empty = error), `$${` is a literal `${`.
/// Errors: invalid_request.
Result<Config> parse_config(Sources const& sources);

/// Reads the file named by --config, else TOLLGATE_CONFIG, else ./tollgate.toml if there is one, and parses.
Result<Config> load_config(std::vector<Option> options, Environment const& environment);

/// `environment` for commands that call no provider, such as `verify`: what the file reads with `${NAME}` and is not set
/// becomes a placeholder. The configuration's own variables (TOLLGATE_*, PORT, those of the keys) stay as they are.
Environment with_placeholders(Environment environment);

/// As load_config, with placeholders for unset `${NAME}`s. Errors: also where data folder or store would be one.
Result<Config> load_config_leniently(std::vector<Option> options, Environment const& environment);

/// One line of `tollgate serve --help`.
struct OptionHelp {
    std::string name;          ///< "--gateway"
    std::string value;         ///< "HOST:PORT"
    std::string default_value; ///< as text; empty = none
    std::string doc;
};
/// The serve options, in the order of the documentation, `--config` included.
std::vector<OptionHelp> serve_options();

} // namespace tollgate::config
