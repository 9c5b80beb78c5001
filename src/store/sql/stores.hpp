#pragma once
// The interfaces of store/*.hpp over the portable SQL. One object each per Store; all state is in the connections
// and the shared dictionary.
#include "store/account_store.hpp"
#include "store/audit_store.hpp"
#include "store/catalog_store.hpp"
#include "store/idempotency_store.hpp"
#include "store/key_store.hpp"
#include "store/ledger_store.hpp"
#include "store/record_store.hpp"
#include "store/service_token_store.hpp"
#include "store/sql/connections.hpp"
#include "store/sql/dims.hpp"
#include "store/verify_store.hpp"

namespace tollgate::store::sql {

/// For a Result: a unique index was hit (conflict), or a text cannot be stored (invalid_request).
Fail refused_text(ConstraintViolation const& e);

/// `limit` of a page, clamped.
int page_limit(PageRequest const& page);
/// `cursor` as an exclusive upper bound on ids.
std::int64_t upper_bound(PageRequest const& page);

class SqlAccountStore final : public AccountStore {
public:
    explicit SqlAccountStore(Connections& db) : db_(db) {}
    Result<AccountRow> create(AccountRow const& row) override;
    AccountRow find_or_create(AccountRow const& row, bool& created) override;
    std::optional<AccountRow> get(AccountId id) override;
    std::optional<AccountRow> find_external(std::string_view external_id) override;
    Page<AccountRow> list(PageRequest const& page, std::string_view q) override;
    Result<void> update(AccountRow const& row) override;
    void for_each(std::function<void(AccountRow const&)> const& visit) override;

private:
    Connections& db_;
};

class SqlKeyStore final : public KeyStore {
public:
    explicit SqlKeyStore(Connections& db) : db_(db) {}
    Result<KeyRow> create(KeyRow const& row) override;
    std::optional<KeyRow> get(KeyId id) override;
    std::optional<KeyRow> find_hash(KeyHash const& hash) override;
    Page<KeyRow> list(PageRequest const& page, KeyFilter const& filter) override;
    Result<void> update(KeyRow const& row) override;
    Result<KeyRow> revoke(KeyId id, Timestamp at) override;
    Result<KeyRow> rotate(KeyId id, KeyHash const& hash, std::string const& prefix, std::string const& sealed,
                          std::optional<Timestamp> old_valid_until) override;
    void for_each_key(std::function<void(KeyRow&&)> const& visit) override;
    void touch_used(std::span<KeyUse const> uses) override;

private:
    Connections& db_;
};

class SqlServiceTokenStore final : public ServiceTokenStore {
public:
    explicit SqlServiceTokenStore(Connections& db) : db_(db) {}
    Result<ServiceTokenRow> create(ServiceTokenRow const& row) override;
    std::optional<ServiceTokenRow> get(ServiceTokenId id) override;
    std::optional<ServiceTokenRow> find_hash(KeyHash const& hash) override;
    Page<ServiceTokenRow> list(PageRequest const& page) override;
    Result<ServiceTokenRow> revoke(ServiceTokenId id, Timestamp at) override;

private:
    Connections& db_;
};

class SqlCatalogStore final : public CatalogStore {
public:
    explicit SqlCatalogStore(Connections& db) : db_(db) {}
    Result<ProviderRow> create_provider(ProviderRow const& row) override;
    Result<void> update_provider(ProviderRow const& row) override;
    Result<void> remove_provider(ProviderId id) override;
    std::vector<ProviderRow> providers() override;
    Result<ModelRow> create_model(ModelRow const& row) override;
    Result<void> update_model(ModelRow const& row) override;
    Result<void> remove_model(ModelId id) override;
    std::vector<ModelRow> models() override;
    PriceVersionId put_price_version(PriceVersionRow const& row) override;
    std::vector<PriceVersionId> put_price_versions(std::vector<PriceVersionRow> const& rows) override;
    std::optional<PriceVersionRow> price_version(PriceVersionId id) override;
    Page<PriceVersionRow> price_versions(PageRequest const& page, std::string_view scope, bool with_body) override;
    std::optional<std::string> setting(std::string_view key) override;
    std::vector<std::pair<std::string, std::string>> settings() override;
    void put_setting(std::string_view key, std::string_view value) override;

private:
    Connections& db_;
};

class SqlLedgerStore final : public LedgerStore {
public:
    SqlLedgerStore(Connections& db, Dims& dims) : db_(db), dims_(dims) {}
    Result<TransactionRow> post_credit(CreditRequest const& request) override;
    std::vector<TransactionRow> expire_grants(Timestamp now) override;
    Page<TransactionRow> transactions(PageRequest const& page, TransactionFilter const& filter) override;
    std::vector<GrantRow> grants(AccountId account) override;
    AccountBalance balance(AccountId account) override;
    std::vector<AccountBalance> balances() override;
    Result<ApplyResult> apply(ApplyBatch const& batch) override;
    JournalMark mark(std::string const& node) override;
    std::vector<HoldRow> open_holds() override;
    std::vector<KeySpend> key_spends(Timestamp now) override;
    KeySpend key_spend(KeyId key, Timestamp now) override;

private:
    Connections& db_;
    Dims& dims_;
};

class SqlRecordStore final : public RecordStore {
public:
    SqlRecordStore(Connections& db, Dims& dims) : db_(db), dims_(dims) {}
    std::optional<StoredRecord> get(Uuid const& request_id) override;
    Page<StoredRecord> list(PageRequest const& page, RecordFilter const& filter) override;
    UsageTotals summary(UsageFilter const& filter) override;
    std::vector<TimePoint> timeseries(UsageFilter const& filter, TimeStep step, int utc_offset_minutes) override;
    std::vector<BreakdownRow> breakdown(UsageFilter const& filter, BreakdownBy by, int limit) override;
    void for_each(Cursor after, std::function<bool(StoredRecord const&)> const& visit) override;
    Cursor last_position() override;

private:
    Connections& db_;
    Dims& dims_;
};

class SqlAuditStore final : public AuditStore {
public:
    explicit SqlAuditStore(Connections& db) : db_(db) {}
    AuditId append(AuditRow const& row) override;
    Page<AuditRow> list(PageRequest const& page, AuditFilter const& filter) override;

private:
    Connections& db_;
};

class SqlIdempotencyStore final : public IdempotencyStore {
public:
    explicit SqlIdempotencyStore(Connections& db) : db_(db) {}
    IdempotencyBegin begin(std::string_view scope, std::string_view key, std::string_view request_hash, Timestamp now,
                           std::int64_t claim_ttl_ms, std::int64_t keep_ms) override;
    void finish(std::string_view scope, std::string_view key, KeptAnswer const& answer, Timestamp now) override;
    void abandon(std::string_view scope, std::string_view key) override;
    std::optional<ReplayRow> replay(KeyId key, std::string_view idempotency_key, Timestamp now) override;
    std::vector<ReplayRow> replays(Timestamp now) override;
    std::size_t purge(Timestamp now, int limit) override;

private:
    Connections& db_;
};

class SqlVerifyStore final : public VerifyStore {
public:
    SqlVerifyStore(Connections& db, Dims& dims) : db_(db), dims_(dims) {}
    std::vector<Finding> check_ledger(int limit) override;
    std::vector<Finding> check_chains(int limit) override;
    std::vector<Finding> check_rollups(int limit) override;
    std::vector<Finding> check_holds(Timestamp older_than, int limit) override;

private:
    Connections& db_;
    Dims& dims_;
};

} // namespace tollgate::store::sql
