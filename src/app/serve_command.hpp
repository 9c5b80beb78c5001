#pragma once
#include <vector>

#include "config/parse_config.hpp"

namespace tollgate::app {

/// `tollgate serve`: runs until SIGTERM or SIGINT; SIGHUP reloads. Returns the exit code.
int serve_command(std::vector<config::Option> const& options);

} // namespace tollgate::app
