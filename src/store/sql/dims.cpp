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
    if (numbers_.size() >= cache_max) {
        numbers_.clear();
        recent_.fill(nullptr);
    }
    numbers_.emplace(std::string(text), id);
    return id;
}

std::int64_t Dims::known(std::string_view text) {
    // First, middle and last byte and the length tell the few texts of a batch apart well enough.
    auto const at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(text[i])); };
    auto& slot = recent_[(text.size() * 7 + at(0) + at(text.size() / 2) * 5 + at(text.size() - 1) * 3) % recent_.size()];
    if (slot && slot->first == text) return slot->second;
    auto const found = numbers_.find(text);
    if (found == numbers_.end()) return 0;
    slot = &*found;
    return found->second;
}

std::int64_t Dims::number(Database& db, std::string_view text) {
    if (text.empty()) return 0;
    text = text.substr(0, length_max);
    auto const id = known(text);
    return id ? id : insert(db, text);
}

std::int64_t Dims::number_if_cheap(Database& db, std::string_view text) {
    if (text.empty() || text.size() > length_max) return 0;
    if (auto const id = known(text)) return id;
    return numbers_.size() < cheap_max ? insert(db, text) : 0;
}

void Dims::forget_uncertain() {
    if (fresh_.empty()) return;
    for (auto const& text : fresh_) numbers_.erase(text);
    fresh_.clear();
    recent_.fill(nullptr);
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
