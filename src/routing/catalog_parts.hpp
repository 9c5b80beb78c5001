#pragma once
// The inside of a Catalog; used by catalog.cpp and build_catalog.cpp only.
#include <functional>
#include <mutex>
#include <unordered_map>

#include "routing/catalog.hpp"

namespace tollgate::routing {

/// Hashes std::string and std::string_view alike, so that look-ups do not allocate.
struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
};
template <class T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

struct Catalog::Parts {
    std::vector<std::shared_ptr<Provider const>> providers; ///< as declared
    std::vector<std::shared_ptr<Model const>> models;       ///< by name
    TextMap<Model const*> by_name;
    std::vector<Problem> problems;

    /// A provider whose price book may know more names than were listed. Thread-safe.
    struct Exposing {
        std::function<std::shared_ptr<Model const>(std::string_view name)> resolve;
    };
    std::vector<Exposing> exposing;

    std::shared_ptr<Model const> resolve(std::string_view name) const;

    // The one thing in a catalog that changes: names seen that are not listed. Bounded; callers choose the names.
    static constexpr std::size_t resolved_max = 1024;
    mutable std::mutex resolved_mutex;
    mutable TextMap<std::shared_ptr<Model const>> resolved;
};

} // namespace tollgate::routing
