#pragma once
#include <vector>

#include "config/parse_config.hpp"

namespace tollgate::app {

/// `tollgate doctor`: configuration, disk, clock, store, journal, providers, prices. Exit code 1 when something must be fixed.
int doctor_command(std::vector<config::Option> const& options, bool json);

} // namespace tollgate::app
