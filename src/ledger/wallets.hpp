#pragma once
// Credit in memory: what each account can spend right now, and what each key has spent in its windows. Loaded
// from the store at start; from then on the only truth that admission asks.
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "types/ids.hpp"
#include "types/key_limits.hpp"
#include "types/money.hpp"

namespace tollgate::ledger {

/// One account. The address is stable for the life of the Wallets. Take `mutex` before touching anything
/// else, and before a KeyPurse's mutex when both are needed.
struct Wallet {
    std::mutex mutex;
    Money balance;   ///< Σ grants − overdraft, charges included the moment they are settled
    Money held;      ///< Σ of open holds and of refunds being booked; ≥ 0
    Money overdraft; ///< how far below zero holds may take it; ≥ 0
    Money booked;    ///< Σ of what is not usage (credits, refunds, expiries) in `balance`
    bool suspended = false;
    Money available() const { return balance + overdraft - held; }
};
/// A consistent copy.
struct WalletView {
    Money balance, held, overdraft;
    bool suspended = false;
    Money available() const { return balance + overdraft - held; }
};

enum class Window : std::uint8_t { day = 0, week, month, total };
inline constexpr std::size_t window_count = 4;

/// Which UTC day, week (from Monday) and month a moment lies in; numbers rise by one.
struct WindowIndex {
    std::int64_t day = 0, week = 0, month = 0;
    friend bool operator==(WindowIndex const&, WindowIndex const&) = default;
};
WindowIndex window_index(Timestamp t) noexcept;
/// When the window that contains `t` ends; {0} for total.
Timestamp window_end(Window window, Timestamp t) noexcept;

/// Settled and held spend of one key. Stable address; same locking rule as Wallet.
struct KeyPurse {
    std::mutex mutex;
    std::array<Money, window_count> settled{};
    Money held;        ///< open holds count against every window
    WindowIndex index; ///< the windows that `settled` is about

    /// Starts new windows if `now` lies in later ones. Time going backwards changes nothing.
    void roll(WindowIndex now) noexcept;
    /// Adds a charge of a request that arrived in `when`: windows that are over already are left alone.
    void add(Money charge, WindowIndex when);
    /// Errors: cap_exceeded, naming the window, what is left and when it starts anew.
    Result<void> check(SpendingCaps const& caps, Money more, Timestamp now) const;
};
struct KeySpendView {
    Money day, week, month, total; ///< settled in the current windows
    Money held;
};

/// Finds or makes; never removes. Thread-safe; sharded so that lookups of different ids rarely meet.
template <class Id, class Entry>
class Shelf {
public:
    Entry& at(Id id) {
        Shard& shard = shards_[static_cast<std::size_t>(id.value) % shard_count];
        std::lock_guard lock(shard.mutex);
        auto& slot = shard.entries[id.value];
        if (!slot)
            slot = std::make_unique<Entry>();
        return *slot;
    }
    /// Null when the id was never asked for.
    Entry* find(Id id) const {
        Shard& shard = shards_[static_cast<std::size_t>(id.value) % shard_count];
        std::lock_guard lock(shard.mutex);
        auto const it = shard.entries.find(id.value);
        return it == shard.entries.end() ? nullptr : it->second.get();
    }
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (Shard& shard : shards_) {
            std::lock_guard lock(shard.mutex);
            for (auto& [id, entry] : shard.entries)
                visit(Id{id}, *entry);
        }
    }

private:
    static constexpr std::size_t shard_count = 64;
    struct alignas(64) Shard {
        std::mutex mutex;
        std::unordered_map<std::int64_t, std::unique_ptr<Entry>> entries;
    };
    mutable std::array<Shard, shard_count> shards_;
};
using Wallets = Shelf<AccountId, Wallet>;
using Purses = Shelf<KeyId, KeyPurse>;

} // namespace tollgate::ledger
