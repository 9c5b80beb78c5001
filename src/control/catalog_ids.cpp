#include "control/catalog_ids.hpp"

#include "base/secret.hpp"

namespace tollgate::control {

std::string derived_id(std::string_view prefix, std::string_view name) {
    return std::string(prefix) + "x" + to_hex(name);
}

std::optional<std::string> name_of_derived_id(std::string_view prefix, std::string_view id) {
    if (!id.starts_with(prefix)) return std::nullopt;
    id.remove_prefix(prefix.size());
    if (!id.starts_with('x')) return std::nullopt;
    auto name = from_hex(id.substr(1));
    return name && !name->empty() ? std::optional(std::move(*name)) : std::nullopt;
}

} // namespace tollgate::control
