// /api/keys: what callers present. The text of a key leaves only in the answer that made or rotated it.
#include "control/handlers.hpp"
#include "control/reply.hpp"
#include "control/sync.hpp"
#include "control/views.hpp"
#include "config/config.hpp"
#include "identity/api_key.hpp"
#include "identity/directory.hpp"
#include "store/account_store.hpp"
#include "store/key_store.hpp"
#include "store/store.hpp"
#include "types/ip.hpp"

namespace tollgate::control {
namespace json = boost::json;
namespace {
constexpr std::size_t list_max = 200;
constexpr std::int64_t limit_max = 1'000'000'000'000;
constexpr std::int64_t grace_max_s = 30 * 86'400;

template <class Tag>
void read_id(Fields& in, std::string_view name, Id<Tag>& out) {
    if (in.is_null(name)) {
        out = {};
        return;
    }
    auto const text = in.maybe_text(name, 1, 64);
    if (!text) return;
    auto const id = parse_id<Tag>(*text);
    if (id)
        out = *id;
    else
        in.refuse(name, "'" + std::string(name) + "' must be an id such as '" + std::string(Tag::prefix) + "1'");
}

void read_limits(Fields& in, RateLimits& out) {
    if (in.is_null("limits")) out = {};
    auto const* object = in.maybe_object("limits");
    if (!object) return;
    Fields limits(*object, {"rpm", "tpm", "concurrency"}, "limits.");
    auto read = [&](std::string_view name, std::int64_t& value) {
        if (limits.is_null(name))
            value = 0;
        else if (auto v = limits.maybe_integer(name, 1, limit_max))
            value = *v;
    };
    read("rpm", out.rpm);
    read("tpm", out.tpm);
    read("concurrency", out.concurrency);
    in.absorb(limits);
}

void read_caps(Fields& in, SpendingCaps& out) {
    if (in.is_null("caps")) out = {};
    auto const* object = in.maybe_object("caps");
    if (!object) return;
    Fields caps(*object, {"day", "week", "month", "total"}, "caps.");
    auto read = [&](std::string_view name, std::optional<Money>& value) {
        if (caps.is_null(name))
            value.reset();
        else if (auto v = caps.maybe_money(name, Money()))
            value = *v;
    };
    read("day", out.day);
    read("week", out.week);
    read("month", out.month);
    read("total", out.total);
    in.absorb(caps);
}

/// The writable fields but for account_id; the same for POST and PATCH.
void read_key(Fields& in, store::KeyRow& row) {
    if (auto v = in.maybe_text("name", 1, 200)) row.name = *v;
    read_id(in, "team_id", row.team_id);
    read_id(in, "user_id", row.user_id);
    if (auto v = in.maybe_texts("scopes", list_max, 100)) {
        if (auto const surfaces = identity::parse_scopes(*v); !surfaces) in.refuse("scopes", surfaces.error().message);
        row.scopes = *v;
    }
    if (auto v = in.maybe_texts("models", list_max, 200)) row.models = *v;
    if (auto v = in.maybe_texts("routes", list_max, 200)) row.routes = *v;
    if (auto v = in.maybe_texts("allowed_ips", list_max, 64)) {
        for (auto const& block : *v)
            if (auto const cidr = parse_cidr(block); !cidr)
                in.refuse("allowed_ips", "'allowed_ips': " + cidr.error().message);
        row.allowed_ips = *v;
    }
    if (auto v = in.maybe_texts("tags", list_max, 100)) row.tags = *v;
    read_limits(in, row.limits);
    read_caps(in, row.caps);
    if (in.is_null("expires_at"))
        row.expires_at.reset();
    else if (auto v = in.maybe_time("expires_at"))
        row.expires_at = *v;
    if (auto v = in.maybe_flag("enabled")) row.enabled = *v;
}

Result<store::KeyRow> key_of(Call const& call) {
    auto const id = parse_id<KeyTag>(call.params.at(0));
    if (!id) return Fail(id.error());
    auto row = call.context.store.keys().get(*id);
    if (!row) return fail(Errc::not_found, "there is no key '" + call.params[0] + "'");
    return *row;
}

Fail revoked(store::KeyRow const& row) {
    return fail(Errc::conflict, "key '" + format_id(row.id) + "' is revoked for good; make a new one");
}

std::string sealed_copy(Context const& context, Secret const& text) {
    return context.config.keys.revealable ? context.key_box.seal(text.reveal()) : std::string();
}
} // namespace

Result<Response> list_keys(Call& call) {
    auto const query = Query::parse(call.request.query, {"limit", "cursor", "sort", "q", "account_id"});
    if (!query) return Fail(query.error());
    auto const page = page_of(*query);
    if (!page) return Fail(page.error());
    auto const account = id_of<AccountTag>(*query, "account_id");
    if (!account) return Fail(account.error());
    store::KeyFilter filter;
    filter.account_id = *account;
    filter.q = query->text("q");
    auto const rows = call.context.store.keys().list(*page, filter);
    return list_reply(rows, [&](auto const& row) { return key_json(call.context, row); });
}

Result<Response> create_key(Call& call) {
    auto const body = body_of(call);
    if (!body) return Fail(body.error());
    Fields in(*body, {"name", "account_id", "team_id", "user_id", "scopes", "models", "routes", "allowed_ips", "limits",
                      "caps", "expires_at", "tags", "enabled"});
    store::KeyRow row;
    in.text("name", 1, 200);
    if (!in.has("account_id") || in.is_null("account_id"))
        in.refuse("account_id", "'account_id' is missing: the account that pays for this key");
    read_id(in, "account_id", row.account_id);
    read_key(in, row);
    if (!in.ok()) return in.error();
    if (!call.context.store.accounts().get(row.account_id))
        return fail(Errc::invalid_request, "there is no account '" + format_id(row.account_id) + "'", "account_id");
    auto const text = identity::make_api_key();
    row.hash = call.context.hasher.hash(text.reveal());
    row.prefix = identity::key_prefix(text.reveal());
    row.sealed = sealed_copy(call.context, text);
    row.created_at = call.context.clock.now();
    auto made = call.context.store.keys().create(row);
    if (!made) return Fail(made.error());
    publish_key(call.context, *made);
    auto shown = key_json(call.context, *made);
    call.audit("key.create", format_id(made->id), nullptr, &shown);
    shown["key"] = text.reveal();
    return json_reply(201, shown);
}

Result<Response> get_key(Call& call) {
    if (auto ok = no_query(call); !ok) return Fail(ok.error());
    auto const row = key_of(call);
    if (!row) return Fail(row.error());
    return json_reply(200, key_json(call.context, *row));
}

Result<Response> update_key(Call& call) {
    auto row = key_of(call);
    if (!row) return Fail(row.error());
    auto const body = body_of(call);
    if (!body) return Fail(body.error());
    auto const before = key_json(call.context, *row);
    Fields in(*body, {"name", "account_id", "team_id", "user_id", "scopes", "models", "routes", "allowed_ips", "limits",
                      "caps", "expires_at", "tags", "enabled"});
    AccountId account = row->account_id;
    read_id(in, "account_id", account);
    if (account != row->account_id)
        in.refuse("account_id", "'account_id' is fixed when a key is made; make a new key for the other account");
    read_key(in, *row);
    if (!in.ok()) return in.error();
    if (row->revoked_at) return revoked(*row);
    if (auto done = call.context.store.keys().update(*row); !done) return Fail(done.error());
    publish_key(call.context, *row);
    auto const after = key_json(call.context, *row);
    call.audit("key.update", format_id(row->id), &before, &after);
    return json_reply(200, after);
}

Result<Response> revoke_key(Call& call) {
    auto const row = key_of(call);
    if (!row) return Fail(row.error());
    auto const done = call.context.store.keys().revoke(row->id, call.context.clock.now());
    if (!done) return Fail(done.error());
    publish_key(call.context, *done);
    auto const before = key_json(call.context, *row);
    auto const after = key_json(call.context, *done);
    if (!row->revoked_at) call.audit("key.revoke", format_id(row->id), &before, &after);
    return no_content();
}

Result<Response> rotate_key(Call& call) {
    auto const row = key_of(call);
    if (!row) return Fail(row.error());
    auto const body = body_of(call, true);
    if (!body) return Fail(body.error());
    Fields in(*body, {"grace_seconds"});
    auto const grace_s = in.maybe_integer("grace_seconds", 0, grace_max_s).value_or(0);
    if (!in.ok()) return in.error();
    if (row->revoked_at) return revoked(*row);
    auto const text = identity::make_api_key();
    std::optional<Timestamp> old_until;
    if (grace_s > 0) old_until = Timestamp{call.context.clock.now().ms + grace_s * 1000};
    auto const done =
        call.context.store.keys().rotate(row->id, call.context.hasher.hash(text.reveal()),
                                         identity::key_prefix(text.reveal()), sealed_copy(call.context, text), old_until);
    if (!done) return Fail(done.error());
    publish_key(call.context, *done);
    auto const before = key_json(call.context, *row);
    auto shown = key_json(call.context, *done);
    call.audit("key.rotate", format_id(row->id), &before, &shown);
    shown["key"] = text.reveal();
    return json_reply(200, shown);
}

Result<Response> reveal_key(Call& call) {
    auto const row = key_of(call);
    if (!row) return Fail(row.error());
    auto const body = body_of(call, true);
    if (!body) return Fail(body.error());
    Fields in(*body, {});
    if (!in.ok()) return in.error();
    if (!call.context.config.keys.revealable)
        return fail(Errc::forbidden, "keys are not revealable here: the operator has not set keys.revealable = true");
    if (row->revoked_at) return revoked(*row);
    if (row->sealed.empty())
        return fail(Errc::conflict, "no copy of this key was kept: it was made before keys.revealable was set; rotate it");
    auto const text = call.context.key_box.open(row->sealed);
    if (!text) return Fail(text.error());
    call.audit_required = true;
    call.audit("key.reveal", format_id(row->id), nullptr, nullptr);
    json::object shown;
    shown["id"] = format_id(row->id);
    shown["key"] = *text;
    return json_reply(200, shown);
}

} // namespace tollgate::control
