#pragma once
// The inverted index over records: for each searched value, which record numbers carry it. A batch adds one row per
// value that occurs in it, so the cost of indexing falls as the load rises.
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/sql/database.hpp"
#include "store/sql/record_row.hpp"

namespace tollgate::store::sql {

/// Stored by number: append only.
enum class Dimension : std::uint8_t {
    account = 1,
    key = 2,
    model = 3,
    provider = 4,
    route = 5,
    status = 6,          ///< only those other than 200: nearly all are 200
    outcome = 7,         ///< only those other than success
    account_charged = 8, ///< by account, records with a charge
};

class PostingBatch {
public:
    void add(RequestRecord const& record, RecordDims const& dims, std::int64_t record_id);
    void write(Database& db);

private:
    struct List {
        std::uint8_t dimension = 0;
        std::int64_t value = 0, first = 0, last = 0, n = 0;
        std::string ids; ///< those after the first, as distances
    };
    void put(Dimension dimension, std::int64_t value, std::int64_t id);
    std::unordered_map<std::uint64_t, std::size_t> at_; ///< (value, dimension) → index in lists_
    std::vector<List> lists_;
};

/// Walks the record numbers of one value downwards.
class PostingReader {
public:
    PostingReader(Database& db, Dimension dimension, std::int64_t value)
        : db_(&db), dimension_(dimension), value_(value) {}
    /// The largest number ≤ `id` that carries the value; 0 = none. `id` must not rise between calls.
    std::int64_t seek(std::int64_t id);

private:
    void load(std::int64_t id);
    Database* db_;
    Dimension dimension_;
    std::int64_t value_;
    std::vector<std::vector<std::int64_t>> rows_; ///< newest row last; ids rising in each
};

} // namespace tollgate::store::sql
