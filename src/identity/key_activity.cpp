#include "identity/key_activity.hpp"

namespace tollgate::identity {

void KeyActivity::touch(KeyId key, Timestamp now) noexcept {
    auto& slot = slots_.at(key.value);
    auto const last = slot.last_ms.load(std::memory_order_relaxed);
    if (now.ms >= last + 1000) slot.last_ms.store(now.ms, std::memory_order_relaxed);
}

Timestamp KeyActivity::last_used(KeyId key) const noexcept {
    auto const* slot = slots_.find(key.value);
    return Timestamp{slot ? slot->last_ms.load(std::memory_order_relaxed) : 0};
}

std::vector<std::pair<KeyId, Timestamp>> KeyActivity::take_changes() {
    std::vector<std::pair<KeyId, Timestamp>> out;
    slots_.for_each([&](std::int64_t id, Slot& slot) {
        auto const last = slot.last_ms.load(std::memory_order_relaxed);
        if (last == slot.taken_ms.load(std::memory_order_relaxed)) return;
        slot.taken_ms.store(last, std::memory_order_relaxed);
        out.emplace_back(KeyId{id}, Timestamp{last});
    });
    return out;
}

} // namespace tollgate::identity
