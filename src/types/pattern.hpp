#pragma once
#include <string_view>

namespace tollgate {

/// Whether `name` is what `pattern` names: "*" everything, `prefix*`, else exactly itself.
constexpr bool matches_pattern(std::string_view pattern, std::string_view name) noexcept {
    if (!pattern.empty() && pattern.back() == '*') return name.starts_with(pattern.substr(0, pattern.size() - 1));
    return pattern == name;
}

} // namespace tollgate
