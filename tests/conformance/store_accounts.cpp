#include "backends.hpp"

namespace tollgate::conformance {
namespace {

class AccountStore : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Backends, AccountStore, every_backend, backend_name);

TEST_P(AccountStore, KeepsEveryField) {
    store::AccountRow row{.name = "Grüße 你好 'quoted' \\ %", .external_id = "tenant-1", .kind = store::AccountKind::team,
                          .multiplier = Multiplier::from_ppb(1'250'000'000), .overdraft = usd("2.5"), .suspended = true,
                          .created_at = t0};
    auto const made = store->accounts().create(row);
    ASSERT_TRUE(made);
    auto const got = store->accounts().get(made->id);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->name, row.name);
    EXPECT_EQ(got->external_id, "tenant-1");
    EXPECT_EQ(got->kind, store::AccountKind::team);
    EXPECT_EQ(got->multiplier, row.multiplier);
    EXPECT_EQ(got->overdraft, usd("2.5"));
    EXPECT_TRUE(got->suspended);
    EXPECT_EQ(got->created_at, t0);
    EXPECT_EQ(store->accounts().find_external("tenant-1")->id, made->id);
    EXPECT_FALSE(store->accounts().get(AccountId{999}));
    EXPECT_FALSE(store->accounts().find_external("nobody"));
}

TEST_P(AccountStore, ExternalIdIsUniqueButMayBeMissing) {
    EXPECT_TRUE(store->accounts().create({.name = "a", .created_at = t0}));
    EXPECT_TRUE(store->accounts().create({.name = "b", .created_at = t0}));
    EXPECT_TRUE(store->accounts().create({.name = "c", .external_id = "x", .created_at = t0}));
    auto const again = store->accounts().create({.name = "d", .external_id = "x", .created_at = t0});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::conflict);
    EXPECT_EQ(again.error().param, "external_id");
    EXPECT_FALSE(store->accounts().find_external(""));
}

TEST_P(AccountStore, FindOrCreateMakesOneAccount) {
    bool created = false;
    auto const first = store->accounts().find_or_create({.name = "n", .external_id = "u1", .created_at = t0}, created);
    EXPECT_TRUE(created);
    auto const second = store->accounts().find_or_create({.name = "other", .external_id = "u1", .created_at = t0}, created);
    EXPECT_FALSE(created);
    EXPECT_EQ(first.id, second.id);
    EXPECT_EQ(second.name, "n");
}

TEST_P(AccountStore, UpdateReplacesAndReportsConflicts) {
    auto row = *store->accounts().get(account("a"));
    account("b");
    row.name = "renamed";
    row.suspended = true;
    EXPECT_TRUE(store->accounts().update(row));
    EXPECT_EQ(store->accounts().get(row.id)->name, "renamed");
    row.external_id = "ext-b";
    auto const taken = store->accounts().update(row);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, Errc::conflict);
    row.external_id = "";
    EXPECT_TRUE(store->accounts().update(row));
    row.id = AccountId{4711};
    auto const missing = store->accounts().update(row);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::not_found);
}

TEST_P(AccountStore, ListsNewestFirstInPagesWithAnEnd) {
    for (int i = 0; i < 7; ++i) account("acct" + std::to_string(i));
    std::vector<std::string> seen;
    store::PageRequest page{.limit = 3};
    int pages = 0;
    do {
        auto const got = store->accounts().list(page, "");
        for (auto const& a : got.rows) seen.push_back(a.name);
        page.cursor = got.next;
        ++pages;
    } while (page.cursor != 0);
    EXPECT_EQ(pages, 3);
    EXPECT_EQ(seen, (std::vector<std::string>{"acct6", "acct5", "acct4", "acct3", "acct2", "acct1", "acct0"}));
    EXPECT_EQ(store->accounts().list({.limit = 7}, "").next, 0) << "an exactly full page is the last";
    EXPECT_EQ(store->accounts().list({.limit = 2, .offset = 5}, "").rows.front().name, "acct1");
}

TEST_P(AccountStore, SearchIsCaseInsensitiveAndLiteral) {
    account("Alpha_One");
    account("alphaXone");
    account("50% off");
    auto const names = [&](std::string_view q) {
        std::vector<std::string> out;
        for (auto const& a : store->accounts().list({}, q).rows) out.push_back(a.name);
        return out;
    };
    EXPECT_EQ(names("ALPHA").size(), 2U);
    EXPECT_EQ(names("a_o"), std::vector<std::string>{"Alpha_One"});
    EXPECT_EQ(names("0%"), std::vector<std::string>{"50% off"});
    EXPECT_EQ(names("ext-50"), std::vector<std::string>{"50% off"});
    EXPECT_TRUE(names("'").empty());
}

TEST_P(AccountStore, ForEachVisitsAllInOrder) {
    auto const a = account("a"), b = account("b");
    std::vector<AccountId> ids;
    store->accounts().for_each([&](auto const& row) { ids.push_back(row.id); });
    EXPECT_EQ(ids, (std::vector<AccountId>{a, b}));
}

} // namespace
} // namespace tollgate::conformance
