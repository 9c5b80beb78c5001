#include "gateway/response_cache.hpp"

#include "gateway/call.hpp"

namespace tollgate::gateway {

void ResponseCache::drop(std::unordered_map<std::string, Entry>::iterator it) {
    bytes_ -= it->second.sealed.size();
    recent_.erase(it->second.place);
    entries_.erase(it);
}

std::optional<ResponseCache::Hit> ResponseCache::find(std::string const& key, Timestamp now) {
    std::string sealed;
    Money charge;
    {
        std::lock_guard lock(mutex_);
        auto const it = entries_.find(key);
        if (it == entries_.end()) return std::nullopt;
        if (it->second.expires_at < now) {
            drop(it);
            return std::nullopt;
        }
        recent_.splice(recent_.begin(), recent_, it->second.place);
        sealed = it->second.sealed;
        charge = it->second.charge;
    }
    auto const opened = box_.open(sealed);
    if (!opened) return std::nullopt;
    auto reply = decode_reply(*opened);
    if (!reply) return std::nullopt;
    return Hit{std::move(*reply), charge};
}

void ResponseCache::keep(Call const& call, int status, std::string_view lines, std::string_view body, Money charge) {
    if (call.cache_key.empty() || status != 200) return;
    auto sealed = box_.seal(encode_reply(status, lines, body));
    auto const limit = static_cast<std::size_t>(config_.max_bytes);
    if (sealed.size() > limit / 4) return; // one answer must not push everything else out
    std::lock_guard lock(mutex_);
    if (auto const it = entries_.find(call.cache_key); it != entries_.end()) drop(it);
    recent_.push_front(call.cache_key);
    bytes_ += sealed.size();
    Timestamp const expires{call.record.time.ms + config_.ttl_s * 1000};
    entries_.emplace(call.cache_key, Entry{std::move(sealed), charge, expires, recent_.begin()});
    while (bytes_ > limit) drop(entries_.find(recent_.back()));
}

} // namespace tollgate::gateway
