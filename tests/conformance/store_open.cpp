// Opening, refusing to open, outages, backup.
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include "backends.hpp"
#include "postgres_server.hpp"
#include "store/postgres/pg_database.hpp"
#include "store/sqlite/sqlite_database.hpp"

namespace tollgate::conformance {
namespace {

TEST(OpenStore, UrlsThatMeanNothingAreRefused) {
    for (auto const* url : {"", "mysql://x", "tollgate.db", "postgres:/x"}) {
        auto const opened = store::open_store({.url = url});
        ASSERT_FALSE(opened) << url;
        EXPECT_EQ(opened.error().code, Errc::invalid_request);
        EXPECT_NE(opened.error().message.find("sqlite:"), std::string::npos);
    }
}

TEST(OpenStore, TheDataFolderIsPrivate) {
    TempFolder const folder;
    ASSERT_TRUE(store::open_store({.data_dir = folder.path + "/deep/data"}));
    struct stat info {};
    ASSERT_EQ(::stat((folder.path + "/deep/data").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700U);
    ASSERT_EQ(::stat((folder.path + "/deep/data/tollgate.db").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST(OpenStore, AFileInTheWayIsNamed) {
    TempFolder const folder;
    std::ofstream(folder.path + "/data") << "x";
    auto const opened = store::open_store({.data_dir = folder.path + "/data"});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::unavailable);
    EXPECT_NE(opened.error().message.find(folder.path + "/data"), std::string::npos) << opened.error().message;
}

TEST(OpenStore, SomethingElseThanADatabaseIsRefused) {
    TempFolder const folder;
    std::filesystem::create_directory(folder.path + "/data");
    std::ofstream(folder.path + "/data/tollgate.db") << std::string(10'000, 'x');
    auto const opened = store::open_store({.data_dir = folder.path + "/data"});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::unavailable);
}

TEST(OpenStore, OneProcessWritesOneFile) {
    TempFolder const folder;
    auto const first = store::open_store({.data_dir = folder.path + "/data"});
    ASSERT_TRUE(first);
    auto const second = store::open_store({.data_dir = folder.path + "/data"});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::unavailable);
    EXPECT_NE(second.error().message.find("pid " + std::to_string(::getpid())), std::string::npos) << second.error().message;
}

TEST(OpenStore, ReadersMayWatchALiveFileButNotWriteIt) {
    TempFolder const folder;
    auto const writer = *store::open_store({.data_dir = folder.path + "/data"});
    auto const reader = store::open_store({.data_dir = folder.path + "/data", .read_only = true});
    ASSERT_TRUE(reader) << reader.error().message;
    ASSERT_TRUE(writer->accounts().create({.name = "a", .created_at = t0}));
    EXPECT_EQ((*reader)->accounts().list({}, "").rows.size(), 1U);
    EXPECT_TRUE((*reader)->verify().check_ledger().empty());
    EXPECT_THROW((void)(*reader)->accounts().create({.name = "b", .created_at = t0}), store::StoreUnavailable);
    EXPECT_THROW((*reader)->ping(), store::StoreUnavailable);
}

TEST(OpenStore, ReadOnlyNeedsExistingData) {
    TempFolder const folder;
    EXPECT_FALSE(store::open_store({.data_dir = folder.path + "/none", .read_only = true}));
    EXPECT_FALSE(std::filesystem::exists(folder.path + "/none"));
}

TEST(OpenStore, UnreachablePostgresSaysSo) {
    auto const opened = store::open_store({.url = "postgres://u:secret-word@127.0.0.1:1/x"});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::unavailable);
    EXPECT_NE(opened.error().message.find("127.0.0.1"), std::string::npos) << opened.error().message;
    EXPECT_EQ(opened.error().message.find("secret-word"), std::string::npos) << "passwords are never shown";
}

TEST(Backup, IsAConsistentCopyMadeWhileServing) {
    TempFolder const folder;
    auto const live = *store::open_store({.data_dir = folder.path + "/data"});
    auto const a = live->accounts().create({.name = "a", .created_at = t0})->id;
    ASSERT_TRUE(live->ledger().post_credit({.account_id = a, .amount = usd("3"), .now = t0}));
    ASSERT_TRUE(live->backup(folder.path + "/copy.db"));
    EXPECT_EQ(live->backup(folder.path + "/copy.db").error().code, Errc::conflict);
    auto const copy = store::open_store({.url = "sqlite:" + folder.path + "/copy.db"});
    ASSERT_TRUE(copy) << copy.error().message;
    EXPECT_EQ((*copy)->ledger().balance(a).balance, usd("3"));
    EXPECT_EQ((*copy)->store_id(), live->store_id());
}

class Schema : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Backends, Schema, persistent_backends, backend_name);

TEST_P(Schema, ANewerOneIsRefusedWithBothNumbers) {
    auto const known = store->schema_version();
    EXPECT_GE(known, 1);
    auto const path = config.data_dir + "/tollgate.db";
    store.reset();
    {
        auto const db = GetParam() == Backend::postgres ? store::postgres::open(config.url)
                                                        : store::sqlite::open(path, store::sqlite::Mode::writer);
        db->script("insert into schema_migration(version, name) values(7000, '7000_future')");
    }
    for (bool const read_only : {false, true}) {
        auto c = config;
        c.read_only = read_only;
        auto const opened = store::open_store(c);
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().code, Errc::conflict);
        EXPECT_NE(opened.error().message.find("schema 7000, this binary knows " + std::to_string(known)), std::string::npos)
            << opened.error().message;
    }
}

TEST_P(Schema, MigratingTwiceChangesNothing) {
    auto const id = store->store_id();
    reopen();
    EXPECT_EQ(store->store_id(), id);
}

class Postgres : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Backends, Postgres, testing::Values(Backend::postgres), backend_name);

TEST_P(Postgres, OnlyOneGatewayAttaches) {
    auto first = store->acquire_node("n1");
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_TRUE((*first)->held());
    auto const other = *store::open_store(config);
    auto const second = other->acquire_node("n2");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::conflict);
    first->reset();
    EXPECT_TRUE(other->acquire_node("n2"));
}

TEST_P(Postgres, ConnectionsLostWhileIdleAreMadeAgainUnnoticed) {
    auto const a = account();
    auto const lock = *store->acquire_node("n1");
    PostgresServer::instance().drop_connections();
    store->ping();
    EXPECT_EQ(store->accounts().get(a)->name, "acme");
    credit(a, "1");
    EXPECT_FALSE(lock->held()) << "but a node lock is gone with its session";
}

TEST_P(Postgres, AConnectionLostInATransactionIsAnOutageThatKeepsNothing) {
    auto const db = store::postgres::open(config.url);
    {
        store::sql::Transaction transaction(*db, true);
        db->prepare("insert into setting(key, value) values('x', 'y')").run();
        PostgresServer::instance().drop_connections();
        EXPECT_THROW(db->prepare("select 1").run(), store::StoreUnavailable);
        EXPECT_THROW(transaction.commit(), store::StoreUnavailable);
    }
    bool healed = false;
    for (int i = 0; i < 100 && !healed; ++i) try {
            store::sql::Transaction transaction(*db, false);
            healed = !db->prepare("select value from setting where key = 'x'").step();
        } catch (store::StoreUnavailable const&) {
            ::usleep(20'000);
        }
    EXPECT_TRUE(healed);
}

TEST_P(Postgres, TwoProcessesBookIntoOneStore) {
    auto const a = account();
    auto const k = key(a, 1).id;
    auto const other = *store::open_store(config);
    credit(a, "1");
    for (int i = 0; i < 5; ++i) {
        apply({record(a, k, "0.1")});
        store::ApplyBatch b{.node = "n2", .from = other->ledger().mark("n2"), .records = {record(a, k, "0.2")}, .now = t0};
        b.to = {1, b.from.offset + 1, b.from.seq + 1};
        ASSERT_TRUE(other->ledger().apply(b)->applied);
    }
    EXPECT_EQ(balance(a), usd("-0.5"));
}

TEST_P(Postgres, TextThatIsNotUtf8NeitherFailsNorMatches) {
    account("plain");
    EXPECT_TRUE(store->accounts().list({}, std::string("p\0lain\xff", 7)).rows.empty());
    EXPECT_FALSE(store->accounts().find_external("\xc3\x28"));
    auto const made = store->accounts().create({.name = std::string("a\0\xf0\x9f\x98\x80\xed\xa0\x80", 9), .created_at = t0});
    ASSERT_TRUE(made);
    EXPECT_EQ(store->accounts().get(made->id)->name, "a\uFFFD\U0001F600\uFFFD\uFFFD\uFFFD");
}

TEST_P(Postgres, TextTooLongForItsIndexIsTheCallersFault) {
    std::string noise; // does not compress below the index's limit
    for (int i = 0; i < 4000; ++i) noise += make_uuid7(t0).text().substr(28);
    auto const made = store->accounts().create({.name = "a", .external_id = noise, .created_at = t0});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Errc::invalid_request);
}

} // namespace
} // namespace tollgate::conformance
