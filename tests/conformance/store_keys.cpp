#include "backends.hpp"

namespace tollgate::conformance {
namespace {

class KeyStore : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Backends, KeyStore, every_backend, backend_name);

TEST_P(KeyStore, KeepsEveryField) {
    store::KeyRow row;
    row.account_id = account();
    row.team_id = TeamId{3};
    row.user_id = UserId{4};
    row.name = "production";
    row.hash = hash_of(1);
    row.prefix = "tg_abcde";
    row.sealed = std::string("\0\x01 sealed \xff", 11);
    row.scopes = {"openai_chat", "line\nbreak", "back\\slash", ""};
    row.models = {"gpt-*"};
    row.routes = {"cloudconvert"};
    row.allowed_ips = {"10.0.0.0/8", "2001:db8::/32"};
    row.tags = {"a", "b"};
    row.limits = {60, 100'000, 5};
    row.caps.day = usd("1");
    row.caps.total = usd("0");
    row.expires_at = Timestamp{t0.ms + day};
    row.enabled = false;
    row.created_at = t0;
    auto const made = store->keys().create(row);
    ASSERT_TRUE(made) << made.error().message;
    auto const got = store->keys().get(made->id);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->account_id, row.account_id);
    EXPECT_EQ(got->team_id, row.team_id);
    EXPECT_EQ(got->user_id, row.user_id);
    EXPECT_EQ(got->name, row.name);
    EXPECT_EQ(got->hash, row.hash);
    EXPECT_EQ(got->prefix, row.prefix);
    EXPECT_EQ(got->sealed, row.sealed);
    EXPECT_EQ(got->scopes, row.scopes);
    EXPECT_EQ(got->models, row.models);
    EXPECT_EQ(got->routes, row.routes);
    EXPECT_EQ(got->allowed_ips, row.allowed_ips);
    EXPECT_EQ(got->tags, row.tags);
    EXPECT_EQ(got->limits, row.limits);
    EXPECT_EQ(got->caps, row.caps);
    EXPECT_EQ(got->expires_at, row.expires_at);
    EXPECT_FALSE(got->enabled);
    EXPECT_FALSE(got->revoked_at);
    EXPECT_FALSE(got->last_used_at);
    EXPECT_EQ(store->keys().find_hash(hash_of(1))->id, made->id);
    EXPECT_FALSE(store->keys().find_hash(hash_of(2)));
}

TEST_P(KeyStore, CreateChecksAccountAndHash) {
    auto const missing = store->keys().create({.account_id = AccountId{77}, .hash = hash_of(1), .created_at = t0});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::not_found);
    auto const owner = account();
    key(owner, 1);
    auto const twice = store->keys().create({.account_id = owner, .hash = hash_of(1), .created_at = t0});
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().code, Errc::conflict);
}

TEST_P(KeyStore, UpdateLeavesSecretsAndOwnerAlone) {
    auto row = key(account(), 1);
    auto changed = row;
    changed.name = "new name";
    changed.caps.month = usd("9.99");
    changed.hash = hash_of(9);
    changed.account_id = account("other");
    EXPECT_TRUE(store->keys().update(changed));
    auto const got = *store->keys().get(row.id);
    EXPECT_EQ(got.name, "new name");
    EXPECT_EQ(got.caps.month, usd("9.99"));
    EXPECT_EQ(got.hash, row.hash);
    EXPECT_EQ(got.account_id, row.account_id);
    changed.id = KeyId{555};
    EXPECT_EQ(store->keys().update(changed).error().code, Errc::not_found);
}

TEST_P(KeyStore, RevokeIsPermanentAndKeepsTheFirstTime) {
    auto const row = key(account(), 1);
    EXPECT_EQ(store->keys().revoke(row.id, t0)->revoked_at, t0);
    EXPECT_EQ(store->keys().revoke(row.id, Timestamp{t0.ms + 5})->revoked_at, t0);
    EXPECT_EQ(store->keys().revoke(KeyId{99}, t0).error().code, Errc::not_found);
    EXPECT_EQ(store->keys().rotate(row.id, hash_of(2), "p", "", {}).error().code, Errc::conflict);
    EXPECT_TRUE(store->keys().find_hash(hash_of(1))) << "an import of a revoked key must find it";
}

TEST_P(KeyStore, RotateKeepsTheOldHashUntilItsGraceEnds) {
    auto const row = key(account(), 1);
    auto const rotated = store->keys().rotate(row.id, hash_of(2), "tg_new", "sealed", Timestamp{t0.ms + hour});
    ASSERT_TRUE(rotated) << rotated.error().message;
    EXPECT_EQ(rotated->hash, hash_of(2));
    EXPECT_EQ(rotated->prefix, "tg_new");
    EXPECT_EQ(rotated->previous_hash, hash_of(1));
    EXPECT_EQ(rotated->previous_until, Timestamp{t0.ms + hour});
    EXPECT_EQ(store->keys().create({.account_id = row.account_id, .hash = hash_of(1), .created_at = t0}).error().code,
              Errc::conflict) << "a hash in its grace time is taken";
    auto const again = store->keys().rotate(row.id, hash_of(3), "tg_3", "", {});
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->previous_hash);
    EXPECT_EQ(store->keys().rotate(KeyId{99}, hash_of(4), "", "", {}).error().code, Errc::not_found);
}

TEST_P(KeyStore, ListFilters) {
    auto const a = account("a"), b = account("b");
    key(a, 1);
    auto const second = key(a, 2);
    key(b, 3);
    store->keys().revoke(second.id, t0);
    EXPECT_EQ(store->keys().list({}, {}).rows.size(), 3U);
    EXPECT_EQ(store->keys().list({}, {.account_id = a}).rows.size(), 2U);
    EXPECT_EQ(store->keys().list({}, {.account_id = a, .include_revoked = false}).rows.size(), 1U);
    EXPECT_EQ(store->keys().list({}, {.q = "KEY 3"}).rows.size(), 1U);
    EXPECT_EQ(store->keys().list({}, {.q = "TG_10002"}).rows.front().id, second.id);
    auto const page = store->keys().list({.limit = 2}, {});
    EXPECT_EQ(page.rows.size(), 2U);
    EXPECT_EQ(store->keys().list({.cursor = page.next, .limit = 2}, {}).rows.size(), 1U);
}

TEST_P(KeyStore, BulkLoadSkipsRevokedKeys) {
    auto const owner = account();
    for (int i = 1; i <= 20; ++i) key(owner, i);
    store->keys().revoke(KeyId{5}, t0);
    std::vector<std::int64_t> ids;
    store->keys().for_each_key([&](store::KeyRow&& row) { ids.push_back(row.id.value); });
    EXPECT_EQ(ids.size(), 19U);
    EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
    EXPECT_EQ(std::count(ids.begin(), ids.end(), 5), 0);
}

TEST_P(KeyStore, LastUseOnlyMovesForward) {
    auto const row = key(account(), 1);
    std::vector<store::KeyUse> const late{{row.id, Timestamp{t0.ms + 10}}, {KeyId{99}, t0}}, early{{row.id, t0}};
    store->keys().touch_used(late);
    store->keys().touch_used(early);
    EXPECT_EQ(store->keys().get(row.id)->last_used_at, Timestamp{t0.ms + 10});
}

class ServiceTokenStore : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Backends, ServiceTokenStore, every_backend, backend_name);

TEST_P(ServiceTokenStore, LivesFromCreateToRevoke) {
    auto const made = store->service_tokens().create({.name = "ci", .hash = hash_of(1), .prefix = "tgs_1", .scopes = {"keys:import"},
                                                      .created_at = t0, .expires_at = Timestamp{t0.ms + 1}});
    ASSERT_TRUE(made);
    auto const got = store->service_tokens().find_hash(hash_of(1));
    ASSERT_TRUE(got);
    EXPECT_EQ(got->id, made->id);
    EXPECT_EQ(got->scopes, std::vector<std::string>{"keys:import"});
    EXPECT_EQ(got->expires_at, Timestamp{t0.ms + 1});
    EXPECT_EQ(store->service_tokens().create({.name = "x", .hash = hash_of(1), .created_at = t0}).error().code, Errc::conflict);
    EXPECT_EQ(store->service_tokens().revoke(made->id, t0)->revoked_at, t0);
    EXPECT_EQ(store->service_tokens().revoke(ServiceTokenId{9}, t0).error().code, Errc::not_found);
    EXPECT_EQ(store->service_tokens().list({}).rows.size(), 1U);
}

} // namespace
} // namespace tollgate::conformance
