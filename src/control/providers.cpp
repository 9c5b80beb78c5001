// /api/providers: upstreams. Those of the configuration file are shown and cannot be changed here; credentials go in
// and never come out.
#include <algorithm>
#include <memory>

#include "config/config.hpp"
#include "control/catalog_ids.hpp"
#include "control/catalog_write.hpp"
#include "control/handlers.hpp"
#include "control/reply.hpp"
#include "net/endpoint.hpp"
#include "providers/kind.hpp"
#include "routing/catalog.hpp"
#include "store/catalog_store.hpp"
#include "store/store.hpp"
#include "types/ip.hpp"

namespace tollgate::control {
namespace json = boost::json;
namespace {
constexpr std::size_t expose_max = 200;
constexpr std::size_t credential_max = 16'384; // service-account documents are long

std::string health_of(Context const& context, std::string const& name, bool enabled) {
    if (!enabled) return "disabled";
    return context.provider_health ? context.provider_health(name) : "unknown";
}

json::object file_provider_json(Context const& context, routing::Provider const& provider) {
    json::object out;
    json::object options;
    for (auto const& [key, value] : provider.options) options[key] = value;
    out["id"] = derived_id(ProviderTag::prefix, provider.name);
    out["name"] = provider.name;
    out["kind"] = std::string(provider.kind->name);
    // The demo listens on a port of this process, which is nobody's to call.
    out["base_url"] = provider.source == routing::Source::builtin ? std::string() : provider.base_url;
    out["options"] = std::move(options);
    out["expose"] = texts_json(provider.expose);
    out["enabled"] = provider.enabled;
    out["has_api_key"] = provider.has_credential;
    out["source"] = "file";
    out["health"] = health_of(context, provider.name, provider.enabled);
    out["created_at"] = nullptr;
    return out;
}

json::object provider_json(Context const& context, store::ProviderRow const& row) {
    json::object out;
    auto options = stored_json(row.options_json);
    out["id"] = format_id(row.id);
    out["name"] = row.name;
    out["kind"] = row.kind;
    out["base_url"] = row.base_url;
    out["options"] = options.is_object() ? options : json::value(json::object());
    out["expose"] = texts_json(row.expose);
    out["enabled"] = row.enabled;
    out["has_api_key"] = !row.sealed_api_key.empty();
    out["source"] = "api";
    out["health"] = health_of(context, row.name, row.enabled);
    out["created_at"] = time_json(row.created_at);
    return out;
}

/// The file's providers and the built-in demo, as they are in force: a reload changes them while the program runs.
std::vector<std::shared_ptr<routing::Provider const>> file_providers(Context const& context) {
    std::vector<std::shared_ptr<routing::Provider const>> out;
    auto const catalog = context.catalog.get();
    for (auto const& provider : catalog->providers())
        if (provider->source != routing::Source::api) out.push_back(provider);
    return out;
}

/// An address set by API must lead outside; net/ checks again when it connects, after the name was resolved.
Result<void> check_address(Context const& context, std::string const& base_url, providers::Kind const& kind) {
    if (base_url.empty()) {
        if (kind.default_base_url.empty() && kind.id != providers::KindId::demo)
            return fail(Errc::invalid_request, "'base_url' is missing: providers of kind '" + std::string(kind.name) +
                                                   "' have no address of their own",
                        "base_url");
        return {};
    }
    auto const endpoint = net::parse_endpoint(base_url);
    if (!endpoint) return fail(Errc::invalid_request, "'base_url': " + endpoint.error().message, "base_url");
    if (auto ok = providers::check_base_url(kind, base_url); !ok)
        return fail(Errc::invalid_request, "'base_url': " + ok.error().message, "base_url");
    if (context.config.upstream.allow_private) return {};
    auto const ip = parse_ip(endpoint->host);
    auto const local_name = endpoint->host == "localhost" || endpoint->host.ends_with(".localhost") ||
                            endpoint->host.ends_with(".internal") || endpoint->host.ends_with(".local");
    if (local_name || (ip && ip->is_private()))
        return fail(Errc::invalid_request,
                    "'base_url' leads into a private network; set upstream.allow_private = true in the configuration "
                    "to allow that, or declare the provider in tollgate.toml",
                    "base_url");
    return {};
}

/// Fills `row` with what the body has; the same for POST and PATCH.
void read_provider(Context const& context, Fields& in, store::ProviderRow& row) {
    if (auto v = in.maybe_text("name", 1, 100)) {
        row.name = *v;
        if (v->find('/') != std::string::npos || v->find(' ') != std::string::npos)
            in.refuse("name", "'name' must not contain '/' or spaces");
    }
    if (auto v = in.maybe_text("kind", 1, 40)) {
        row.kind = *v;
        if (auto const kind = providers::find_kind(*v); !kind) in.refuse("kind", kind.error().message);
    }
    if (auto v = in.maybe_text("base_url", 0, 2000)) row.base_url = *v;
    if (in.is_null("api_key"))
        row.sealed_api_key.clear();
    else if (auto const* v = in.raw("api_key")) { // documents with line breaks are credentials too
        if (!v->is_string() || v->get_string().empty() || v->get_string().size() > credential_max)
            in.refuse("api_key", "'api_key' must be a string of 1 to 16384 bytes, or null for none");
        else
            row.sealed_api_key = context.provider_box.seal({v->get_string().data(), v->get_string().size()});
    }
    if (auto const* options = in.maybe_object("options")) {
        for (auto const& member : *options)
            if (!member.value().is_string())
                in.refuse("options." + std::string(member.key().data(), member.key().size()),
                          "every value of 'options' must be a string");
        row.options_json = json::serialize(*options);
    }
    if (auto v = in.maybe_texts("expose", expose_max, 200)) row.expose = *v;
    if (auto v = in.maybe_flag("enabled")) row.enabled = *v;
    if (!in.ok()) return;
    auto const kind = providers::find_kind(row.kind);
    if (!kind) return in.refuse("kind", kind.error().message);
    if (auto ok = check_address(context, row.base_url, **kind); !ok) in.refuse("base_url", ok.error().message);
}


Fail read_only(std::string const& name) {
    return fail(Errc::conflict, "provider '" + name + "' is declared in the configuration file (or built in) and is "
                                "read-only here; change it there");
}

/// The stored row of the path's id. Errors: not_found; conflict for one of the file.
Result<store::ProviderRow> stored_provider(Call const& call) {
    auto const& text = call.params.at(0);
    for (auto const& provider : file_providers(call.context))
        if (text == provider->name || name_of_derived_id(ProviderTag::prefix, text) == provider->name)
            return read_only(provider->name);
    auto const id = parse_id<ProviderTag>(text);
    for (auto const& row : call.context.store.catalog().providers())
        if ((id && row.id == *id) || row.name == text) return row;
    return fail(Errc::not_found, "there is no provider '" + text.substr(0, 100) + "'");
}

Result<void> name_is_free(Call const& call, std::string const& name) {
    for (auto const& provider : file_providers(call.context))
        if (provider->name == name)
            return fail(Errc::conflict, "the configuration file declares a provider '" + name + "' already", "name");
    return {};
}
} // namespace

Result<Response> list_providers(Call& call) {
    auto const query = Query::parse(call.request.query, {"limit", "cursor", "q"});
    if (!query) return Fail(query.error());
    auto const page = page_of(*query);
    if (!page) return Fail(page.error());
    std::vector<json::object> all;
    for (auto const& provider : file_providers(call.context)) all.push_back(file_provider_json(call.context, *provider));
    auto rows = call.context.store.catalog().providers();
    std::reverse(rows.begin(), rows.end());
    for (auto const& row : rows) all.push_back(provider_json(call.context, row));
    return list_of(std::move(all), *page, query->text("q"));
}

Result<Response> create_provider(Call& call) {
    auto const body = body_of(call);
    if (!body) return Fail(body.error());
    Fields in(*body, {"name", "kind", "base_url", "api_key", "options", "expose", "enabled"});
    store::ProviderRow row;
    in.text("name", 1, 100);
    if (!in.has("kind")) in.refuse("kind", "'kind' is missing; such as openai, openai_compatible, anthropic, openrouter");
    read_provider(call.context, in, row);
    if (!in.ok()) return in.error();
    if (auto ok = name_is_free(call, row.name); !ok) return Fail(ok.error());
    row.created_at = call.context.clock.now();
    auto& catalog = call.context.store.catalog();
    auto const made = catalog.create_provider(row);
    if (!made) return Fail(made.error());
    auto const undo = [&] { (void)catalog.remove_provider(made->id); };
    if (auto ok = publish_catalog(call.context, "provider '" + row.name + "'", undo); !ok) return Fail(ok.error());
    auto const shown = provider_json(call.context, *made);
    call.audit("provider.create", format_id(made->id), nullptr, &shown);
    return json_reply(201, shown);
}

Result<Response> get_provider(Call& call) {
    if (auto ok = no_query(call); !ok) return Fail(ok.error());
    auto const& text = call.params.at(0);
    for (auto const& provider : file_providers(call.context))
        if (text == provider->name || name_of_derived_id(ProviderTag::prefix, text) == provider->name)
            return json_reply(200, file_provider_json(call.context, *provider));
    auto const row = stored_provider(call);
    if (!row) return Fail(row.error());
    return json_reply(200, provider_json(call.context, *row));
}

Result<Response> update_provider(Call& call) {
    auto const old = stored_provider(call);
    if (!old) return Fail(old.error());
    auto const body = body_of(call);
    if (!body) return Fail(body.error());
    auto row = *old;
    Fields in(*body, {"name", "kind", "base_url", "api_key", "options", "expose", "enabled"});
    read_provider(call.context, in, row);
    if (!in.ok()) return in.error();
    auto& catalog = call.context.store.catalog();
    if (row.name != old->name) {
        if (auto ok = name_is_free(call, row.name); !ok) return Fail(ok.error());
        if (auto const user = model_with_target(call.context, old->name); !user.empty())
            return fail(Errc::conflict, "model '" + user + "' has a target at '" + old->name + "'; change that first", "name");
    }
    if (auto done = catalog.update_provider(row); !done) return Fail(done.error());
    auto const undo = [&] { (void)catalog.update_provider(*old); };
    if (auto ok = publish_catalog(call.context, "provider '" + row.name + "'", undo); !ok) return Fail(ok.error());
    auto const before = provider_json(call.context, *old);
    auto after = provider_json(call.context, row);
    call.audit("provider.update", format_id(row.id), &before, &after);
    return json_reply(200, after);
}

Result<Response> delete_provider(Call& call) {
    auto const row = stored_provider(call);
    if (!row) return Fail(row.error());
    if (auto const user = model_with_target(call.context, row->name); !user.empty())
        return fail(Errc::conflict, "model '" + user + "' has a target at this provider; change or remove it first");
    if (auto done = call.context.store.catalog().remove_provider(row->id); !done) return Fail(done.error());
    auto const before = provider_json(call.context, *row);
    call.audit("provider.delete", format_id(row->id), &before, nullptr);
    if (auto published = call.context.republish_catalog(); !published) return Fail(published.error());
    return no_content();
}

} // namespace tollgate::control
