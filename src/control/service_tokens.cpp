// /api/service-tokens and /api/auth/me: who may use this API.
#include <algorithm>

#include "control/handlers.hpp"
#include "control/reply.hpp"
#include "control/views.hpp"
#include "identity/api_key.hpp"
#include "store/service_token_store.hpp"
#include "store/store.hpp"

namespace tollgate::control {
namespace json = boost::json;

Result<Response> auth_me(Call& call) {
    if (auto ok = no_query(call); !ok) return Fail(ok.error());
    json::object me;
    auto const all = call.actor.kind != Actor::Kind::service_token;
    me["kind"] = call.actor.kind == Actor::Kind::admin   ? "admin"
                 : call.actor.kind == Actor::Kind::local ? "local"
                                                         : "service_token";
    me["id"] = id_json(call.actor.service_token_id);
    me["name"] = call.actor.name;
    if (!all)
        if (auto const row = call.context.store.service_tokens().get(call.actor.service_token_id)) me["name"] = row->name;
    me["scopes"] = all ? texts_json({"admin"}) : texts_json(call.actor.scopes);
    return json_reply(200, me);
}

Result<Response> list_service_tokens(Call& call) {
    auto const query = Query::parse(call.request.query, {"limit", "cursor"});
    if (!query) return Fail(query.error());
    auto const page = page_of(*query);
    if (!page) return Fail(page.error());
    return list_reply(call.context.store.service_tokens().list(*page), service_token_json);
}

Result<Response> create_service_token(Call& call) {
    auto const body = body_of(call);
    if (!body) return Fail(body.error());
    Fields in(*body, {"name", "scopes", "expires_at"});
    store::ServiceTokenRow row;
    row.name = in.text("name", 1, 200);
    if (!in.has("scopes")) in.refuse("scopes", "'scopes' is missing: what the token may do");
    row.scopes = in.maybe_texts("scopes", scopes().size(), 64).value_or(std::vector<std::string>());
    if (in.ok() && row.scopes.empty()) in.refuse("scopes", "'scopes' must name at least one scope");
    for (auto const& scope : row.scopes)
        if (std::find(scopes().begin(), scopes().end(), scope) == scopes().end())
            in.refuse("scopes", unknown_name_message("scope", scope, scopes()));
    if (auto v = in.maybe_time("expires_at")) row.expires_at = *v;
    if (!in.ok()) return in.error();
    // The same strength as an API key, under a prefix of its own so that neither is looked up as the other.
    Secret const text("tgs_" + identity::make_api_key().reveal().substr(3));
    row.hash = call.context.hasher.hash(text.reveal());
    row.prefix = identity::key_prefix(text.reveal());
    row.created_at = call.context.clock.now();
    auto const made = call.context.store.service_tokens().create(row);
    if (!made) return Fail(made.error());
    auto shown = service_token_json(*made);
    call.audit("service_token.create", format_id(made->id), nullptr, &shown);
    shown["token"] = text.reveal();
    return json_reply(201, shown);
}

Result<Response> revoke_service_token(Call& call) {
    auto const id = parse_id<ServiceTokenTag>(call.params.at(0));
    if (!id) return Fail(id.error());
    auto const row = call.context.store.service_tokens().get(*id);
    if (!row) return fail(Errc::not_found, "there is no service token '" + call.params[0] + "'");
    auto const done = call.context.store.service_tokens().revoke(*id, call.context.clock.now());
    if (!done) return Fail(done.error());
    auto const before = service_token_json(*row);
    auto const after = service_token_json(*done);
    if (!row->revoked_at) call.audit("service_token.revoke", format_id(*id), &before, &after);
    return no_content();
}

} // namespace tollgate::control
