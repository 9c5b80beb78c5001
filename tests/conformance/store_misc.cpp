#include <atomic>
#include <thread>

#include "backends.hpp"
#include "postgres_server.hpp"
#include "store/postgres/pg_database.hpp"
#include "store/sqlite/sqlite_database.hpp"

namespace tollgate::conformance {
namespace {

class AuditStore : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Backends, AuditStore, every_backend, backend_name);

TEST_P(AuditStore, ListsWhatWasAppendedByFilter) {
    auto const add = [&](std::string actor, std::string action, std::int64_t at) {
        return store->audit().append({.at = Timestamp{t0.ms + at}, .actor = std::move(actor), .action = std::move(action),
                                      .resource = "key_1", .before_json = "", .after_json = R"({"a":1})", .ip = "::1",
                                      .request_id = "r"});
    };
    add("admin", "key.create", 0);
    auto const second = add("st_2", "key.revoke", 10);
    add("admin", "account.credit", 20);
    EXPECT_EQ(store->audit().list({}, {}).rows.size(), 3U);
    EXPECT_EQ(store->audit().list({}, {}).rows[0].action, "account.credit");
    EXPECT_EQ(store->audit().list({}, {.actor = "admin"}).rows.size(), 2U);
    EXPECT_EQ(store->audit().list({}, {.actor = "admin", .action = "key.create"}).rows.size(), 1U);
    EXPECT_EQ(store->audit().list({}, {.resource = "key_2"}).rows.size(), 0U);
    EXPECT_EQ(store->audit().list({}, {.q = "REVOKE"}).rows.at(0).id, second);
    EXPECT_EQ(store->audit().list({}, {.start = Timestamp{t0.ms + 10}, .end = Timestamp{t0.ms + 20}}).rows.size(), 1U);
    EXPECT_EQ(store->audit().list({}, {.actor = "admin", .q = "key", .start = t0, .end = Timestamp{t0.ms + 1}}).rows.size(), 1U);
    auto const page = store->audit().list({.limit = 2}, {});
    EXPECT_EQ(store->audit().list({.cursor = page.next, .limit = 2}, {}).rows.size(), 1U);
}

class IdempotencyStore : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Backends, IdempotencyStore, every_backend, backend_name);

TEST_P(IdempotencyStore, TellsFreshInFlightReplayAndMismatchApart) {
    using State = store::IdempotencyBegin::State;
    auto& idem = store->idempotency();
    auto const begin = [&](std::string_view hash, std::int64_t after, std::string_view scope = "s") {
        return idem.begin(scope, "k", hash, Timestamp{t0.ms + after});
    };
    EXPECT_EQ(begin("h1", 0).state, State::fresh);
    EXPECT_EQ(begin("h1", 1).state, State::in_flight);
    EXPECT_EQ(begin("h2", 1).state, State::mismatch);
    EXPECT_EQ(begin("h1", 1, "other").state, State::fresh) << "scopes are apart";
    idem.finish("s", "k", {201, "application/json", std::string("{\0}", 3)}, Timestamp{t0.ms + 2});
    auto const replay = begin("h1", 3);
    EXPECT_EQ(replay.state, State::replay);
    EXPECT_EQ(replay.answer.status, 201);
    EXPECT_EQ(replay.answer.content_type, "application/json");
    EXPECT_EQ(replay.answer.body, std::string("{\0}", 3));
    EXPECT_EQ(begin("h2", 3).state, State::mismatch);
    EXPECT_EQ(begin("h2", 3 + day).state, State::fresh) << "after 24 hours the key is new";
}

TEST_P(IdempotencyStore, AnAbandonedOrStaleClaimCanBeTakenAgain) {
    using State = store::IdempotencyBegin::State;
    auto& idem = store->idempotency();
    EXPECT_EQ(idem.begin("s", "k", "h", t0).state, State::fresh);
    idem.abandon("s", "k");
    EXPECT_EQ(idem.begin("s", "k", "other", t0).state, State::fresh);
    EXPECT_EQ(idem.begin("s", "k", "h", Timestamp{t0.ms + 60'001}).state, State::fresh) << "its owner died";
    idem.finish("s", "k", {200, "", ""}, t0);
    idem.abandon("s", "k");
    EXPECT_EQ(idem.begin("s", "k", "h", t0).state, State::replay) << "a finished answer is never given up";
    EXPECT_EQ(idem.purge(Timestamp{t0.ms + 2 * day}), 1U);
}

class Everything : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Backends, Everything, every_backend, backend_name);

TEST_P(Everything, TwoRacersOfOneReferenceGetOneCredit) {
    auto const a = account();
    std::vector<std::thread> threads;
    std::atomic<int> fresh{0};
    for (int t = 0; t < 8; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 10; ++i) {
                store::CreditRequest r{.account_id = a, .amount = usd("1"), .reference = "order-" + std::to_string(i), .now = t0};
                fresh += !store->ledger().post_credit(r)->existed;
            }
        });
    for (auto& t : threads) t.join();
    EXPECT_EQ(fresh, 10);
    EXPECT_EQ(balance(a), usd("10"));
}

TEST_P(Everything, ReadersSeeWholeTransactionsWhileABatchIsApplied) {
    auto const a = account();
    auto const k = key(a, 1).id;
    std::atomic<bool> stop{false};
    std::thread reader([&] {
        while (!stop) {
            auto const page = store->ledger().transactions({.limit = 50}, {.account_id = a});
            for (std::size_t i = 0; i + 1 < page.rows.size(); ++i)
                ASSERT_EQ(page.rows[i].balance_before, page.rows[i + 1].balance_after);
            auto const totals = store->records().summary({.account_id = a});
            ASSERT_EQ(totals.requests % 10, 0) << "a batch is all or nothing";
        }
    });
    for (int i = 0; i < 30; ++i) {
        std::vector<RequestRecord> records;
        for (int n = 0; n < 10; ++n) records.push_back(record(a, k, "0.01", i * 10 + n));
        apply(std::move(records));
        credit(a, "0.05");
    }
    stop = true;
    reader.join();
}

/// A raw connection to the same data, for what no interface offers.
class Tamper : public StoreTest {
protected:
    std::unique_ptr<store::sql::Database> raw() {
        return GetParam() == Backend::postgres ? store::postgres::open(config.url)
                                               : store::sqlite::open(config.data_dir + "/tollgate.db", store::sqlite::Mode::writer);
    }
    void run(std::string const& statement) {
        auto db = raw();
        db->script(statement);
    }
    void TearDown() override { // the books were broken on purpose
        store.reset();
        folder.reset();
    }
    std::vector<std::string> findings() {
        std::vector<std::string> out;
        auto& v = store->verify();
        for (auto const& list : {v.check_ledger(), v.check_chains(), v.check_rollups()})
            for (auto const& f : list) out.push_back(f.check + " / " + f.row);
        return out;
    }
};
INSTANTIATE_TEST_SUITE_P(Backends, Tamper, persistent_backends, backend_name);

TEST_P(Tamper, TheBooksRefuseChangesAndOverdrawnGrants) {
    auto const a = account();
    credit(a, "1");
    store->audit().append({.at = t0, .actor = "x"});
    store->catalog().put_price_version({.hash = hash_of(1)});
    for (auto const* statement :
         {"update transfer set amount = 5", "delete from transfer", "update ledger_txn set amount = 5", "delete from ledger_txn",
          "update audit set actor = 'y'", "delete from audit", "update price_version set body = '{}'", "delete from price_version",
          "update ledger_account set debits_posted = debits_posted + 1000000001 where floor = 0",
          "insert into transfer(txn_id, debit_account, credit_account, amount) select 1, id, id, 1 from ledger_account",
          "insert into transfer(txn_id, debit_account, credit_account, amount) values(1, 1, 2, 0)",
          "insert into ledger_txn(kind, account_id, business_key, reference, description, amount, balance_before, balance_after, "
          "position, records, booked_at) select kind, account_id, business_key, reference, description, amount, balance_before, "
          "balance_after, position, records, booked_at from ledger_txn"})
        EXPECT_THROW(run(statement), store::sql::ConstraintViolation) << statement;
    if (GetParam() == Backend::postgres) {
        EXPECT_THROW(run("truncate transfer"), store::sql::ConstraintViolation);
    }
    EXPECT_TRUE(findings().empty());
}

TEST_P(Tamper, VerifyNamesWhatDoesNotAddUp) {
    auto const a = account();
    auto const k = key(a, 1).id;
    credit(a, "5");
    auto const r = record(a, k, "1");
    apply({r, record(a, k, "2")});
    ASSERT_TRUE(findings().empty());
    struct Case {
        std::string breaks, repairs, finding;
    };
    for (auto const& c : std::vector<Case>{
             {"update wallet set balance = balance + 1", "update wallet set balance = balance - 1",
              "balance equals grants less overdraft / " + format_id(a)},
             {"update ledger_account set credits_posted = credits_posted + 1 where kind = 3",
              "update ledger_account set credits_posted = credits_posted - 1 where kind = 3", "ledger account credits / "},
             {"update record set charge = charge + 1 where charge = 1000000000",
              "update record set charge = charge - 1 where charge = 1000000001", "usage transactions equal record charges / acc_"},
             {"update record set balance_after = balance_after + 1 where charge = 1000000000",
              "update record set balance_after = balance_after - 1 where charge = 1000000000", "balances chain / " + r.request_id.text()},
             {"update rollup_all set requests = requests + 1", "update rollup_all set requests = requests - 1",
              "rollups equal records / rollup_all"},
             {"update rollup_key_day set charge = charge - 1", "update rollup_key_day set charge = charge + 1",
              "rollups equal records / rollup_key_day"},
             {"update key_spend set total = 0", "update key_spend set total = 3000000000", "rollups equal records / spend of "},
             {"update credit_grant set is_open = 0", "update credit_grant set is_open = 1", "open grants have something left / "}}) {
        run(c.breaks);
        bool found = false;
        for (auto const& f : findings()) found = found || f.starts_with(c.finding);
        EXPECT_TRUE(found) << c.breaks;
        run(c.repairs);
        for (auto const& f : findings()) ADD_FAILURE() << "after repairing " << c.breaks << ": " << f;
    }
}

TEST_P(Tamper, VerifyFindsOrphanedHolds) {
    auto const a = account();
    auto const r = record(a, key(a, 1).id, "1");
    store::ApplyBatch b{.node = "n1", .to = {1, 1, 1}, .records = {r},
                        .holds = {{r.request_id, a, KeyId{1}, usd("1"), 1, "", ""}}, .now = t0};
    ASSERT_TRUE(store->ledger().apply(b)->applied);
    auto const found = store->verify().check_holds(Timestamp{t0.ms - hour});
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].row, r.request_id.text());
    EXPECT_EQ(store->verify().check_holds(Timestamp{t0.ms + hour}).size(), 2U);
}

} // namespace
} // namespace tollgate::conformance
