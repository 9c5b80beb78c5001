#pragma once
#include <string>
#include <vector>

#include "config/config.hpp"

namespace tollgate::app {

/// Names of what is configured and accepted, but has no effect in this version: nobody should rely on it unknowingly.
std::vector<std::string> unused_settings(config::Config const& config);

/// "redis is set, but this version does not use it"
std::string unused_setting_text(std::string const& name);

} // namespace tollgate::app
