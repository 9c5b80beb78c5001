#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <thread>

#include "identity/authenticate.hpp"
#include "identity/key_activity.hpp"
#include "identity/publisher.hpp"

namespace tollgate::identity {
namespace {

constexpr Timestamp now{1'800'000'000'000};
IpAddress const peer = *parse_ip("203.0.113.9");

struct World : testing::Test {
    DirectoryPublisher publisher;
    KeyHasher hasher{Secret("0123456789abcdef0123456789abcdef")};

    static std::string text(int i) { return "ntk_0123456789_" + std::to_string(i); }
    static Key make_key(int id) {
        Key key;
        key.id = KeyId{id};
        key.account_id = AccountId{7};
        key.name = "key " + std::to_string(id);
        key.prefix = "ntk_0123";
        return key;
    }
    static Account make_account(int id) {
        Account account;
        account.id = AccountId{id};
        return account;
    }
    void SetUp() override { publisher.upsert_account(make_account(7)); }
    Result<Caller> call(std::string_view key, Timestamp at = now, IpAddress from = peer) {
        return authenticate(*publisher.directory().get(), hasher, key, from, at);
    }
    static Errc code(Result<Caller> const& result) { return result ? Errc::internal : result.error().code; }
};
class Authenticate : public World {};
class DirectoryTest : public World {};

TEST_F(Authenticate, KnowsAKeyWithAndWithoutSk) {
    publisher.upsert_key(make_key(1), hasher.hash(text(1)));
    auto const caller = call(text(1));
    ASSERT_TRUE(caller);
    EXPECT_EQ(caller->key->id, KeyId{1});
    EXPECT_EQ(caller->account->id, AccountId{7});
    EXPECT_TRUE(call("sk-" + text(1)));
}

TEST_F(Authenticate, EveryInvalidKeyGetsTheSameAnswer) {
    auto expired = make_key(2), disabled = make_key(3), revoked = make_key(4), limited = make_key(5);
    expired.expires_at = now;
    disabled.enabled = false;
    // Even a key that would fail later on must not tell more than an unknown one.
    disabled.allowed_ips = {*parse_cidr("10.0.0.0/8")};
    publisher.upsert_key(expired, hasher.hash(text(2)));
    publisher.upsert_key(disabled, hasher.hash(text(3)));
    publisher.upsert_key(revoked, hasher.hash(text(4)));
    publisher.remove_key(KeyId{4});
    auto const unknown = call(text(99));
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, Errc::unauthenticated);
    for (auto const& key : {text(2), text(3), text(4), std::string("short"), std::string("tg_") + std::string(49, 'a')}) {
        auto const result = call(key);
        ASSERT_FALSE(result) << key;
        EXPECT_EQ(result.error().code, Errc::unauthenticated);
        EXPECT_EQ(result.error().message, unknown.error().message);
        EXPECT_EQ(result.error().message.find(key), std::string::npos);
    }
}

TEST_F(Authenticate, ExpiryIsExclusive) {
    auto key = make_key(1);
    key.expires_at = Timestamp{now.ms + 1};
    publisher.upsert_key(key, hasher.hash(text(1)));
    EXPECT_TRUE(call(text(1), now));
    EXPECT_EQ(code(call(text(1), Timestamp{now.ms + 1})), Errc::unauthenticated);
}

TEST_F(Authenticate, AddressesOutsideTheAllowListAreForbidden) {
    auto key = make_key(1);
    key.allowed_ips = {*parse_cidr("198.51.100.0/24"), *parse_cidr("2001:db8::/32")};
    publisher.upsert_key(key, hasher.hash(text(1)));
    EXPECT_TRUE(call(text(1), now, *parse_ip("198.51.100.200")));
    EXPECT_TRUE(call(text(1), now, *parse_ip("::ffff:198.51.100.200")));
    EXPECT_TRUE(call(text(1), now, *parse_ip("2001:db8:1::1")));
    auto const result = call(text(1));
    EXPECT_EQ(code(result), Errc::forbidden);
    EXPECT_NE(result.error().message.find("203.0.113.9"), std::string::npos);
}

TEST_F(Authenticate, ASuspendedAccountIsForbidden) {
    publisher.upsert_key(make_key(1), hasher.hash(text(1)));
    auto account = make_account(7);
    account.suspended = true;
    publisher.upsert_account(account);
    EXPECT_EQ(code(call(text(1))), Errc::forbidden);
}

TEST_F(Authenticate, AMissingAccountIsOurFaultNotTheCallers) {
    auto key = make_key(1);
    key.account_id = AccountId{8};
    publisher.upsert_key(key, hasher.hash(text(1)));
    EXPECT_EQ(code(call(text(1))), Errc::unavailable);
}

TEST_F(Authenticate, RotationKeepsTheOldKeyUntilItsGraceEnds) {
    publisher.upsert_key(make_key(1), hasher.hash(text(1)));
    publisher.upsert_key(make_key(1), hasher.hash(text(2)), hasher.hash(text(1)), Timestamp{now.ms + 100});
    EXPECT_TRUE(call(text(1)));
    EXPECT_TRUE(call(text(2)));
    EXPECT_EQ(code(call(text(1), Timestamp{now.ms + 100})), Errc::unauthenticated);
    EXPECT_TRUE(call(text(2), Timestamp{now.ms + 100}));
    publisher.remove_key(KeyId{1}); // takes both away
    EXPECT_FALSE(call(text(1)));
    EXPECT_FALSE(call(text(2)));
    EXPECT_EQ(publisher.key_count(), 0u);
}

TEST_F(Authenticate, PermissionsAreExactNamesPrefixesOrEverything) {
    struct Case {
        std::vector<std::string> models;
        std::string_view model;
        bool want;
    };
    for (auto const& [models, model, want] :
         {Case{{}, "gpt-4o", true}, Case{{"*"}, "gpt-4o", true}, Case{{"gpt-4o"}, "gpt-4o", true},
          Case{{"gpt-4o"}, "gpt-4o-mini", false}, Case{{"gpt-4o*"}, "gpt-4o-mini", true}, Case{{"gpt-4o*"}, "gpt-4", false},
          Case{{"claude-*", "o3"}, "o3", true}, Case{{"claude-*", "o3"}, "o3-mini", false}, Case{{"Gpt-4o"}, "gpt-4o", false}}) {
        auto key = make_key(1);
        key.models = models;
        auto const result = may_use_model(key, model);
        EXPECT_EQ(result.has_value(), want) << model;
        if (!result) {
            EXPECT_EQ(result.error().code, Errc::forbidden);
        }
    }
}

TEST_F(Authenticate, ScopesNameSurfacesAndListingModelsIsAlwaysOpen) {
    auto key = make_key(1);
    key.surfaces = *parse_scopes({"anthropic*", "openai_embeddings"});
    EXPECT_TRUE(may_use_surface(key, Surface::anthropic_messages));
    EXPECT_TRUE(may_use_surface(key, Surface::openai_embeddings));
    EXPECT_TRUE(may_use_surface(key, Surface::openai_models));
    auto const result = may_use_surface(key, Surface::openai_chat);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::forbidden);
    EXPECT_NE(result.error().message.find("openai_chat"), std::string::npos);
    EXPECT_EQ(*parse_scopes({}), all_surfaces);
    auto const wrong = parse_scopes({"openai_chatt"});
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().message.find("nearest is 'openai_chat'"), std::string::npos);
}

TEST_F(DirectoryTest, AnOldDirectoryStaysAsItWas) {
    publisher.upsert_key(make_key(1), hasher.hash(text(1)));
    auto const before = publisher.directory().get();
    auto changed = make_key(1);
    changed.name = "renamed";
    publisher.upsert_key(changed, hasher.hash(text(1)));
    EXPECT_EQ(before->find(hasher.hash(text(1)), now)->name, "key 1");
    EXPECT_EQ(publisher.directory().get()->find(hasher.hash(text(1)), now)->name, "renamed");
    EXPECT_EQ(publisher.key_count(), 1u);
}

TEST_F(DirectoryTest, ManyKeysAndChangesAgreeWithALookupOfEach) {
    constexpr int count = 20'000;
    std::vector<KeyEntry> entries;
    std::vector<Account> accounts;
    for (int i = 1; i <= count; ++i)
        entries.push_back(KeyEntry{hasher.hash(text(i)), {}, std::make_shared<Key const>(make_key(i))});
    for (int i = 1; i <= 1000; ++i) accounts.push_back(make_account(1001 - i));
    publisher.load(std::move(entries), std::move(accounts));
    for (int i = 1; i <= count; i += 7) publisher.remove_key(KeyId{i});
    for (int i = 3; i <= count; i += 100) publisher.upsert_key(make_key(i), hasher.hash(text(i + count)));
    auto const directory = publisher.directory().get();
    EXPECT_EQ(directory->account_count(), 1000u);
    for (int i = 1; i <= 1000; ++i) ASSERT_EQ(directory->account(AccountId{i})->id, AccountId{i});
    EXPECT_EQ(directory->account(AccountId{1001}), nullptr);
    for (int i = 1; i <= count; ++i) {
        bool const removed = i % 7 == 1, moved = i % 100 == 3;
        auto const found = directory->find(hasher.hash(text(i)), now);
        ASSERT_EQ(found != nullptr, !removed && !moved) << i;
        if (found) {
            ASSERT_EQ(found->id, KeyId{i});
        }
        if (moved) {
            ASSERT_EQ(directory->find(hasher.hash(text(i + count)), now)->id, KeyId{i});
        }
    }
}

TEST_F(DirectoryTest, ReadersNeverSeeAHalfChangedDirectory) {
    publisher.upsert_key(make_key(1), hasher.hash(text(1)));
    auto const hash = hasher.hash(text(1));
    std::atomic<bool> stop{false};
    std::atomic<int> missing{0};
    std::vector<std::thread> readers;
    for (int t = 0; t < 3; ++t)
        readers.emplace_back([&] {
            Snapshot<Directory>::Reader reader(publisher.directory());
            while (!stop.load())
                if (!reader.current().find(hash, now)) missing.fetch_add(1);
        });
    for (int i = 2; i < 2000; ++i) {
        publisher.upsert_key(make_key(i), hasher.hash(text(i)));
        publisher.upsert_key(make_key(1), hash);
    }
    stop = true;
    for (auto& reader : readers) reader.join();
    EXPECT_EQ(missing.load(), 0);
}

TEST(KeyActivityTest, ReportsEachChangeOnce) {
    KeyActivity activity;
    EXPECT_EQ(activity.last_used(KeyId{5}).ms, 0);
    activity.touch(KeyId{5}, now);
    activity.touch(KeyId{900'000}, now);
    activity.touch(KeyId{5}, Timestamp{now.ms + 400}); // within the second
    EXPECT_EQ(activity.last_used(KeyId{5}), now);
    EXPECT_EQ(activity.take_changes().size(), 2u);
    EXPECT_TRUE(activity.take_changes().empty());
    activity.touch(KeyId{5}, Timestamp{now.ms + 2000});
    auto const changes = activity.take_changes();
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0], std::make_pair(KeyId{5}, Timestamp{now.ms + 2000}));
}

/// Prints figures; passes whatever they are.
TEST_F(DirectoryTest, Figures) {
    constexpr int count = 100'000;
    std::vector<KeyEntry> entries;
    for (int i = 1; i <= count; ++i)
        entries.push_back(KeyEntry{hasher.hash(text(i)), {}, std::make_shared<Key const>(make_key(i))});
    std::vector<Account> accounts;
    accounts.push_back(make_account(7));
    using clock = std::chrono::steady_clock;
    auto const ns = [](auto d) { return std::chrono::duration_cast<std::chrono::nanoseconds>(d).count(); };
    auto t0 = clock::now();
    publisher.load(std::move(entries), std::move(accounts));
    auto t1 = clock::now();
    RecordProperty("load_100k_us", static_cast<int>(ns(t1 - t0) / 1000));
    std::printf("load of %d keys: %.1f ms\n", count, static_cast<double>(ns(t1 - t0)) / 1e6);
    t0 = clock::now();
    for (int i = 1; i <= 200; ++i) publisher.upsert_key(make_key(i), hasher.hash(text(i)));
    t1 = clock::now();
    std::printf("change of one key: %.1f us\n", static_cast<double>(ns(t1 - t0)) / 200e3);
    std::vector<std::string> texts;
    for (int i = 0; i < 1024; ++i) texts.push_back(text(1 + i * 97));
    auto const directory = publisher.directory().get();
    std::size_t ok = 0;
    constexpr int rounds = 200'000;
    t0 = clock::now();
    for (int i = 0; i < rounds; ++i) ok += hasher.hash(texts[static_cast<std::size_t>(i & 1023)])[0] < 128;
    t1 = clock::now();
    std::printf("hash: %.0f ns\n", static_cast<double>(ns(t1 - t0)) / rounds);
    t0 = clock::now();
    for (int i = 0; i < rounds; ++i) ok += authenticate(*directory, hasher, texts[static_cast<std::size_t>(i & 1023)], peer, now).has_value();
    t1 = clock::now();
    std::printf("authenticate: %.0f ns\n", static_cast<double>(ns(t1 - t0)) / rounds);
    EXPECT_GE(ok, static_cast<std::size_t>(rounds));
}

} // namespace
} // namespace tollgate::identity
