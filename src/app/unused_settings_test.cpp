#include "app/unused_settings.hpp"

#include <gtest/gtest.h>

namespace tollgate::app {
namespace {

TEST(UnusedSettings, AreNamedOnlyWhereTheyAreSet) {
    config::Config config;
    EXPECT_TRUE(unused_settings(config).empty());
    config.redis = "redis://h";
    config.clickhouse = "http://h";
    config.routes.emplace_back().name = "files";
    config.stripe.webhook_secret = Secret("whsec_1");
    config.cloud.cf_account_id = "c";
    EXPECT_EQ(unused_settings(config), (std::vector<std::string>{"redis", "clickhouse", "[[route]] 'files'", "STRIPE_WEBHOOK_SECRET", "CF_ACCOUNT_ID"}));
    EXPECT_EQ(unused_setting_text("redis"), "redis is set, but this version does not use it");
}

} // namespace
} // namespace tollgate::app
