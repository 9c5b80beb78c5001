#include "routing/target_states.hpp"

namespace tollgate::routing {

TargetState& TargetStates::of(std::string_view provider, std::string_view model) {
    std::lock_guard lock(mutex_);
    auto& state = states_[std::pair(std::string(provider), std::string(model))];
    if (!state) state = std::make_unique<TargetState>();
    return *state;
}

std::int64_t TargetStates::number_of(std::string_view model_name) {
    std::lock_guard lock(mutex_);
    auto const found = numbers_.find(model_name);
    if (found != numbers_.end()) return found->second;
    auto const number = static_cast<std::int64_t>(numbers_.size()) + 1;
    numbers_.emplace(std::string(model_name), number);
    return number;
}

void TargetStates::for_each(
    std::function<void(std::string const&, std::string const&, TargetState const&)> const& visit) const {
    std::lock_guard lock(mutex_);
    for (auto const& [name, state] : states_) visit(name.first, name.second, *state);
}

std::string provider_health(TargetStates const& states, std::string_view provider, BreakerConfig const& config,
                            std::int64_t now_ns) {
    int used = 0, blocked = 0;
    std::int64_t attempts = 0, failures = 0;
    states.for_each([&](std::string const& name, std::string const&, TargetState const& state) {
        if (name != provider) return;
        auto const window = state.window(config, now_ns);
        if (window.attempts == 0 && !window.open) return;
        ++used;
        blocked += window.open ? 1 : 0;
        attempts += window.attempts;
        failures += window.failures;
    });
    if (used == 0) return "unknown";
    if (blocked == used) return "down";
    return blocked > 0 || failures * 2 > attempts ? "degraded" : "healthy";
}

} // namespace tollgate::routing
