#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "store/ledger_store.hpp"

namespace tollgate::store {

/// A finished control-API answer, kept for its idempotency key.
struct KeptAnswer {
    int status = 0;
    std::string content_type;
    std::string body;
};

/// What `begin` found.
struct IdempotencyBegin {
    enum class State { fresh, replay, in_flight, mismatch } state = State::fresh;
    KeptAnswer answer;        ///< for replay
};

class IdempotencyStore {
public:
    virtual ~IdempotencyStore() = default;
    /// Claims (scope, key). fresh: the caller must call `finish` or `abandon`. replay: the first answer. in_flight:
    /// claimed by another call not older than `claim_ttl_ms`. mismatch: same key, other request.
    /// `request_hash` is binary. Entries older than `keep_ms` count as absent.
    virtual IdempotencyBegin begin(std::string_view scope, std::string_view key, std::string_view request_hash,
                                   Timestamp now, std::int64_t claim_ttl_ms = 60'000,
                                   std::int64_t keep_ms = 86'400'000) = 0;
    virtual void finish(std::string_view scope, std::string_view key, KeptAnswer const& answer, Timestamp now) = 0;
    /// Gives the claim up: the request failed before it did anything.
    virtual void abandon(std::string_view scope, std::string_view key) = 0;

    /// A gateway answer kept by an applied batch (ApplyBatch::replays), unless expired.
    virtual std::optional<ReplayRow> replay(KeyId key, std::string_view idempotency_key, Timestamp now) = 0;
    /// Every replay that is still valid, for loading at start.
    virtual std::vector<ReplayRow> replays(Timestamp now) = 0;
    /// Removes expired entries of both kinds, at most `limit` rows each; returns how many went.
    virtual std::size_t purge(Timestamp now, int limit = 5000) = 0;
};

} // namespace tollgate::store
