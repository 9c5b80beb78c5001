#pragma once
#include <boost/json.hpp>
#include <string>

#include "control/api.hpp"

namespace tollgate::control::testing {

/// What an answer has that openapi.yaml does not say of it: fields that are not documented, required ones that are
/// missing, values of another type. Empty = as documented.
std::string undocumented(std::string const& method, std::string const& path, Response const& response);

} // namespace tollgate::control::testing
