#pragma once
// Query parameters, as strict as bodies: unknown and repeated ones are refused.
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace tollgate::control {

/// %XX and '+' undone. Errors: invalid_request (bad escape, NUL).
Result<std::string> percent_decode(std::string_view text, bool plus_is_space);

class Query {
public:
    /// Errors: invalid_request naming the parameter.
    static Result<Query> parse(std::string_view raw, std::initializer_list<std::string_view> valid);

    std::string const* find(std::string_view name) const;
    std::string text(std::string_view name) const; ///< empty when absent
    Result<std::optional<std::int64_t>> integer(std::string_view name, std::int64_t min, std::int64_t max) const;
    Result<std::optional<Timestamp>> time(std::string_view name) const; ///< RFC 3339 or a date

private:
    std::vector<std::pair<std::string, std::string>> values_;
};

} // namespace tollgate::control
