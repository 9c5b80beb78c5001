#pragma once
// Exact-match response cache: the same body from the same account to the same surface, answered from memory. Opt-in
// per request (`x-tollgate-cache: on`) or per key (tag `cache`), for whole answers only.
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "config/config.hpp"
#include "gateway/replays.hpp"
#include "types/money.hpp"

namespace tollgate::gateway {

/// Thread-safe. Answers are sealed in memory and never written to disk; the least recently used go first.
class ResponseCache {
public:
    ResponseCache(config::CacheConfig const& config, SecretBox box) : config_(config), box_(std::move(box)) {}
    ResponseCache(ResponseCache const&) = delete;
    ResponseCache& operator=(ResponseCache const&) = delete;

    struct Hit {
        KeptReply reply;
        Money charge; ///< what the first answer was charged; a hit costs the configured fraction of it
    };
    std::optional<Hit> find(std::string const& key, Timestamp now);
    /// Keeps a successful answer of a call that asked for the cache (Call::cache_key).
    void keep(Call const& call, int status, std::string_view lines, std::string_view body, Money charge);
    /// The configured fraction of the first charge, as a factor.
    Multiplier fraction() const { return config_.charge; }

private:
    struct Entry {
        std::string sealed;
        Money charge;
        Timestamp expires_at;
        std::list<std::string>::iterator place; ///< in recent_
    };
    void drop(std::unordered_map<std::string, Entry>::iterator it);
    config::CacheConfig const& config_;
    SecretBox box_;
    std::mutex mutex_;
    std::unordered_map<std::string, Entry> entries_;
    std::list<std::string> recent_; ///< most recently used first
    std::size_t bytes_ = 0;
};

} // namespace tollgate::gateway
