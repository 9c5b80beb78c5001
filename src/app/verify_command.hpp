#pragma once
#include <cstdint>
#include <vector>

#include "base/clock.hpp"
#include "config/parse_config.hpp"
#include "store/record_store.hpp"
#include "store/verify_store.hpp"

namespace tollgate::store {
class Store;
}

namespace tollgate::app {

/// What verifying a store came to.
struct Verification {
    std::int64_t records = 0;
    std::vector<store::Finding> findings; ///< at most `limit` per check
};

/// Adds what is wrong with one record taken by itself: its charge and cost against their own lines, its lines against
/// its usage, its charge against its outcome.
void verify_record(RequestRecord const& record, std::vector<store::Finding>& findings);

/// Every check of `tollgate verify`. Reads only; right beside a live server, because each check looks at one snapshot
/// (records never change, so their own check needs none). An open hold is a finding when its request has ended or began
/// before `oldest_request`. Throws StoreUnavailable.
Verification verify_store(store::Store& store, Timestamp oldest_request, int limit = 100);

/// `tollgate verify`: prints each finding and a summary. Exit code 0 = the books add up, 1 = findings, 2 = could not look.
int verify_command(std::vector<config::Option> const& options, bool json);

} // namespace tollgate::app
