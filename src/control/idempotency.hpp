#pragma once
// Idempotency-Key on writes: the same key with the same request answers the same again without doing it twice.
#include <functional>

#include "base/error.hpp"
#include "control/api.hpp"

namespace tollgate::control {

/// Runs `work` at most once per (actor, Idempotency-Key) in 24 hours and keeps its answer, sealed, because it may
/// hold the text of a new key. Only success is kept: a refused request did nothing and may be sent again corrected.
/// Errors: invalid_request (bad header), unprocessable (the key was used for another request), conflict (the first
/// call still runs), and those of `work`.
Result<Response> once(Context& context, Actor const& actor, Request const& request,
                      std::function<Result<Response>()> const& work);

} // namespace tollgate::control
