#pragma once
#include <string_view>

namespace tollgate::control {

/// The OpenAPI 3.1 document as JSON text, as served at /openapi.json.
std::string_view openapi_text() noexcept;

} // namespace tollgate::control
