#pragma once

namespace tollgate::app {
inline constexpr char version_text[] = "0.1.0";
/// `tollgate version`.
int version_command(bool json);
} // namespace tollgate::app
