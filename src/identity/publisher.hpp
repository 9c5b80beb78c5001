#pragma once
// The control side's way to change who may call. Every change is in force for the next request on every thread.
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/snapshot.hpp"
#include "identity/directory.hpp"

namespace tollgate::identity {

/// Makes the next Directory out of the last one and publishes it. Any thread; one change at a time.
class DirectoryPublisher {
public:
    DirectoryPublisher();

    /// What the data plane reads.
    Snapshot<Directory> const& directory() const noexcept { return snapshot_; }

    /// Replaces everything: at start, and after a restore. Entries of one key must share its `key` pointer.
    void load(std::vector<KeyEntry> entries, std::vector<Account> accounts);

    /// Adds or changes a key, which is afterwards known under exactly these hashes: `hash`, and while a rotation's
    /// grace lasts `previous` until `previous_until`.
    void upsert_key(Key key, KeyHash const& hash, std::optional<KeyHash> previous = {}, Timestamp previous_until = {});
    /// Revokes: none of its hashes is known any more. Unknown ids are ignored.
    void remove_key(KeyId id);
    void upsert_account(Account account);

    std::size_t key_count() const;

private:
    using Hashes = std::vector<KeyHash>;
    // With mutex_ held; the draft is ours alone until it is published.
    std::shared_ptr<Directory> draft() const;
    void take_out(Directory& next, KeyId id) const;
    static void put_in(Directory& next, KeyEntry entry);
    mutable std::mutex mutex_; // serialises writers; readers use the snapshot
    std::unordered_map<KeyId, Hashes> hashes_of_; // what to take away when a key changes
    Snapshot<Directory> snapshot_;
};

} // namespace tollgate::identity
