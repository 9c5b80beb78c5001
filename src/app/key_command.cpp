#include "app/key_command.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>
#include <iostream>
#include <unistd.h>

#include "app/control_client.hpp"
#include "base/clock.hpp"

namespace tollgate::app {
namespace {

namespace json = boost::json;

int complain(std::string_view message) {
    fmt::print(stderr, "tollgate: {}\n", message);
    return 1;
}

/// The `detail` of a problem document, else the body.
std::string problem_text(control::Response const& response) {
    boost::system::error_code error;
    auto const value = json::parse(response.body, error);
    if (!error && value.is_object())
        if (auto const* detail = value.get_object().if_contains("detail"); detail && detail->is_string())
            return std::string(detail->get_string());
    return response.body.empty() ? fmt::format("status {}", response.status) : response.body;
}

std::string text_of(json::object const& object, char const* name) {
    auto const* value = object.if_contains(name);
    if (value == nullptr || value->is_null()) return "-";
    return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

/// What a caller who presents the key meets first.
std::string_view status_of(json::object const& key, Timestamp now) {
    if (text_of(key, "revoked_at") != "-") return "revoked";
    if (auto const expires = parse_rfc3339(text_of(key, "expires_at")); expires && *expires <= now) return "expired";
    return text_of(key, "enabled") == "true" ? "active" : "disabled";
}

json::array array_of(std::vector<std::string> const& values) {
    json::array out;
    for (auto const& value : values) out.emplace_back(value);
    return out;
}

} // namespace

KeyCommand::KeyCommand(CLI::App& key) {
    key.require_subcommand(1);
    create_ = key.add_subcommand("create", "Make a key; its text is printed this once");
    create_->add_option("--name", name_, "What people call it")->required();
    create_->add_option("--account", account_, "Id of the account that pays (acc_…)")->required();
    create_->add_option("--model", models_, "Allowed model, exact or prefix*; repeat for more [all]");
    create_->add_option("--scope", scopes_, "Allowed surface; repeat for more [all]");
    create_->add_option("--ip", ips_, "Allowed address or CIDR block; repeat for more [anywhere]");
    create_->add_option("--tag", tags_, "Tag copied to every record; repeat for more");
    create_->add_option("--expires-at", expires_, "RFC 3339 time [never]");
    create_->add_option("--rpm", rpm_, "Requests per minute [no limit]");
    create_->add_option("--tpm", tpm_, "Tokens per minute [no limit]");
    create_->add_option("--concurrency", concurrency_, "Requests in flight [no limit]");
    create_->add_option("--cap-day", cap_day_, "USD per UTC day [no cap]");
    create_->add_option("--cap-week", cap_week_, "USD per week [no cap]");
    create_->add_option("--cap-month", cap_month_, "USD per calendar month [no cap]");
    create_->add_option("--cap-total", cap_total_, "USD over its whole life [no cap]");
    import_ = key.add_subcommand("import", "Take over a key that exists elsewhere; its text is read from standard input");
    import_->add_option("--user", user_, "Your own id of its owner: finds or makes the account")->required();
    import_->add_option("--name", name_, "What people call it");
    list_ = key.add_subcommand("list", "List keys, newest first");
    list_->add_option("--account", account_, "Only those of this account");
    list_->add_option("--limit", limit_, "How many [50]");
    list_->add_option("--cursor", cursor_, "Where the last page ended");
    revoke_ = key.add_subcommand("revoke", "Revoke a key for good");
    revoke_->add_option("id", id_, "key_…")->required();
    for (auto* command : {create_, import_, list_, revoke_}) {
        command->add_flag("--json", json_, "Print JSON");
        command->fallthrough();
    }
}

int KeyCommand::run(std::vector<config::Option> const& options) {
    auto config = config::load_config_leniently(options, config::process_environment());
    if (!config) return complain(config.error().message);
    control::Request request;
    request.headers = {{"content-type", "application/json"}};
    json::object body;
    if (*create_) {
        request.method = "POST";
        request.path = "/api/keys";
        body = {{"name", name_}, {"account_id", account_}};
        if (!models_.empty()) body["models"] = array_of(models_);
        if (!scopes_.empty()) body["scopes"] = array_of(scopes_);
        if (!ips_.empty()) body["allowed_ips"] = array_of(ips_);
        if (!tags_.empty()) body["tags"] = array_of(tags_);
        if (!expires_.empty()) body["expires_at"] = expires_;
        json::object limits;
        if (rpm_ > 0) limits["rpm"] = rpm_;
        if (tpm_ > 0) limits["tpm"] = tpm_;
        if (concurrency_ > 0) limits["concurrency"] = concurrency_;
        if (!limits.empty()) body["limits"] = limits;
        json::object caps;
        if (!cap_day_.empty()) caps["day"] = cap_day_;
        if (!cap_week_.empty()) caps["week"] = cap_week_;
        if (!cap_month_.empty()) caps["month"] = cap_month_;
        if (!cap_total_.empty()) caps["total"] = cap_total_;
        if (!caps.empty()) body["caps"] = caps;
    } else if (*import_) {
        if (isatty(STDIN_FILENO)) fmt::print(stderr, "Paste the key, then Enter:\n");
        std::getline(std::cin, key_text_);
        request.method = "POST";
        request.path = "/api/token/import";
        body = {{"key", key_text_}, {"external_user_id", user_}, {"name", name_.empty() ? user_ : name_}, {"unlimited_quota", true}};
    } else if (*list_) {
        request.method = "GET";
        request.path = "/api/keys";
        request.query = fmt::format("limit={}{}{}{}{}", limit_, account_.empty() ? "" : "&account_id=", account_,
                                    cursor_.empty() ? "" : "&cursor=", cursor_);
    } else {
        request.method = "DELETE";
        request.path = "/api/keys/" + id_;
    }
    if (!body.empty()) request.body = json::serialize(body);
    auto call = connect_control(std::move(*config));
    if (!call) return complain(call.error().message);
    auto const response = (*call)(request);
    if (!response) return complain(response.error().message);
    if (response->status >= 300) return complain(problem_text(*response));
    if (json_) {
        fmt::print("{}\n", response->body.empty() ? std::string("{}") : response->body);
        return 0;
    }
    auto const value = response->body.empty() ? json::value(json::object()) : json::parse(response->body);
    auto const& object = value.as_object();
    if (*create_) {
        fmt::print("{}  {}\n", text_of(object, "id"), text_of(object, "key"));
    } else if (*import_) {
        auto const& data = object.at("data").as_object();
        fmt::print("key_{}  {}\n", text_of(data, "token_id"), data.at("created").as_bool() ? "imported" : "was there already");
    } else if (*list_) {
        fmt::print("{:<12} {:<10} {:<12} {:<24} {:<8} {}\n", "ID", "PREFIX", "ACCOUNT", "NAME", "STATUS", "LAST USED");
        auto const now = SystemClock().now();
        for (auto const& row : object.at("data").as_array()) {
            auto const& k = row.as_object();
            fmt::print("{:<12} {:<10} {:<12} {:<24} {:<8} {}\n", text_of(k, "id"), text_of(k, "prefix"), text_of(k, "account_id"),
                       text_of(k, "name"), status_of(k, now), text_of(k, "last_used_at"));
        }
        if (auto const next = text_of(object, "next_cursor"); next != "-") fmt::print("more: --cursor {}\n", next);
    } else {
        fmt::print("{} revoked\n", id_);
    }
    return 0;
}

} // namespace tollgate::app
