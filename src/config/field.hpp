#pragma once
// One configurable value: where it lives in its struct, what it accepts, and how it reads and writes as text.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "config/config.hpp"

namespace tollgate::config {

struct TextField { std::string* value; };
struct IntField { std::int64_t* value; std::int64_t min, max; };
struct BoolField { bool* value; };
/// `value`: an enumeration over std::uint8_t, numbered as `names`.
struct ChoiceField { std::uint8_t* value; std::span<std::string_view const> names; };
struct SecretField { Secret* value; };
struct MoneyField { Money* value; };           ///< decimal string, USD, not negative
struct MultiplierField { Multiplier* value; }; ///< decimal string
struct AddressField { HostPort* value; };
struct CidrsField { std::vector<Cidr>* value; };
struct ListField { std::vector<std::string>* value; };
struct PairsField { Pairs* value; };           ///< a table of strings; file only
struct TargetsField { std::vector<TargetConfig>* value; }; ///< file only

using Field = std::variant<TextField, IntField, BoolField, ChoiceField, SecretField, MoneyField, MultiplierField, AddressField,
                           CidrsField, ListField, PairsField, TargetsField>;

/// Parses `text` into the field; lists are separated by commas. Errors (invalid_request): what to write instead,
/// without the value of a secret.
Result<void> set_text(Field const& field, std::string_view text);
/// Sets a list element by element. Only for CidrsField and ListField.
Result<void> set_list(Field const& field, std::vector<std::string> const& items);
/// As a TOML value: `"127.0.0.1:8080"`, `30`, `["a"]`. Secrets are shown as `""`.
std::string show(Field const& field);
/// "a whole number from 0 to 3600".
std::string expected(Field const& field);

/// "127.0.0.1:8080", "[::1]:8080", "localhost:8080". Errors: invalid_request.
Result<HostPort> parse_host_port(std::string_view text);

} // namespace tollgate::config
