#include "control/lockout.hpp"

#include <algorithm>
#include <functional>

namespace tollgate::control {

std::string lockout_group(std::string_view address) {
    if (address.find(':') == std::string_view::npos || address.starts_with("::ffff:")) return std::string(address);
    // Text form is canonical, so the first four groups end at the fourth colon, or at "::".
    auto const gap = address.find("::");
    std::size_t end = 0;
    for (int colon = 0; end < address.size(); ++end) {
        if (end == gap) break;
        if (address[end] == ':' && ++colon == 4) break;
    }
    return std::string(address.substr(0, end)) + "::/64";
}

int Lockout::locked_for_s(std::string_view address, std::int64_t now_ns) {
    std::lock_guard lock(mutex_);
    auto const it = rows_.find(lockout_group(address));
    if (it == rows_.end() || it->second.locked_until_ns <= now_ns) return 0;
    return static_cast<int>((it->second.locked_until_ns - now_ns) / 1'000'000'000) + 1;
}

void Lockout::wrong_token(std::string_view address, std::string_view token, std::int64_t now_ns) {
    std::lock_guard lock(mutex_);
    auto group = lockout_group(address);
    if (rows_.size() >= addresses_max && !rows_.contains(group)) make_room(now_ns);
    auto& row = rows_[std::move(group)];
    if (now_ns - row.window_start_ns >= window_ns || row.guesses.empty()) {
        row.window_start_ns = now_ns;
        row.guesses.clear();
    }
    auto const guess = std::hash<std::string_view>()(token);
    if (std::find(row.guesses.begin(), row.guesses.end(), guess) != row.guesses.end()) return;
    row.guesses.push_back(guess);
    if (row.guesses.size() < guesses_max) return;
    row.locked_until_ns = now_ns + window_ns;
    row.guesses.clear();
}

void Lockout::make_room(std::int64_t now_ns) {
    std::erase_if(rows_, [&](auto const& entry) {
        return entry.second.locked_until_ns <= now_ns && now_ns - entry.second.window_start_ns >= window_ns;
    });
    if (rows_.size() < addresses_max) return;
    // Full of live rows: drop one that is not locked, else any. Losing a row only forgives its guesses.
    auto victim = std::find_if(rows_.begin(), rows_.end(),
                               [&](auto const& entry) { return entry.second.locked_until_ns <= now_ns; });
    rows_.erase(victim == rows_.end() ? rows_.begin() : victim);
}

} // namespace tollgate::control
