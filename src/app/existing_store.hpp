#pragma once
#include "base/error.hpp"
#include "config/config.hpp"

namespace tollgate::app {

/// For commands that work on a store but must not make one: not_found, with what to do, when the embedded store's file
/// is not in the data folder. A PostgreSQL store is looked at when it is opened.
Result<void> require_existing_store(config::Config const& config);

} // namespace tollgate::app
