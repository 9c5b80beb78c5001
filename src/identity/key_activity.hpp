#pragma once
// When each key was last used: noted by I/O threads without locks, written to the store now and then.
#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/dense_table.hpp"
#include "types/ids.hpp"

namespace tollgate::identity {

class KeyActivity {
public:
    /// Any thread, every request. Kept to the second, so that a busy key's cache line is written once a second.
    void touch(KeyId key, Timestamp now) noexcept;
    /// 0 = not used since the start of this process.
    Timestamp last_used(KeyId key) const noexcept;
    /// What changed since the last call, for KeyStore's batch update. One caller at a time.
    std::vector<std::pair<KeyId, Timestamp>> take_changes();

private:
    struct Slot {
        std::atomic<std::int64_t> last_ms{0};
        std::atomic<std::int64_t> taken_ms{0};
    };
    DenseTable<Slot, 1024> slots_;
};

} // namespace tollgate::identity
