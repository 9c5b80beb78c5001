#include "app/first_start.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include "base/log.hpp"
#include "store/catalog_store.hpp"

namespace tollgate::app {
namespace {

constexpr std::string_view done_setting = "first_start.done";

/// A control API call as the command line of this process; the body of a success.
Result<boost::json::object> call(App& app, std::string method, std::string path, boost::json::object const& body) {
    control::Actor actor;
    actor.kind = control::Actor::Kind::local;
    actor.name = "first start";
    control::Request request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.headers = {{"content-type", "application/json"}};
    request.body = boost::json::serialize(body);
    auto const response = app.api().dispatch_as(actor, request);
    if (response.status >= 300) return fail(Errc::internal, fmt::format("{} {}: {}", request.method, request.path, response.body));
    auto value = boost::json::parse(response.body);
    return std::move(value.as_object());
}

std::string text_of(boost::json::object const& object, char const* name) { return std::string(object.at(name).as_string()); }

} // namespace

Result<std::optional<FirstStart>> make_first_key(App& app) {
    auto& settings = app.store().catalog();
    if (settings.setting(done_setting)) return std::optional<FirstStart>();
    auto const account = call(app, "POST", "/api/accounts", {{"name", "First account"}, {"kind", "tenant"}, {"external_id", "first-start"}});
    if (!account) return Fail(account.error());
    auto const id = text_of(*account, "id");
    auto const grant = app.config().credits.first_start_grant;
    if (!grant.is_zero()) {
        auto const credit = call(app, "POST", "/api/accounts/" + id + "/credit",
                                 {{"amount", format_usd(grant)}, {"kind", "bonus"}, {"reference", "first-start"}, {"description", "Welcome"}});
        if (!credit) return Fail(credit.error());
    }
    auto const key = call(app, "POST", "/api/keys", {{"name", "First key"}, {"account_id", id}});
    if (!key) return Fail(key.error());
    settings.put_setting(done_setting, "1");
    return std::optional<FirstStart>(FirstStart{Secret(text_of(*key, "key"))});
}

std::string banner(App const& app, std::optional<FirstStart> const& first, bool token_from_environment) {
    std::string const scheme = app.config().tls.enabled() ? "https" : "http";
    std::string out = "\n";
    if (!app.gateway_address().empty()) out += fmt::format("  Gateway   {}://{}\n", scheme, app.gateway_address());
    if (!app.console_address().empty())
        out += fmt::format("  Console   {}://{}   (API reference: /docs)\n", scheme, app.console_address());
    if (!first) return out + "\n";
    out += fmt::format("\n  Administrator: user admin, token {}\n", token_from_environment
                                                                     ? std::string("as set in TOLLGATE_ADMIN_TOKEN")
                                                                     : app.admin_token().reveal());
    out += fmt::format("  API key        {}   (${} of promotional credit)\n", first->api_key.reveal(),
                       format_usd(app.config().credits.first_start_grant));
    out += fmt::format("  {} shown this once. Try the gate:\n\n", token_from_environment ? "The key is" : "Both are");
    out += fmt::format("  curl {}://{}/v1/chat/completions -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' "
                       "-d '{{\"model\":\"demo/echo\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello, gate\"}}]}}'\n\n",
                       scheme, app.gateway_address(), first->api_key.reveal());
    return out;
}

} // namespace tollgate::app
