#include "identity/authenticate.hpp"

namespace tollgate::identity {
namespace {

Fail invalid_key() {
    return fail(Errc::unauthenticated,
                "this API key is not valid: check that it is complete and has not expired or been revoked");
}

constexpr SurfaceSet always_open =
    surface_bit(Surface::openai_models) | surface_bit(Surface::anthropic_models);

} // namespace

Result<Caller> authenticate(Directory const& directory, KeyHasher const& hasher, std::string_view presented,
                            IpAddress const& peer, Timestamp now) {
    if (!is_plausible_key(normalize_key(presented))) return invalid_key();
    auto key = directory.find(hasher.hash(presented), now);
    if (!key || !key->enabled || (key->expires_at.ms != 0 && key->expires_at <= now)) return invalid_key();

    if (!key->allowed_ips.empty()) {
        bool allowed = false;
        for (auto const& block : key->allowed_ips) allowed = allowed || block.contains(peer);
        if (!allowed)
            return fail(Errc::forbidden, "this API key may not be used from " + peer.text() +
                                             ": call from an allowed address, or add this one to the key's allowed_ips");
    }
    auto account = directory.account(key->account_id);
    if (!account)
        return fail(Errc::unavailable, "the key's account cannot be read at the moment: try again", {},
                    "no account " + format_id(key->account_id) + " for " + format_id(key->id));
    // More credit would not help, so this is not a 402.
    if (account->suspended) return fail(Errc::forbidden, "this account is suspended: ask its operator");
    return Caller{std::move(key), std::move(account)};
}

Result<void> may_use_surface(Key const& key, Surface surface) {
    if (((key.surfaces | always_open) & surface_bit(surface)) != 0) return {};
    return fail(Errc::forbidden, "this API key (" + key.prefix + "…) may not use " + std::string(surface_name(surface)) +
                                     ": add it to the key's scopes");
}

Result<void> may_use_model(Key const& key, std::string_view model) {
    if (matches_any(key.models, model)) return {};
    return fail(Errc::forbidden, "this API key (" + key.prefix + "…) may not use the model '" +
                                     std::string(model.substr(0, 128)) + "': add it to the key's models", "model");
}

Result<void> may_use_route(Key const& key, std::string_view route) {
    if (matches_any(key.routes, route)) return {};
    return fail(Errc::forbidden, "this API key (" + key.prefix + "…) may not use the route '" +
                                     std::string(route.substr(0, 128)) + "': add it to the key's routes");
}

} // namespace tollgate::identity
