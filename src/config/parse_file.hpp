#pragma once
// tollgate.toml → Config. Used by parse_config.cpp.
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/parse_config.hpp"

namespace tollgate::config {

/// What went wrong so far, one line each.
using Problems = std::vector<std::string>;

/// Writes what the file sets into `config` and adds what is wrong to `problems`. Returns the names of the keys set.
std::set<std::string> parse_file(std::string_view text, std::string const& file_name, Environment const& environment,
                                 Config& config, Problems& problems);

/// Replaces `${NAME}`. Errors (invalid_request): the variable is not set or empty, or a `${` is not closed.
Result<std::string> expand_variables(std::string_view text, Environment const& environment);

} // namespace tollgate::config
