#pragma once
// The command line's way to the control API: through the server that runs on the data folder, else in this process.
#include <functional>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "config/config.hpp"
#include "control/api.hpp"

namespace tollgate::app {

/// One call: method, path, query, body → response. Errors: unavailable (the server did not answer).
using ControlCall = std::function<Result<control::Response>(control::Request const&)>;

/// Opens the way. In-process, the data folder and store are opened for as long as the returned function lives.
Result<ControlCall> connect_control(config::Config config);

} // namespace tollgate::app
