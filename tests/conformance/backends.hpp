#pragma once
// The backends the suite runs on, and makers of rows.
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "store/account_store.hpp"
#include "store/audit_store.hpp"
#include "store/catalog_store.hpp"
#include "store/idempotency_store.hpp"
#include "store/key_store.hpp"
#include "store/ledger_store.hpp"
#include "store/record_store.hpp"
#include "store/service_token_store.hpp"
#include "store/store.hpp"
#include "store/verify_store.hpp"

namespace tollgate {
inline void PrintTo(Money amount, std::ostream* out) { *out << format_usd(amount) << " USD"; } // for failure messages
} // namespace tollgate

namespace tollgate::conformance {

enum class Backend { sqlite_memory, sqlite_file, postgres };
std::string name_of(Backend backend);

inline constexpr Timestamp t0{1'790'000'000'000}; // 2026-09-21T14:13:20Z, a Monday
inline constexpr std::int64_t minute = 60'000, hour = 60 * minute, day = 24 * hour;

/// A temporary folder that goes away with the object.
class TempFolder {
public:
    TempFolder();
    ~TempFolder();
    TempFolder(TempFolder const&) = delete;
    TempFolder& operator=(TempFolder const&) = delete;
    std::string path;
};

/// A fresh, empty store of one backend.
class StoreTest : public testing::TestWithParam<Backend> {
protected:
    void SetUp() override;
    void TearDown() override;
    /// Closes the store and opens the same data again; an in-memory store cannot.
    void reopen();
    bool persistent() const { return GetParam() != Backend::sqlite_memory; }
    void expect_books_right();

    AccountId account(std::string const& name = "acme");
    store::KeyRow key(AccountId owner, int number);
    store::TransactionRow credit(AccountId owner, std::string const& usd, std::string const& reference = "",
                                 store::TransactionKind kind = store::TransactionKind::purchase);
    /// A finished call at t0 + `after_ms`.
    RequestRecord record(AccountId owner, KeyId key_id, std::string const& charge_usd, std::int64_t after_ms = 0);
    /// Applies one batch behind the mark of node "n1"; fails the test when it is not applied.
    store::ApplyResult apply(std::vector<RequestRecord> records);
    Money balance(AccountId id) { return store->ledger().balance(id).balance; }

    store::StoreConfig config;
    std::unique_ptr<TempFolder> folder;
    std::unique_ptr<store::Store> store;
};

Money usd(std::string const& text);
store::KeyHash hash_of(int number);

/// For INSTANTIATE_TEST_SUITE_P(Backends, suite, every_backend, backend_name).
inline auto const every_backend = testing::Values(Backend::sqlite_memory, Backend::sqlite_file, Backend::postgres);
/// Those whose data outlives the store object.
inline auto const persistent_backends = testing::Values(Backend::sqlite_file, Backend::postgres);
inline std::string backend_name(testing::TestParamInfo<Backend> const& test) { return name_of(test.param); }

} // namespace tollgate::conformance
