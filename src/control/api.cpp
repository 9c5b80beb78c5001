#include "control/api.hpp"

#include <algorithm>
#include <exception>

#include "base/log.hpp"
#include "base/random.hpp"
#include "control/context.hpp"
#include "control/endpoints.hpp"
#include "control/idempotency.hpp"
#include "control/lockout.hpp"
#include "control/problem.hpp"
#include "identity/api_key.hpp"
#include "identity/authenticate.hpp"
#include "identity/presented_key.hpp"
#include "identity/publisher.hpp"
#include "store/audit_store.hpp"
#include "store/service_token_store.hpp"
#include "store/store.hpp"

namespace tollgate::control {
namespace {
constexpr std::string_view service_token_prefix = "tgs_";

/// Headers that every answer carries. A page that needs more than text sets its own content-security-policy.
void harden(Response& response) {
    auto add = [&](std::string_view name, std::string_view value) {
        auto const has = std::any_of(response.headers.begin(), response.headers.end(),
                                     [&](Header const& h) { return h.name == name; });
        if (!has) response.headers.push_back({std::string(name), std::string(value)});
    };
    add("cache-control", "no-store");
    add("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
    add("x-content-type-options", "nosniff");
    add("x-frame-options", "DENY");
    add("referrer-policy", "no-referrer");
}

std::string_view text_of(identity::KeyHash const& hash) {
    return {reinterpret_cast<char const*>(hash.data()), hash.size()};
}

bool is_write(std::string_view method) { return method != "GET" && method != "HEAD"; }

std::string_view bearer_token(Request const& request) {
    auto value = request.header("authorization");
    constexpr std::string_view scheme = "bearer ";
    if (value.size() < scheme.size()) return {};
    for (std::size_t i = 0; i < scheme.size(); ++i) {
        auto const c = value[i] >= 'A' && value[i] <= 'Z' ? static_cast<char>(value[i] + 32) : value[i];
        if (c != scheme[i]) return {};
    }
    value.remove_prefix(scheme.size());
    while (value.starts_with(' ')) value.remove_prefix(1);
    return value;
}

/// Keeps what the handler said about its write. A write that is done but cannot be audited is reported in the log
/// with everything the row would have held; showing a secret again is refused instead.
Result<void> keep_audit(Context& context, Call const& call) {
    if (call.audit_action.empty()) return {};
    store::AuditRow row;
    row.at = context.clock.now();
    row.actor = call.actor.name;
    row.action = call.audit_action;
    row.resource = call.audit_target;
    row.before_json = call.audit_before;
    row.after_json = call.audit_after;
    row.ip = call.request.client_ip;
    row.request_id = call.request.request_id;
    try {
        context.store.audit().append(row);
    } catch (std::exception const& e) {
        log::error("a write could not be audited", {{"action", row.action},
                                                    {"resource", row.resource},
                                                    {"actor", row.actor},
                                                    {"before", row.before_json},
                                                    {"after", row.after_json},
                                                    {"ip", row.ip},
                                                    {"request_id", row.request_id},
                                                    {"error", e.what()}});
        if (call.audit_required) return fail(Errc::unavailable, "the audit log cannot be written; try again later");
    }
    return {};
}
} // namespace

std::string_view Request::header(std::string_view name) const noexcept {
    for (auto const& h : headers)
        if (h.name == name) return h.value;
    return {};
}

bool Actor::may(std::string_view scope) const noexcept {
    if (kind == Kind::admin || kind == Kind::local) return true;
    if (kind != Kind::service_token) return false;
    return std::any_of(scopes.begin(), scopes.end(),
                       [&](std::string const& s) { return s == "admin" || s == scope; });
}

Api::Api(Context& context) : context_(context), lockout_(std::make_unique<Lockout>()) {}
Api::~Api() = default;

Response Api::dispatch(Request const& request) { return answer(nullptr, request); }
Response Api::dispatch_as(Actor const& actor, Request const& request) { return answer(&actor, request); }

Response Api::answer(Actor const* trusted, Request const& original) {
    Request request = original;
    if (request.request_id.empty()) request.request_id = make_uuid7(context_.clock.now()).text();
    auto const started_ns = context_.clock.steady_ns();
    std::string who = "-";
    Response response;
    std::string detail;
    try {
        auto result = serve(trusted, request, who);
        if (result) {
            response = std::move(*result);
        } else {
            detail = result.error().detail;
            response = problem(result.error(), request.request_id);
        }
    } catch (store::StoreUnavailable const& e) {
        detail = e.what();
        Error error(Errc::unavailable, "the store is not available; nothing is wrong with the request, try again later");
        error.retry_after_s = 1;
        response = problem(error, request.request_id);
    } catch (std::exception const& e) {
        detail = e.what();
        response = problem(Error(Errc::internal, "something went wrong on our side; the log has the details under "
                                                 "this request id"),
                           request.request_id);
    }
    harden(response);
    response.headers.push_back({"x-request-id", request.request_id});
    // A probe that is told "not ready" is no error of ours; what failed is logged where it failed.
    auto const failed = response.status >= 500 && !(response.status == 503 && detail.empty());
    auto const level = failed ? log::Level::error
                       : is_write(request.method) || response.status >= 400 ? log::Level::info
                                                                            : log::Level::debug;
    log::write(level, "control request", {{"request_id", request.request_id},
                                          {"method", request.method},
                                          {"path", request.path.substr(0, 200)},
                                          {"status", std::to_string(response.status)},
                                          {"ms", std::to_string((context_.clock.steady_ns() - started_ns) / 1'000'000)},
                                          {"actor", who},
                                          {"ip", request.client_ip},
                                          {"detail", detail}});
    return response;
}

Result<Response> Api::serve(Actor const* trusted, Request const& request, std::string& who) {
    auto match = match_endpoint(request.method, request.path);
    if (!match.endpoint) {
        if (match.allow.empty())
            return fail(Errc::not_found, "no such endpoint: " + request.method + " " + request.path.substr(0, 200) +
                                             "; /docs lists them all");
        auto response = problem(Error(Errc::method_not_allowed, "this path answers " + match.allow + " only"),
                                request.request_id);
        response.headers.push_back({"allow", match.allow});
        return response;
    }
    Actor actor;
    if (trusted) {
        actor = *trusted;
    } else {
        auto authenticated = authenticate(*match.endpoint, request);
        if (!authenticated) return Fail(authenticated.error());
        actor = std::move(*authenticated);
    }
    who = actor.name;
    auto const& endpoint = *match.endpoint;
    auto const by_scope = endpoint.access == Access::scope ||
                          (endpoint.access == Access::api_key && actor.kind != Actor::Kind::api_key);
    if (by_scope && endpoint.scope.empty())
        return fail(Errc::forbidden, "this endpoint tells the holder of an API key about it; call it with that key");
    if (by_scope && !actor.may(endpoint.scope))
        return fail(Errc::forbidden, "this token does not have the scope '" + std::string(endpoint.scope) + "'");

    Call call{request, actor, context_, std::move(match.params), {}, {}, {}, {}, false};
    if (endpoint.effect == Effect::reads) return endpoint.handler(call);
    auto work = [&]() -> Result<Response> {
        std::lock_guard lock(writes_);
        auto response = endpoint.handler(call);
        if (response)
            if (auto kept = keep_audit(context_, call); !kept) return Fail(kept.error());
        return response;
    };
    auto const repeatable = endpoint.effect == Effect::writes && !request.header("idempotency-key").empty();
    return repeatable ? once(context_, actor, request, work) : work();
}

Result<Actor> Api::authenticate(Endpoint const& endpoint, Request const& request) {
    if (endpoint.access == Access::open) return Actor{};
    auto const now_ns = context_.clock.steady_ns();
    if (auto const wait_s = lockout_->locked_for_s(request.client_ip, now_ns)) {
        Error error(Errc::rate_limited, "too many different wrong tokens from this address; wait a minute");
        error.retry_after_s = wait_s;
        return Fail(std::move(error));
    }
    auto const token = bearer_token(request);
    auto actor = token_actor(token);
    if (!actor && actor.error().code == Errc::unauthenticated && endpoint.access == Access::api_key)
        actor = key_actor(request);
    if (!actor && actor.error().code == Errc::unauthenticated && !token.empty())
        lockout_->wrong_token(request.client_ip, token, now_ns);
    return actor;
}

Result<Actor> Api::token_actor(std::string_view token) {
    auto const refused = [] {
        return fail(Errc::unauthenticated, "send a valid admin or service token as 'Authorization: Bearer …'");
    };
    if (token.empty() || token.size() > 512) return refused();
    auto const hash = context_.hasher.hash(token);
    if (!context_.admin_token.empty()) {
        // Hashes, so that neither content nor length of the token can be timed.
        auto const admin = context_.hasher.hash(context_.admin_token.reveal());
        if (constant_time_equal(text_of(hash), text_of(admin))) {
            Actor actor;
            actor.kind = Actor::Kind::admin;
            actor.name = "admin";
            return actor;
        }
    }
    if (!token.starts_with(service_token_prefix)) return refused();
    auto const row = context_.store.service_tokens().find_hash(hash);
    auto const now = context_.clock.now();
    if (!row || row->revoked_at || (row->expires_at && *row->expires_at <= now)) return refused();
    Actor actor;
    actor.kind = Actor::Kind::service_token;
    actor.name = format_id(row->id);
    actor.scopes = row->scopes;
    actor.service_token_id = row->id;
    return actor;
}

Result<Actor> Api::key_actor(Request const& request) {
    identity::PresentedKey presented;
    for (auto const& h : request.headers) presented.see_header(h.name, h.value);
    auto const key = presented.get();
    if (!key) return Fail(key.error());
    auto const peer = parse_ip(request.client_ip);
    auto const directory = context_.directory.directory().get();
    auto caller = identity::authenticate(*directory, context_.hasher, *key, peer ? *peer : IpAddress(),
                                         context_.clock.now());
    if (!caller) return Fail(caller.error());
    Actor actor;
    actor.kind = Actor::Kind::api_key;
    actor.key_id = caller->key->id;
    actor.account_id = caller->account->id;
    actor.name = format_id(actor.key_id);
    return actor;
}

} // namespace tollgate::control
