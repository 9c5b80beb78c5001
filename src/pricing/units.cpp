#include "pricing/units.hpp"

namespace tollgate::pricing {
namespace {

constexpr std::array<std::string_view UnitDimensions::*, 7> dimension_members{
    &UnitDimensions::family,    &UnitDimensions::direction, &UnitDimensions::modality, &UnitDimensions::token_type,
    &UnitDimensions::cache_ttl, &UnitDimensions::tool_type, &UnitDimensions::page_type};

/// Every dimension of `a` is set the same in `b`.
constexpr bool subset(UnitDimensions const& a, UnitDimensions const& b) {
    for (auto const member : dimension_members)
        if (!(a.*member).empty() && a.*member != b.*member) return false;
    return true;
}

constexpr bool overlap(UnitDimensions const& a, UnitDimensions const& b) {
    for (auto const member : dimension_members)
        if (!(a.*member).empty() && !(b.*member).empty() && a.*member != b.*member) return false;
    return true;
}

constexpr std::array<UnitSet, unit_count> ancestor_table = [] {
    std::array<UnitSet, unit_count> table{};
    for (std::size_t i = 0; i < unit_count; ++i)
        for (std::size_t j = 0; j < unit_count; ++j)
            if (i != j && subset(units[j].dimensions, units[i].dimensions)) table[i] |= UnitSet{1} << j;
    return table;
}();

} // namespace

std::optional<UnitId> unit_from_usage_key(std::string_view key) noexcept {
    for (std::size_t i = 0; i < unit_count; ++i)
        if (units[i].usage_key == key) return static_cast<UnitId>(i);
    return std::nullopt;
}

std::optional<UnitId> unit_from_price_key(std::string_view key) noexcept {
    for (std::size_t i = 0; i < unit_count; ++i)
        if (units[i].price_key == key) return static_cast<UnitId>(i);
    return std::nullopt;
}

UnitSet unit_ancestors(UnitId id) noexcept { return ancestor_table[static_cast<std::size_t>(id)]; }

bool units_overlap(UnitId a, UnitId b) noexcept { return overlap(unit(a).dimensions, unit(b).dimensions); }

std::optional<UnitId> unit_join(UnitId a, UnitId b) noexcept {
    if (!units_overlap(a, b)) return std::nullopt;
    UnitDimensions merged = unit(a).dimensions;
    for (auto const member : dimension_members)
        if ((merged.*member).empty()) merged.*member = unit(b).dimensions.*member;
    for (std::size_t i = 0; i < unit_count; ++i)
        if (units[i].dimensions == merged) return static_cast<UnitId>(i);
    return std::nullopt;
}

} // namespace tollgate::pricing
