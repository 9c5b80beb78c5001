#pragma once
#include "store/page.hpp"
#include "store/sql/stores.hpp"

namespace tollgate::store::sql {

/// Reads one page of a query that is ordered by falling id and bound to `limit + 1` rows: the extra row only tells
/// whether there is a next page.
template <class T, class Read, class IdOf>
Page<T> read_page(Query& query, int limit, Read&& read, IdOf&& id_of) {
    Page<T> page;
    while (query.step()) {
        if (page.rows.size() == static_cast<std::size_t>(limit)) {
            page.next = id_of(page.rows.back());
            break;
        }
        page.rows.push_back(read(query));
    }
    return page;
}

} // namespace tollgate::store::sql
