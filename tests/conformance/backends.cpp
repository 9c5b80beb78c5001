#include "backends.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "postgres_server.hpp"

namespace tollgate::conformance {

std::string name_of(Backend backend) {
    switch (backend) {
    case Backend::sqlite_memory: return "sqlite_memory";
    case Backend::sqlite_file: return "sqlite_file";
    case Backend::postgres: return "postgres";
    }
    return "";
}

TempFolder::TempFolder() : path("/tmp/tollgate-store-XXXXXX") {
    if (!::mkdtemp(path.data())) throw std::runtime_error("cannot make a folder in /tmp");
}
TempFolder::~TempFolder() { std::filesystem::remove_all(path); }

void StoreTest::SetUp() {
    switch (GetParam()) {
    case Backend::sqlite_memory: config.url = "sqlite::memory:"; break;
    case Backend::sqlite_file:
        folder = std::make_unique<TempFolder>();
        config.url = "sqlite:";
        config.data_dir = folder->path + "/data";
        break;
    case Backend::postgres: config.url = PostgresServer::instance().fresh_schema(); break;
    }
    auto opened = store::open_store(config);
    ASSERT_TRUE(opened) << opened.error().message;
    store = std::move(*opened);
}

void StoreTest::TearDown() {
    if (store && !HasFailure()) expect_books_right();
    store.reset();
    folder.reset();
}

void StoreTest::reopen() {
    store.reset();
    auto opened = store::open_store(config);
    ASSERT_TRUE(opened) << opened.error().message;
    store = std::move(*opened);
}

void StoreTest::expect_books_right() {
    auto& verify = store->verify();
    for (auto const& findings : {verify.check_ledger(), verify.check_chains(), verify.check_rollups()})
        for (auto const& f : findings) ADD_FAILURE() << f.check << ": " << f.row << ": " << f.message;
}

AccountId StoreTest::account(std::string const& name) {
    auto made = store->accounts().create({.name = name, .external_id = "ext-" + name, .created_at = t0});
    EXPECT_TRUE(made) << made.error().message;
    return made->id;
}

store::KeyRow StoreTest::key(AccountId owner, int number) {
    auto made = store->keys().create({.account_id = owner, .name = "key " + std::to_string(number), .hash = hash_of(number),
                                      .prefix = "tg_" + std::to_string(10000 + number), .created_at = t0});
    EXPECT_TRUE(made) << made.error().message;
    return *made;
}

store::TransactionRow StoreTest::credit(AccountId owner, std::string const& text, std::string const& reference,
                                        store::TransactionKind kind) {
    store::CreditRequest request;
    request.account_id = owner;
    request.kind = kind;
    request.amount = usd(text);
    request.reference = reference;
    request.now = t0;
    auto posted = store->ledger().post_credit(request);
    EXPECT_TRUE(posted) << posted.error().message;
    return *posted;
}

RequestRecord StoreTest::record(AccountId owner, KeyId key_id, std::string const& charge_usd, std::int64_t after_ms) {
    RequestRecord r;
    r.time = Timestamp{t0.ms + after_ms};
    r.request_id = make_uuid7(r.time);
    // Ids minted on one thread never step back, so a record of the past would get a later one: set the time.
    for (std::size_t i = 0; i < 6; ++i) r.request_id.bytes[i] = static_cast<std::uint8_t>(r.time.ms >> (40 - 8 * i));
    r.account_id = owner;
    r.key_id = key_id;
    r.key_name = "key";
    r.method = "POST";
    r.path = "/v1/chat/completions";
    r.model = "demo/echo";
    r.provider = "demo";
    r.provider_model = "echo";
    r.status = 200;
    r.outcome = Outcome::success;
    r.attempts = 1;
    r.latency_ms = 120;
    r.first_byte_ms = 100;
    r.usage[Bucket::input] = 1000;
    r.usage[Bucket::output] = 50;
    r.usage_source = UsageSource::provider;
    r.charge = usd(charge_usd);
    r.cost = Money::from_nanos(r.charge.nanos() / 2);
    return r;
}

store::ApplyResult StoreTest::apply(std::vector<RequestRecord> records) {
    store::ApplyBatch batch;
    batch.node = "n1";
    batch.from = store->ledger().mark("n1");
    batch.to = {1, batch.from.offset + 100 * records.size() + 1, batch.from.seq + records.size() + 1};
    batch.records = std::move(records);
    batch.now = t0;
    auto applied = store->ledger().apply(batch);
    EXPECT_TRUE(applied) << applied.error().message;
    EXPECT_TRUE(applied->applied);
    return *applied;
}

Money usd(std::string const& text) {
    auto const parsed = parse_usd(text);
    if (!parsed) throw std::logic_error(parsed.error().message);
    return *parsed;
}

store::KeyHash hash_of(int number) {
    store::KeyHash hash{};
    for (std::size_t i = 0; i < hash.size(); ++i)
        hash[i] = static_cast<std::uint8_t>(static_cast<std::size_t>(number) * 31 + i * 7 + static_cast<std::size_t>(number) / 256 * (i + 1));
    hash[0] = static_cast<std::uint8_t>(number >> 16);
    hash[1] = static_cast<std::uint8_t>(number >> 8);
    hash[2] = static_cast<std::uint8_t>(number);
    return hash;
}

} // namespace tollgate::conformance
