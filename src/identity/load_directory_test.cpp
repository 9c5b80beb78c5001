#include "identity/load_directory.hpp"

#include <chrono>
#include <gtest/gtest.h>

#include "identity/authenticate.hpp"
#include "store/account_store.hpp"
#include "store/key_store.hpp"
#include "store/store.hpp"

namespace tollgate::identity {
namespace {

constexpr Timestamp now{1'800'000'000'000};
IpAddress const peer = *parse_ip("203.0.113.9");

class LoadDirectory : public testing::Test {
protected:
    std::unique_ptr<store::Store> store;
    DirectoryPublisher publisher;
    KeyHasher hasher{Secret("0123456789abcdef0123456789abcdef")};
    AccountId account;

    void SetUp() override {
        store::StoreConfig config;
        config.url = "sqlite::memory:";
        auto opened = store::open_store(config);
        ASSERT_TRUE(opened) << opened.error().message;
        store = std::move(*opened);
        store::AccountRow row;
        row.name = "payer";
        row.multiplier = Multiplier::from_ppb(1'500'000'000);
        row.overdraft = Money::from_nanos(7);
        row.created_at = now;
        account = store->accounts().create(row)->id;
    }
    static std::string text(int i) { return "ntk_0123456789_" + std::to_string(i); }
    store::KeyRow row(int i) {
        store::KeyRow out;
        out.account_id = account;
        out.name = "key " + std::to_string(i);
        out.hash = hasher.hash(text(i));
        out.prefix = key_prefix(text(i));
        out.created_at = now;
        return out;
    }
    Result<Caller> call(int i, Timestamp at = now) {
        return authenticate(*publisher.directory().get(), hasher, text(i), peer, at);
    }
};

TEST_F(LoadDirectory, BringsEveryFieldToTheDataPlane) {
    auto full = row(1);
    full.scopes = {"openai*"};
    full.models = {"gpt-4o"};
    full.allowed_ips = {"203.0.113.0/24"};
    full.tags = {"team-a"};
    full.limits = {10, 20, 30};
    full.caps.day = Money::from_nanos(5);
    full.expires_at = Timestamp{now.ms + 1};
    auto const made = store->keys().create(full);
    ASSERT_TRUE(made);
    load_directory(*store, publisher);
    auto const caller = call(1);
    ASSERT_TRUE(caller) << caller.error().message;
    EXPECT_EQ(caller->key->id, made->id);
    EXPECT_EQ(caller->key->name, "key 1");
    EXPECT_EQ(caller->key->limits, (RateLimits{10, 20, 30}));
    EXPECT_EQ(caller->key->caps.day, Money::from_nanos(5));
    EXPECT_FALSE(caller->key->caps.total);
    EXPECT_EQ(caller->key->tags, std::vector<std::string>{"team-a"});
    EXPECT_TRUE(may_use_model(*caller->key, "gpt-4o"));
    EXPECT_FALSE(may_use_model(*caller->key, "o3"));
    EXPECT_FALSE(may_use_surface(*caller->key, Surface::anthropic_messages));
    EXPECT_EQ(caller->account->multiplier.ppb(), 1'500'000'000);
    EXPECT_EQ(caller->account->overdraft.nanos(), 7);
    EXPECT_FALSE(call(1, Timestamp{now.ms + 1}));
}

TEST_F(LoadDirectory, RevokedAndDisabledKeysAreNotLetIn) {
    auto const revoked = store->keys().create(row(1));
    auto disabled = row(2);
    disabled.enabled = false;
    ASSERT_TRUE(store->keys().create(disabled));
    ASSERT_TRUE(store->keys().create(row(3)));
    ASSERT_TRUE(store->keys().revoke(revoked->id, now));
    load_directory(*store, publisher);
    EXPECT_FALSE(call(1));
    EXPECT_FALSE(call(2));
    EXPECT_TRUE(call(3));
}

TEST_F(LoadDirectory, ARotatedKeysGraceSurvivesARestart) {
    auto const made = store->keys().create(row(1));
    ASSERT_TRUE(made);
    auto const rotated = store->keys().rotate(made->id, hasher.hash(text(2)), key_prefix(text(2)), "", Timestamp{now.ms + 50});
    ASSERT_TRUE(rotated);
    load_directory(*store, publisher);
    EXPECT_TRUE(call(1));
    EXPECT_TRUE(call(2));
    EXPECT_FALSE(call(1, Timestamp{now.ms + 50}));
    EXPECT_TRUE(call(2, Timestamp{now.ms + 50}));

    DirectoryPublisher live;
    live.upsert_account(account_from_row(*store->accounts().get(account)));
    publish_key(live, *rotated);
    EXPECT_TRUE(authenticate(*live.directory().get(), hasher, text(1), peer, now));
    EXPECT_TRUE(authenticate(*live.directory().get(), hasher, text(2), peer, now));
    auto const revoked = store->keys().revoke(made->id, now);
    ASSERT_TRUE(revoked);
    publish_key(live, *revoked);
    EXPECT_FALSE(authenticate(*live.directory().get(), hasher, text(2), peer, now));
}

TEST_F(LoadDirectory, WhatCannotBeReadGrantsNothing) {
    auto odd = row(1);
    odd.scopes = {"a surface of the future"};
    odd.allowed_ips = {"not an address"};
    auto const key = key_from_row(odd);
    EXPECT_EQ(key.surfaces, SurfaceSet{0});
    ASSERT_EQ(key.allowed_ips.size(), 1u);
    EXPECT_FALSE(key.allowed_ips[0].contains(peer));
    EXPECT_FALSE(key.allowed_ips[0].contains(IpAddress()));
}

TEST_F(LoadDirectory, AnotherPepperIsAStartUpErrorNotA401) {
    EXPECT_TRUE(check_pepper(*store, Secret("the first pepper, long enough")));
    EXPECT_TRUE(check_pepper(*store, Secret("the first pepper, long enough")));
    auto const other = check_pepper(*store, Secret("another pepper, long enough too"));
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, Errc::unavailable);
    EXPECT_NE(other.error().message.find("backup"), std::string::npos);
}

/// Prints the figure; passes whatever it is.
TEST_F(LoadDirectory, Figures) {
    constexpr int count = 2'000;
    for (int i = 1; i <= count; ++i) ASSERT_TRUE(store->keys().create(row(i)));
    auto const t0 = std::chrono::steady_clock::now();
    load_directory(*store, publisher);
    auto const us = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - t0).count();
    std::printf("load from the store: %.2f us per key\n", static_cast<double>(us) / count);
    EXPECT_EQ(publisher.key_count(), static_cast<std::size_t>(count));
}

} // namespace
} // namespace tollgate::identity
