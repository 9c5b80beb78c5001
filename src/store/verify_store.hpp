#pragma once
// What `tollgate verify` asks of the books. Read-only; runs beside a live server, each check on one snapshot.
#include <cstdint>
#include <string>
#include <vector>

#include "store/ledger_store.hpp"

namespace tollgate::store {

/// One thing that does not add up. `row` names it ("grant_7", "ledger account 12", a request id).
struct Finding {
    std::string check;
    std::string row;
    std::string message;      ///< what was expected and what was found
};

class VerifyStore {
public:
    virtual ~VerifyStore() = default;
    /// Σ debits = Σ credits; every ledger account equals the sum of its transfers; no grant below 0; every account's
    /// balance equals Σ grants − overdraft; every transaction with usage equals the records it covers; every grant
    /// has its opening transfer; every request id that was claimed has its record. At most `limit` findings per check.
    virtual std::vector<Finding> check_ledger(int limit = 100) = 0;
    /// Per account: balances before and after of its records and transactions chain without a gap.
    virtual std::vector<Finding> check_chains(int limit = 100) = 0;
    /// Hourly rollups and key spends against sums over the records.
    virtual std::vector<Finding> check_rollups(int limit = 100) = 0;
    /// Holds that have a terminal record, and holds older than `older_than`.
    virtual std::vector<Finding> check_holds(Timestamp older_than, int limit = 100) = 0;
};

} // namespace tollgate::store
