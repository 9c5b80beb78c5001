#pragma once
#include <string>
#include <string_view>

namespace tollgate {

/// SHA-256 of `bytes`: 32 binary bytes.
std::string sha256(std::string_view bytes);

} // namespace tollgate
