#pragma once
// Publishing a change of the catalog, or taking it back. Private to control/.
#include <functional>
#include <string>

#include "base/error.hpp"
#include "control/context.hpp"

namespace tollgate::control {

/// Rebuilds and publishes the catalog after a row changed. When `what` ("model 'fast'") could not be used as it was
/// written, `undo` is called, the old state published again, and the reason returned as invalid_request.
Result<void> publish_catalog(Context& context, std::string const& what, std::function<void()> const& undo);

} // namespace tollgate::control
