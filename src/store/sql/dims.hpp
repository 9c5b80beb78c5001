#pragma once
#include <array>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/sql/database.hpp"

namespace tollgate::store::sql {

/// Numbers for texts that repeat in millions of records (models, routes, user agents). A number is never reused or
/// changed, so both directions are cached. 0 is the empty text. Texts are bytes: what strangers send need not be
/// UTF-8.
class Dims {
public:
    /// Longer texts are cut for `number` and refused (0) by `number_if_cheap`.
    static constexpr std::size_t length_max = 256;

    // Writer thread only, inside its transaction.
    std::int64_t number(Database& db, std::string_view text);
    /// 0 when the text is long or when so many texts have numbers already that this one is likely noise.
    std::int64_t number_if_cheap(Database& db, std::string_view text);
    /// First thing in a transaction: forgets what the one before numbered, because its commit may have failed. They
    /// are looked up again when they come again.
    void forget_uncertain();

    // Any thread.
    /// The number of a text, 0 when it has none.
    std::int64_t find(Database& db, std::string_view text);
    std::string text(Database& db, std::int64_t number);

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view t) const noexcept { return std::hash<std::string_view>()(t); }
    };
    using Numbers = std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>>;
    std::int64_t insert(Database& db, std::string_view text);
    /// The number of a known text, 0 = not known. Batches repeat a handful of texts, so recent ones are compared before
    /// anything is hashed.
    std::int64_t known(std::string_view text);
    Numbers numbers_; ///< writer's own
    std::array<Numbers::value_type const*, 64> recent_{};
    std::vector<std::string> fresh_; ///< numbered in the transaction that began last
    std::shared_mutex mutex_;
    std::unordered_map<std::int64_t, std::string> texts_; ///< committed ones only
};

} // namespace tollgate::store::sql
