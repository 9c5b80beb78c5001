#pragma once
// Slows down guessing of tokens: per address, by distinct wrong guesses.
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tollgate::control {

/// An address that presents `guesses_max` different wrong tokens within a minute is refused for a minute.
/// Repeats of one wrong token do not count: a mis-configured script is not guessing, and must not lock out the
/// people behind its address. Thread-safe; memory is bounded by `addresses_max`.
class Lockout {
public:
    static constexpr std::size_t guesses_max = 20;
    static constexpr std::size_t addresses_max = 10'000;
    static constexpr std::int64_t window_ns = 60'000'000'000;

    /// Seconds until `address` may try again; 0 = it may now. `now_ns` is steady time.
    int locked_for_s(std::string_view address, std::int64_t now_ns);
    void wrong_token(std::string_view address, std::string_view token, std::int64_t now_ns);

private:
    struct Row {
        std::int64_t window_start_ns = 0;
        std::int64_t locked_until_ns = 0;
        std::vector<std::size_t> guesses; ///< hashes, at most guesses_max
    };
    void make_room(std::int64_t now_ns);
    std::mutex mutex_;
    std::unordered_map<std::string, Row> rows_;
};

/// The part of an address that one party controls: IPv4 whole, IPv6 its first 64 bits.
std::string lockout_group(std::string_view address);

} // namespace tollgate::control
