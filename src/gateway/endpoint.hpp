#pragma once
#include <string_view>

#include "base/error.hpp"
#include "net/http.hpp"
#include "types/surface.hpp"

namespace tollgate::gateway {

/// Which surface a request calls. `model_id`: the {id} of /v1/models/{id}, else empty.
struct Endpoint {
    Surface surface = Surface::openai_chat;
    std::string_view model_id;
};

/// Errors: not_found (no such path), method_not_allowed (the path exists; message names the right method).
Result<Endpoint> find_endpoint(net::RequestHead const& head);

/// The dialect an unknown path should be answered in: Anthropic's when the caller sent its version header.
Dialect guess_dialect(net::RequestHead const& head) noexcept;

} // namespace tollgate::gateway
