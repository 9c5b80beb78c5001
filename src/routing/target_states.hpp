#pragma once
// Runtime state that outlives catalogs: one TargetState per (provider, provider's model), one number per model name.
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "routing/breaker.hpp"

namespace tollgate::routing {

/// Any thread; asked when catalogs are built, not per request. Must outlive every catalog built with it.
class TargetStates {
public:
    /// Stays valid as long as this object.
    TargetState& of(std::string_view provider, std::string_view model);
    /// A small dense number for limits::Limiter::model, the same for the same name for as long as the process lives.
    std::int64_t number_of(std::string_view model_name);
    void for_each(std::function<void(std::string const& provider, std::string const& model, TargetState const&)> const& visit) const;

private:
    mutable std::mutex mutex_;
    std::map<std::pair<std::string, std::string>, std::unique_ptr<TargetState>> states_;
    std::map<std::string, std::int64_t, std::less<>> numbers_;
};

/// "unknown" (nothing tried lately), "healthy", "degraded" (some targets blocked, or half of the attempts failed),
/// "down" (every target that was tried is blocked).
std::string provider_health(TargetStates const& states, std::string_view provider, BreakerConfig const& config,
                            std::int64_t now_ns);

} // namespace tollgate::routing
