#pragma once
// Errors of the control API: RFC 9457 problem JSON.
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "control/api.hpp"

namespace tollgate::control {

/// `{"type","title","status","detail","code","param"?,"request_id"}` with the status of the error's kind.
/// Error::detail never leaves the log.
Response problem(Error const& error, std::string_view request_id);

} // namespace tollgate::control
