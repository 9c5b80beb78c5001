#include "gateway/replays.hpp"

#include <charconv>

#include "base/log.hpp"
#include "gateway/call.hpp"

namespace tollgate::gateway {

/// "200\n<length of lines>\n<lines><body>"
std::string encode_reply(int status, std::string_view lines, std::string_view body) {
    std::string out = std::to_string(status) + '\n' + std::to_string(lines.size()) + '\n';
    out += lines;
    out += body;
    return out;
}

std::optional<KeptReply> decode_reply(std::string_view text) {
    KeptReply reply;
    auto const first = text.find('\n');
    auto const second = text.find('\n', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
    std::size_t length = 0;
    std::from_chars(text.data(), text.data() + first, reply.status);
    std::from_chars(text.data() + first + 1, text.data() + second, length);
    if (second + 1 + length > text.size()) return std::nullopt;
    reply.lines = text.substr(second + 1, length);
    reply.body = text.substr(second + 1 + length);
    return reply;
}

std::string Replays::map_key(KeyId key, std::string_view idempotency_key) {
    return std::to_string(key.value) + ':' + std::string(idempotency_key);
}

void Replays::load(std::vector<ReplayRow> rows) {
    std::lock_guard lock(mutex_);
    for (auto& row : rows) {
        bytes_ += row.sealed.size();
        auto const key = map_key(row.key_id, row.idempotency_key);
        entries_.insert_or_assign(key, Entry{std::move(row.request_hash), std::move(row.sealed), row.expires_at});
    }
}

Replays::Begin Replays::begin(KeyId key, std::string_view idempotency_key, std::string_view request_hash,
                              Timestamp now) {
    Begin begin;
    std::lock_guard lock(mutex_);
    auto const [it, fresh] = entries_.try_emplace(map_key(key, idempotency_key));
    auto& entry = it->second;
    if (fresh || entry.expires_at < now) {
        bytes_ -= entry.sealed.size();
        entry = Entry{std::string(request_hash), {}, Timestamp{now.ms + config_.ttl_s * 1000}};
        return begin;
    }
    if (entry.request_hash != request_hash) {
        begin.state = State::mismatch;
    } else if (entry.sealed.empty()) {
        begin.state = State::in_flight;
    } else {
        begin.state = State::replay;
        if (auto opened = box_.open(entry.sealed)) begin.reply = decode_reply(*opened);
    }
    return begin;
}

void Replays::abandon(KeyId key, std::string_view idempotency_key) {
    std::lock_guard lock(mutex_);
    auto const it = entries_.find(map_key(key, idempotency_key));
    if (it != entries_.end() && it->second.sealed.empty()) entries_.erase(it);
}

void Replays::keep(Call& call, int status, std::string_view lines, std::string_view body) {
    if (call.replay_key.empty()) return;
    auto const key = std::exchange(call.replay_key, {});
    auto const id = call.caller->key->id;
    bool const repeatable = status < 300;
    if (!repeatable || static_cast<std::int64_t>(body.size()) > config_.max_answer_bytes) return abandon(id, key);
    ReplayRow row;
    row.key_id = id;
    row.idempotency_key = key;
    row.sealed = box_.seal(encode_reply(status, lines, body));
    row.expires_at = Timestamp{call.record.time.ms + config_.ttl_s * 1000};
    {
        std::lock_guard lock(mutex_);
        auto const it = entries_.find(map_key(id, key));
        if (it == entries_.end()) return;
        if (bytes_ + row.sealed.size() > memory_max) {
            entries_.erase(it);
            log::warn("an answer is not kept for its Idempotency-Key: memory for answers is used up",
                      {{"request_id", std::string(call.request_id())}});
            return;
        }
        row.request_hash = it->second.request_hash;
        it->second.sealed = row.sealed;
        bytes_ += row.sealed.size();
    }
    if (auto const kept = call.services.ledger.keep_replay(row); !kept)
        log::warn("an answer is kept in memory only", {{"request_id", std::string(call.request_id())}, {"reason", kept.error().message}});
}

void Replays::purge(Timestamp now) {
    std::lock_guard lock(mutex_);
    for (auto it = entries_.begin(); it != entries_.end();) {
        if (it->second.expires_at < now) {
            bytes_ -= it->second.sealed.size();
            it = entries_.erase(it);
        } else {
            ++it;
        }
    }
}

} // namespace tollgate::gateway
