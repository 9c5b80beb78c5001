#pragma once
#include <optional>
#include <string>

#include "app/app.hpp"
#include "base/secret.hpp"

namespace tollgate::app {

/// What the first start made: shown once, then only its hash is known.
struct FirstStart {
    Secret api_key;
};

/// On a new store: an account with a small promotional grant and a ready key for the demo models. None later on.
/// Errors: those of the control API, through which it is done.
Result<std::optional<FirstStart>> make_first_key(App& app);

/// The banner: where things are, how to sign in, a curl line that works as it stands.
std::string banner(App const& app, std::optional<FirstStart> const& first, bool token_from_environment);

} // namespace tollgate::app
