#pragma once
// The book's patterns for model ids, provider names and URLs.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "base/error.hpp"

namespace tollgate::pricing::detail {

struct CompiledRegex;

/// A regular expression as JavaScript reads it: case-sensitive, `$` only at the very end.
class Regex {
public:
    /// Errors (internal): the pattern does not compile.
    static Result<Regex> make(std::string_view pattern);
    /// Anywhere in `text`. Safe from several threads.
    bool search(std::string_view text) const;

private:
    std::shared_ptr<CompiledRegex const> code_; ///< shared: clauses are copied while the book is built
};

/// One match clause; `and` and `or` hold further ones.
struct Match {
    enum class Kind { none, any_of, all_of, equals, starts_with, ends_with, contains, regex };
    Kind kind = Kind::none;
    std::string text; ///< lower case
    std::vector<Match> inner;
    Regex regex;

    /// `lower` is `text` in lower case: every clause but a regex ignores case.
    bool matches(std::string_view text_as_given, std::string_view lower) const;
};

Result<Match> match_from_json(boost::json::object const& object);

/// ASCII lower case; other bytes stay.
std::string to_lower(std::string_view text);
/// Without white space at both ends.
std::string_view trim(std::string_view text);
/// Every valid "-20250929" that ends a word becomes "-2025-09-29".
std::string with_dashed_dates(std::string_view id);

} // namespace tollgate::pricing::detail
