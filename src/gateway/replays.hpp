#pragma once
// Idempotency-Key on calls that are not streamed: the first answer again, without a second charge.
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "config/config.hpp"
#include "types/ids.hpp"
#include "types/replay.hpp"

namespace tollgate::gateway {

struct Call;

/// A kept answer, opened.
struct KeptReply {
    int status = 200;
    std::string lines; ///< header lines without rate limits
    std::string body;
};

std::string encode_reply(int status, std::string_view lines, std::string_view body);
std::optional<KeptReply> decode_reply(std::string_view text); ///< nullopt: not what encode_reply made

/// Thread-safe. Answers are sealed in memory and in the store until they expire; their size is bounded by
/// config (max_answer_bytes each) and what does not fit `memory_max` is not kept: the key is then free again.
class Replays {
public:
    Replays(config::IdempotencyConfig const& config, SecretBox box) : config_(config), box_(std::move(box)) {}
    Replays(Replays const&) = delete;
    Replays& operator=(Replays const&) = delete;

    /// At start: what the store still has.
    void load(std::vector<ReplayRow> rows);

    enum class State : std::uint8_t { fresh, replay, in_flight, mismatch };
    struct Begin {
        State state = State::fresh;
        std::optional<KeptReply> reply; ///< for replay
    };
    /// Claims the key for this request. fresh: the caller must `keep` or `abandon`.
    Begin begin(KeyId key, std::string_view idempotency_key, std::string_view request_hash, Timestamp now);
    /// Keeps the answer of a call that claimed a key (Call::replay_key), in memory and journal. Does nothing for
    /// other calls, and gives the claim up for answers that cost nothing and may be asked for anew (errors) or are too large.
    void keep(Call& call, int status, std::string_view lines, std::string_view body);
    void abandon(KeyId key, std::string_view idempotency_key);
    /// Forgets what has expired; called now and then.
    void purge(Timestamp now);

    static constexpr std::size_t memory_max = 256u << 20;

private:
    struct Entry {
        std::string request_hash;
        std::string sealed;        ///< empty while in flight
        Timestamp expires_at;
    };
    static std::string map_key(KeyId key, std::string_view idempotency_key);
    config::IdempotencyConfig const& config_;
    SecretBox box_;
    std::mutex mutex_;
    std::unordered_map<std::string, Entry> entries_;
    std::size_t bytes_ = 0;
};

} // namespace tollgate::gateway
