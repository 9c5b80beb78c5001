#pragma once
// Ids of providers and models that have no row in the store, because the file declares them or a provider's `expose`
// offers them: the name in hex behind a letter no stored id has. Private to control/.
#include <optional>
#include <string>
#include <string_view>

namespace tollgate::control {

std::string derived_id(std::string_view prefix, std::string_view name); ///< "prov_" + "x" + hex
std::optional<std::string> name_of_derived_id(std::string_view prefix, std::string_view id);

} // namespace tollgate::control
