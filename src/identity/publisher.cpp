#include "identity/publisher.hpp"

#include <algorithm>

#include "identity/shards.hpp"

namespace tollgate::identity {
namespace {
constexpr std::size_t shards_of_keys = 1024;
constexpr std::size_t shards_of_accounts = 256;
} // namespace

DirectoryPublisher::DirectoryPublisher() : snapshot_(std::make_shared<Directory const>()) {}

void DirectoryPublisher::load(std::vector<KeyEntry> entries, std::vector<Account> accounts) {
    auto next = std::make_shared<Directory>();
    std::unordered_map<KeyId, Hashes> hashes;
    hashes.reserve(entries.size());
    std::vector<std::vector<KeyEntry>> key_parts(shards_of_keys);
    for (auto& entry : entries) {
        hashes[entry.key->id].push_back(entry.hash);
        key_parts[shard_of(entry.hash)].push_back(std::move(entry));
    }
    for (std::size_t i = 0; i < shards_of_keys; ++i)
        if (!key_parts[i].empty()) next->keys_[i] = std::make_shared<Directory::KeyShard const>(std::move(key_parts[i]));

    std::sort(accounts.begin(), accounts.end(), [](auto const& a, auto const& b) { return a.id < b.id; });
    std::vector<Directory::AccountShard> account_parts(shards_of_accounts);
    for (auto& account : accounts)
        account_parts[shard_of(account.id)].rows.push_back(std::make_shared<Account const>(std::move(account)));
    for (std::size_t i = 0; i < shards_of_accounts; ++i)
        next->accounts_[i] = std::make_shared<Directory::AccountShard const>(std::move(account_parts[i]));

    std::lock_guard lock(mutex_);
    hashes_of_ = std::move(hashes);
    snapshot_.publish(std::move(next));
}

std::shared_ptr<Directory> DirectoryPublisher::draft() const { return std::make_shared<Directory>(*snapshot_.get()); }

void DirectoryPublisher::take_out(Directory& next, KeyId id) const {
    auto const known = hashes_of_.find(id);
    if (known == hashes_of_.end()) return;
    for (auto const& hash : known->second) {
        auto& shard = next.keys_[shard_of(hash)];
        auto entries = shard->entries;
        std::erase_if(entries, [&](KeyEntry const& entry) { return entry.hash == hash && entry.key->id == id; });
        shard = std::make_shared<Directory::KeyShard const>(std::move(entries));
    }
}

void DirectoryPublisher::put_in(Directory& next, KeyEntry entry) {
    auto& shard = next.keys_[shard_of(entry.hash)];
    auto entries = shard->entries;
    std::erase_if(entries, [&](KeyEntry const& other) { return other.hash == entry.hash; }); // one hash names one key
    entries.push_back(std::move(entry));
    shard = std::make_shared<Directory::KeyShard const>(std::move(entries));
}

void DirectoryPublisher::upsert_key(Key key, KeyHash const& hash, std::optional<KeyHash> previous, Timestamp previous_until) {
    auto const id = key.id;
    auto const shared = std::make_shared<Key const>(std::move(key)); // shared: both hashes, and requests in flight
    std::lock_guard lock(mutex_);
    auto next = draft();
    take_out(*next, id);
    put_in(*next, KeyEntry{hash, Timestamp{}, shared});
    Hashes hashes{hash};
    if (previous && *previous != hash) {
        put_in(*next, KeyEntry{*previous, previous_until, shared});
        hashes.push_back(*previous);
    }
    hashes_of_[id] = std::move(hashes);
    snapshot_.publish(std::move(next));
}

void DirectoryPublisher::remove_key(KeyId id) {
    std::lock_guard lock(mutex_);
    if (!hashes_of_.contains(id)) return;
    auto next = draft();
    take_out(*next, id);
    hashes_of_.erase(id);
    snapshot_.publish(std::move(next));
}

void DirectoryPublisher::upsert_account(Account account) {
    auto shared = std::make_shared<Account const>(std::move(account));
    std::lock_guard lock(mutex_);
    auto next = draft();
    auto& shard = next->accounts_[shard_of(shared->id)];
    auto copy = *shard;
    auto const at = std::lower_bound(copy.rows.begin(), copy.rows.end(), shared->id,
                                     [](auto const& row, AccountId want) { return row->id < want; });
    if (at != copy.rows.end() && (*at)->id == shared->id)
        *at = std::move(shared);
    else
        copy.rows.insert(at, std::move(shared));
    shard = std::make_shared<Directory::AccountShard const>(std::move(copy));
    snapshot_.publish(std::move(next));
}

std::size_t DirectoryPublisher::key_count() const {
    std::lock_guard lock(mutex_);
    return hashes_of_.size();
}

} // namespace tollgate::identity
