#include "app/unused_settings.hpp"

namespace tollgate::app {

std::vector<std::string> unused_settings(config::Config const& config) {
    std::vector<std::string> out;
    auto const add = [&out](bool set, std::string name) {
        if (set) out.push_back(std::move(name));
    };
    add(!config.redis.empty(), "redis");
    add(!config.clickhouse.empty(), "clickhouse");
    for (auto const& route : config.routes) out.push_back("[[route]] '" + route.name + "'");
    add(!config.stripe.secret_key.empty(), "STRIPE_SECRET_KEY");
    add(!config.stripe.webhook_secret.empty(), "STRIPE_WEBHOOK_SECRET");
    add(!config.cloud.clerk_secret_key.empty(), "CLERK_SECRET_KEY");
    add(!config.cloud.cf_account_id.empty(), "CF_ACCOUNT_ID");
    add(!config.cloud.cf_api_token.empty(), "CF_API_TOKEN");
    add(!config.cloud.cf_kv_namespace_id.empty(), "CF_KV_NAMESPACE_ID");
    return out;
}

std::string unused_setting_text(std::string const& name) { return name + " is set, but this version does not use it"; }

} // namespace tollgate::app
