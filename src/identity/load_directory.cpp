#include "identity/load_directory.hpp"

#include "base/log.hpp"
#include "identity/secrets_on_disk.hpp"
#include "store/account_store.hpp"
#include "store/catalog_store.hpp"
#include "store/key_store.hpp"
#include "store/store.hpp"

namespace tollgate::identity {
namespace {

constexpr std::string_view pepper_setting = "identity.pepper_fingerprint";

SurfaceSet surfaces_of(store::KeyRow const& row) {
    if (row.scopes.empty()) return all_surfaces;
    SurfaceSet out = 0;
    for (auto const& scope : row.scopes) {
        auto const one = parse_scopes({scope});
        if (one)
            out |= *one;
        else
            log::warn("a key has a scope that this version does not know; it grants nothing",
                      {{"key_id", format_id(row.id)}, {"scope", scope}});
    }
    return out;
}

std::vector<Cidr> addresses_of(store::KeyRow const& row) {
    std::vector<Cidr> out;
    for (auto const& text : row.allowed_ips) {
        auto const block = parse_cidr(text);
        if (block)
            out.push_back(*block);
        else
            log::warn("a key has an allowed address that cannot be read; it allows nothing",
                      {{"key_id", format_id(row.id)}, {"address", text}});
    }
    // An allow-list of which nothing could be read must not become "from anywhere": broadcast is nobody's address.
    if (out.empty() && !row.allowed_ips.empty()) out.push_back(*parse_cidr("255.255.255.255"));
    return out;
}

} // namespace

Key key_from_row(store::KeyRow const& row) {
    Key key;
    key.id = row.id;
    key.account_id = row.account_id;
    key.team_id = row.team_id;
    key.user_id = row.user_id;
    key.name = row.name;
    key.prefix = row.prefix;
    key.surfaces = surfaces_of(row);
    key.models = row.models;
    key.routes = row.routes;
    key.allowed_ips = addresses_of(row);
    key.limits = RateLimits{row.limits.rpm, row.limits.tpm, row.limits.concurrency};
    key.caps = SpendingCaps{row.caps.day, row.caps.week, row.caps.month, row.caps.total};
    key.tags = row.tags;
    key.expires_at = row.expires_at.value_or(Timestamp{});
    key.enabled = row.enabled && !row.revoked_at;
    return key;
}

Account account_from_row(store::AccountRow const& row) {
    Account account;
    account.id = row.id;
    account.name = row.name;
    account.multiplier = row.multiplier;
    account.overdraft = row.overdraft;
    account.suspended = row.suspended;
    return account;
}

void publish_key(DirectoryPublisher& publisher, store::KeyRow const& row) {
    if (row.revoked_at) {
        publisher.remove_key(row.id);
        return;
    }
    // A previous hash without an end is not in grace.
    auto const previous = row.previous_until ? row.previous_hash : std::nullopt;
    publisher.upsert_key(key_from_row(row), row.hash, previous, row.previous_until.value_or(Timestamp{}));
}

void load_directory(store::Store& store, DirectoryPublisher& publisher) {
    std::vector<Account> accounts;
    store.accounts().for_each([&](store::AccountRow const& row) { accounts.push_back(account_from_row(row)); });
    std::vector<KeyEntry> entries;
    store.keys().for_each_key([&](store::KeyRow&& row) {
        if (row.revoked_at) return;
        auto const key = std::make_shared<Key const>(key_from_row(row));
        entries.push_back(KeyEntry{row.hash, Timestamp{}, key});
        if (row.previous_hash && row.previous_until) entries.push_back(KeyEntry{*row.previous_hash, *row.previous_until, key});
    });
    publisher.load(std::move(entries), std::move(accounts));
}

Result<void> check_pepper(store::Store& store, Secret const& pepper) {
    auto const ours = secret_fingerprint(pepper);
    auto const known = store.catalog().setting(pepper_setting);
    if (!known) {
        store.catalog().put_setting(pepper_setting, ours);
        return {};
    }
    if (constant_time_equal(*known, ours)) return {};
    return fail(Errc::unavailable, "the file 'pepper' in the data folder is not the one this store's API keys were "
                                   "hashed under, so no key would be recognised: restore it from a backup");
}

} // namespace tollgate::identity
