#include "backends.hpp"

namespace tollgate::conformance {
namespace {

class CatalogStore : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Backends, CatalogStore, every_backend, backend_name);

TEST_P(CatalogStore, ProvidersComeBackWhole) {
    store::ProviderRow row{.name = "openai", .kind = "openai", .base_url = "https://api.openai.com/v1",
                           .sealed_api_key = std::string("\0\xfe", 2), .options_json = "{}", .expose = {"*"}, .created_at = t0};
    auto made = store->catalog().create_provider(row);
    ASSERT_TRUE(made);
    EXPECT_EQ(store->catalog().create_provider(row).error().code, Errc::conflict);
    made->base_url = "http://other";
    made->enabled = false;
    EXPECT_TRUE(store->catalog().update_provider(*made));
    auto const all = store->catalog().providers();
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].base_url, "http://other");
    EXPECT_EQ(all[0].sealed_api_key, row.sealed_api_key);
    EXPECT_EQ(all[0].expose, row.expose);
    EXPECT_FALSE(all[0].enabled);
    auto const other = store->catalog().create_provider({.name = "two", .created_at = t0});
    made->name = "two";
    EXPECT_EQ(store->catalog().update_provider(*made).error().code, Errc::conflict);
    EXPECT_TRUE(store->catalog().remove_provider(other->id));
    EXPECT_EQ(store->catalog().remove_provider(other->id).error().code, Errc::not_found);
    auto const third = store->catalog().create_provider({.name = "three", .created_at = t0});
    EXPECT_GT(third->id, other->id) << "the id of a removed provider is never used again";
}

TEST_P(CatalogStore, ModelsComeBackWhole) {
    store::ModelRow row{.name = "claude", .targets_json = R"([{"provider":"p"}])", .price_json = R"({"input":"3"})",
                        .multiplier = Multiplier::from_ppb(1'200'000'000), .strategy = "priority", .options_json = "{}",
                        .created_at = t0};
    auto made = store->catalog().create_model(row);
    ASSERT_TRUE(made);
    EXPECT_EQ(store->catalog().create_model(row).error().code, Errc::conflict);
    made->price_json = "";
    EXPECT_TRUE(store->catalog().update_model(*made));
    auto const all = store->catalog().models();
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].targets_json, row.targets_json);
    EXPECT_EQ(all[0].price_json, "");
    EXPECT_EQ(all[0].multiplier, row.multiplier);
    EXPECT_TRUE(store->catalog().remove_model(made->id));
    EXPECT_EQ(store->catalog().update_model(*made).error().code, Errc::not_found);
}

TEST_P(CatalogStore, PriceVersionsAreIdentifiedByContent) {
    store::PriceVersionRow row{.hash = hash_of(1), .scope = "book:openai/gpt-4o", .source = "book", .effective_from = t0,
                               .created_at = t0, .body = R"({"input":1})"};
    auto const first = store->catalog().put_price_version(row);
    EXPECT_TRUE(first);
    row.body = "changed under the same hash";
    EXPECT_EQ(store->catalog().put_price_version(row), first);
    EXPECT_EQ(store->catalog().price_version(first)->body, R"({"input":1})") << "a version never changes";
    auto second = row;
    second.hash = hash_of(2);
    second.scope = "model:x";
    auto const ids = store->catalog().put_price_versions({row, second, second});
    EXPECT_EQ(ids[0], first);
    EXPECT_NE(ids[1], first);
    EXPECT_EQ(ids[1], ids[2]);
    EXPECT_EQ(store->catalog().price_versions({}, "", true).rows.size(), 2U);
    auto const scoped = store->catalog().price_versions({}, "model:x", false);
    ASSERT_EQ(scoped.rows.size(), 1U);
    EXPECT_EQ(scoped.rows[0].body, "");
    EXPECT_FALSE(store->catalog().price_version(PriceVersionId{99}));
}

TEST_P(CatalogStore, SettingsAreReplaced) {
    EXPECT_FALSE(store->catalog().setting("credits.rate"));
    store->catalog().put_setting("credits.rate", "100");
    store->catalog().put_setting("credits.rate", "200");
    store->catalog().put_setting("a", "");
    EXPECT_EQ(store->catalog().setting("credits.rate"), "200");
    EXPECT_EQ(store->catalog().settings(), (std::vector<std::pair<std::string, std::string>>{{"a", ""}, {"credits.rate", "200"}}));
}

} // namespace
} // namespace tollgate::conformance
