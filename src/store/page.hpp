#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace tollgate::store {

/// Where the next page of a newest-first list starts; 0 = from the newest (as input), no further page (as output).
/// Opaque to callers: pass it back unchanged, with the same filter.
using Cursor = std::int64_t;

inline constexpr int page_limit_max = 1000;

struct PageRequest {
    Cursor cursor = 0;
    int limit = 50;    ///< 1 … page_limit_max; clamped
    std::int64_t offset = 0; ///< rows to skip after `cursor`; ≥ 0
};

template <class T>
struct Page {
    std::vector<T> rows;
    Cursor next = 0;
};

} // namespace tollgate::store
