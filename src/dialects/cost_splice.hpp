#pragma once
// The charge inside the usage object of a reply, OpenRouter style: `"cost": 0.0001234`.
#include <string>
#include <string_view>

#include "dialects/edit.hpp"
#include "types/money.hpp"
#include "types/surface.hpp"

namespace tollgate::dialects {

/// Adds `cost` = the charge as an exact decimal number to the usage object of `json`, or replaces the provider's own;
/// blanks `cost_details` and `is_byok`, which tell what we pay. `span` = the usage object in the edited bytes (from
/// UsageReport::span). False (and no edit) when there is no usage object at `span`.
bool splice_cost(Edits& edits, std::string_view json, Range span, Money charge);

/// The same for a complete reply body: finds the usage object itself.
bool splice_cost_in_body(Edits& edits, Surface surface, std::string_view body, Money charge);

/// The same for one complete stream event (with its `data:` prefix and blank line); returns the event unchanged when
/// it holds no usage.
std::string splice_cost_in_event(Surface surface, std::string_view event, Money charge);

} // namespace tollgate::dialects
