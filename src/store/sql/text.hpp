#pragma once
// Small texts of the schema: lists in one column, search patterns, enum names.
#include <string>
#include <string_view>
#include <vector>

namespace tollgate::store::sql {

/// Several texts in one column, one a line; `\` and line breaks inside are escaped.
std::string join_list(std::vector<std::string> const& items);
std::vector<std::string> split_list(std::string_view text);

/// LIKE pattern (escape '\') for "contains `q`", lower case; matches everything when `q` is empty.
std::string contains_pattern(std::string_view q);
std::string starts_pattern(std::string_view q);

} // namespace tollgate::store::sql
