#pragma once
#include <memory>
#include <string>

#include "store/sql/database.hpp"

namespace tollgate::store::postgres {

/// Connects (5 s at most) as the URL says. Throws StoreUnavailable with
/// libpq's own reason. A connection lost while idle is made again by the next `begin`, unnoticed. Lost inside a
/// transaction, or with the server away, every call throws StoreUnavailable until `begin` has reconnected, which it
/// tries at most every 100 ms, doubling to 5 s.
std::unique_ptr<sql::Database> open(std::string const& url);

/// A connection that holds a session-level advisory lock for as long as it lives.
class AdvisoryLock {
public:
    virtual ~AdvisoryLock() = default;
    virtual bool held() = 0;
};
/// Null when another session holds it.
std::unique_ptr<AdvisoryLock> try_lock(std::string const& url, std::int64_t key);

} // namespace tollgate::store::postgres
