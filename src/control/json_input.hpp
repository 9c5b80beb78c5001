#pragma once
// Strict reading of a JSON request body: every field is named, typed and bounded; anything else is refused with the
// nearest valid name. Handlers read all fields, then ask `error()` once.
#include <boost/json/fwd.hpp>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "types/money.hpp"

namespace tollgate::control {

/// The valid name closest to `word`, or empty when none is near enough to be meant.
std::string nearest_name(std::string_view word, std::span<std::string_view const> valid);
/// "unknown field 'nmae'; did you mean 'name'?" or a list of what is valid.
std::string unknown_name_message(std::string_view what, std::string_view word,
                                 std::span<std::string_view const> valid);

/// Parses a whole body: an object, depth at most 32, no duplicate keys at any level.
/// Errors: malformed_json with the position; invalid_request when it is not an object or repeats a key.
Result<boost::json::object> parse_object(std::string_view body);

/// One object of input. Getters remember the first failure and return a harmless default after it.
/// An absent field and a null one are told apart: null is only accepted where it says so (it clears the value).
class Fields {
public:
    /// `prefix` names the object in messages ("limits." for a nested one). `object` must outlive the Fields.
    Fields(boost::json::object const& object, std::initializer_list<std::string_view> valid, std::string prefix = {});

    bool has(std::string_view name) const;     ///< present, null or not
    bool is_null(std::string_view name) const; ///< present and null

    std::string text(std::string_view name, std::size_t min, std::size_t max);          ///< required
    std::optional<std::string> maybe_text(std::string_view name, std::size_t min, std::size_t max);
    /// Required one of `choices`.
    std::string choice(std::string_view name, std::span<std::string_view const> choices);
    std::optional<std::string> maybe_choice(std::string_view name, std::span<std::string_view const> choices);
    std::optional<bool> maybe_flag(std::string_view name);
    std::optional<std::int64_t> maybe_integer(std::string_view name, std::int64_t min, std::int64_t max);
    /// Decimal text in USD, `min` ≤ value ≤ 1 billion. A JSON number is refused: it may have been a float.
    std::optional<Money> maybe_money(std::string_view name, Money min);
    std::optional<Multiplier> maybe_multiplier(std::string_view name);
    std::optional<Timestamp> maybe_time(std::string_view name);
    /// Array of strings, each 1..item_max bytes, without repetition.
    std::optional<std::vector<std::string>> maybe_texts(std::string_view name, std::size_t count_max,
                                                        std::size_t item_max);
    /// A nested object or array; nullptr when absent (or null).
    boost::json::object const* maybe_object(std::string_view name);
    boost::json::array const* maybe_array(std::string_view name);
    boost::json::value const* raw(std::string_view name) const;

    /// Records a failure of the caller's own check on `name`.
    void refuse(std::string_view name, std::string message);
    /// Takes over the failure of a nested Fields, if it has one.
    void absorb(Fields const& nested);
    bool ok() const noexcept { return !error_; }
    Fail error() const;

private:
    boost::json::value const* typed(std::string_view name, std::string_view what, bool matches(boost::json::value const&));
    boost::json::object const& object_;
    std::string prefix_;
    std::optional<Error> error_;
};

} // namespace tollgate::control
