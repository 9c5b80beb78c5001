#include "store/sql/dims.hpp"

namespace tollgate::store::sql {
namespace {
constexpr std::size_t cache_max = 200'000; // entries; then the cache starts over
constexpr std::size_t cheap_max = 65'536;
} // namespace

std::int64_t Dims::insert(Database& db, std::string_view text) {
    std::int64_t id = 0;
    {
        auto query = db.prepare("select id from dim where value = $1");
        if (query.blob(text).step()) id = query.i64(0);
    }
    if (id == 0) {
        auto query = db.prepare("insert into dim(value) values($1) on conflict(value) do update set value = excluded.value "
                                "returning id");
        query.blob(text).step();
        id = query.i64(0);
        query.run();
        fresh_.emplace_back(text);
    }
    if (numbers_.size() >= cache_max) numbers_.clear();
    numbers_.emplace(std::string(text), id);
    return id;
}

std::int64_t Dims::number(Database& db, std::string_view text) {
    if (text.empty()) return 0;
    text = text.substr(0, length_max);
    auto const found = numbers_.find(text);
    return found != numbers_.end() ? found->second : insert(db, text);
}

std::int64_t Dims::number_if_cheap(Database& db, std::string_view text) {
    if (text.empty() || text.size() > length_max) return 0;
    auto const found = numbers_.find(text);
    if (found != numbers_.end()) return found->second;
    return numbers_.size() < cheap_max ? insert(db, text) : 0;
}

void Dims::forget_uncertain() {
    for (auto const& text : fresh_) numbers_.erase(text);
    fresh_.clear();
}

std::int64_t Dims::find(Database& db, std::string_view text) {
    auto query = db.prepare("select id from dim where value = $1");
    return query.blob(text.substr(0, length_max)).step() ? query.i64(0) : 0;
}

std::string Dims::text(Database& db, std::int64_t number) {
    if (number == 0) return {};
    {
        std::shared_lock lock(mutex_);
        auto const found = texts_.find(number);
        if (found != texts_.end()) return found->second;
    }
    auto query = db.prepare("select value from dim where id = $1");
    if (!query.bind(number).step()) return {};
    auto text = query.str(0);
    std::unique_lock lock(mutex_);
    if (texts_.size() >= cache_max) texts_.clear();
    texts_.emplace(number, text);
    return text;
}

} // namespace tollgate::store::sql
