#pragma once
#include <array>
#include <string_view>

namespace tollgate::store::sql {

/// The sums every rollup table carries, in this order everywhere. New ones are appended by a migration.
inline constexpr std::array<std::string_view, 13> rollup_columns{
    "requests",  "errors", "input",  "output",      "cache_read",  "cache_write",    "reasoning",
    "cost",      "charge", "latency_sum", "latency_max", "first_byte_sum", "first_byte_count"};
inline constexpr std::size_t latency_max_column = 10; ///< a maximum; the others are sums

} // namespace tollgate::store::sql
