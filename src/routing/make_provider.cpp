#include "routing/make_provider.hpp"

#include "types/ip.hpp"

namespace tollgate::routing {
namespace {

constexpr std::string_view header_option = "header.";

Fail bad(std::string message) { return fail(Errc::invalid_request, std::move(message)); }

/// Whose prices: the kind's own, else `price_provider`, else what the base URL tells; empty = nobody's.
Result<std::string> price_provider_of(config::ProviderConfig const& config, Provider const& provider, pricing::Book const& book) {
    auto const of_kind = provider.kind->price_provider;
    if (!config.price_provider.empty()) {
        auto const* named = book.find_provider(config.price_provider);
        if (!named) return bad("price_provider '" + config.price_provider + "' is not in the price book");
        if (!of_kind.empty() && named->id != of_kind)
            return bad("kind '" + std::string(provider.kind->name) + "' has the prices of '" + std::string(of_kind) +
                       "': leave price_provider out, or use the kind openai_compatible");
        return named->id;
    }
    if (!of_kind.empty()) return std::string(of_kind);
    auto const* by_url = book.find_provider_by_url(provider.base_url);
    return by_url ? by_url->id : std::string();
}

Result<net::Endpoint> endpoint_of(ProviderDeclaration const& declaration, Provider const& provider, config::UpstreamConfig const& upstream) {
    auto endpoint = net::parse_endpoint(provider.base_url);
    if (!endpoint) return bad("base_url: " + endpoint.error().message);
    // The file is trusted; an address that came by API must not reach into the operator's own network.
    if (declaration.source == Source::api && !upstream.allow_private) {
        auto const literal = parse_ip(endpoint->host);
        if ((literal && literal->is_private()) || endpoint->host == "localhost")
            return bad("base_url: " + endpoint->host + " is not a public address: declare the provider in the configuration "
                       "file, or set upstream.allow_private = true");
        endpoint->public_only = true;
    }
    if (!upstream.proxy.empty())
        if (auto const set = net::set_proxy(*endpoint, upstream.proxy); !set) return bad("upstream.proxy: " + set.error().message);
    endpoint->rekey();
    return endpoint;
}

Result<config::Pairs> extra_headers_of(config::Pairs const& options) {
    config::Pairs headers;
    for (auto const& [name, value] : options) {
        if (!name.starts_with(header_option) || name.size() == header_option.size())
            return bad("unknown option '" + name + "': there is 'header.<Name>', which adds a request header");
        headers.emplace_back(name.substr(header_option.size()), value);
    }
    return headers;
}

} // namespace

Result<std::shared_ptr<Provider const>> make_provider(ProviderDeclaration const& declaration, pricing::Book const& book,
                                                      config::UpstreamConfig const& upstream) {
    auto const& config = declaration.config;
    auto provider = std::make_shared<Provider>();
    provider->name = config.name;
    provider->id = declaration.id;
    provider->source = declaration.source;
    provider->expose = config.expose;
    provider->options = config.options;
    provider->enabled = config.enabled;
    provider->has_credential = !config.api_key.empty();

    auto const kind = providers::find_kind(config.kind);
    if (!kind) return bad("kind: " + kind.error().message);
    provider->kind = *kind;
    provider->base_url = config.base_url.empty() ? std::string((*kind)->default_base_url) : config.base_url;
    if (provider->base_url.empty()) return bad("kind '" + config.kind + "' needs a base_url");
    if (auto const fits = providers::check_base_url(**kind, provider->base_url); !fits) return bad(fits.error().message);
    if ((*kind)->credential_required && config.api_key.empty()) return bad("kind '" + config.kind + "' needs an api_key");

    auto endpoint = endpoint_of(declaration, *provider, upstream);
    if (!endpoint) return tl::unexpected(endpoint.error());
    provider->endpoint = std::move(*endpoint);
    auto price_provider = price_provider_of(config, *provider, book);
    if (!price_provider) return tl::unexpected(price_provider.error());
    provider->price_provider = std::move(*price_provider);

    auto const headers = extra_headers_of(config.options);
    if (!headers) return tl::unexpected(headers.error());
    for (std::size_t i = 0; i < provider->heads.size(); ++i) {
        auto const surface = static_cast<Surface>(i);
        if (!providers::upstream_path(**kind, surface)) continue;
        auto head = providers::HeadTemplate::make(**kind, provider->endpoint, config.api_key, surface, *headers);
        if (!head) return bad(head.error().message);
        provider->heads[i].emplace(std::move(*head));
    }
    return provider;
}

} // namespace tollgate::routing
