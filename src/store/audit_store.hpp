#pragma once
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "store/page.hpp"
#include "types/ids.hpp"

namespace tollgate::store {

/// Who did what, with secrets already removed by the caller.
struct AuditRow {
    AuditId id;               ///< set by append
    Timestamp at;
    std::string actor;        ///< "admin", "st_3", "key_9", "cli"
    std::string action;       ///< "key.create"
    std::string resource;     ///< "key_12"
    std::string before_json;  ///< or empty
    std::string after_json;   ///< or empty
    std::string ip;
    std::string request_id;
};
struct AuditFilter {
    std::string actor, action, resource; ///< exact; empty = any
    std::string q;                       ///< part of actor, action or resource
    std::optional<Timestamp> start, end; ///< [start, end)
};

/// Append-only: the database refuses changes.
class AuditStore {
public:
    virtual ~AuditStore() = default;
    virtual AuditId append(AuditRow const& row) = 0;
    virtual Page<AuditRow> list(PageRequest const& page, AuditFilter const& filter) = 0;
};

} // namespace tollgate::store
