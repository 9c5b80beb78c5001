#include "routing/choose.hpp"

#include <algorithm>

#include "base/random.hpp"
#include "providers/kind.hpp"

namespace tollgate::routing {
namespace {

using Ordered = std::array<Target const*, Candidates::count_max>;
constexpr std::uint64_t explore_one_in = 32; // of `fastest`

/// Orders [first, last) by drawing without replacement in proportion to the weights. Targets of weight 0 come last.
void shuffle_by_weight(Target const** first, Target const** last, Dice const& dice) {
    for (; last - first > 1; ++first) {
        std::uint64_t total = 0;
        for (auto const* it = first; it != last; ++it) total += static_cast<std::uint64_t>((*it)->weight);
        if (total == 0) return;
        auto ticket = dice(total);
        auto* drawn = first;
        while (ticket >= static_cast<std::uint64_t>((*drawn)->weight)) {
            ticket -= static_cast<std::uint64_t>((*drawn)->weight);
            ++drawn;
        }
        std::rotate(first, drawn, drawn + 1); // keeps the declared order of the rest
    }
}

/// Insertion sort: a handful of elements, stable, no allocation (std::stable_sort takes a buffer).
template <class Less>
void sort_few(Target const** first, Target const** last, Less less) {
    for (auto* it = first; it != last; ++it)
        for (auto* at = it; at != first && less(*at, *(at - 1)); --at) std::swap(*at, *(at - 1));
}

void order_group(config::Strategy strategy, Target const** first, Target const** last, Dice const& dice) {
    switch (strategy) {
    case config::Strategy::cheapest:
        sort_few(first, last, [](auto const* a, auto const* b) { return a->typical_cost < b->typical_cost; });
        break;
    case config::Strategy::fastest:
        // One never measured counts as fastest, so that it gets measured.
        sort_few(first, last, [](auto const* a, auto const* b) { return a->state->latency_ns() < b->state->latency_ns(); });
        if (last - first > 1 && dice(explore_one_in) == 0) {
            auto const other = 1 + dice(static_cast<std::uint64_t>(last - first - 1));
            std::rotate(first, first + other, first + other + 1);
        }
        break;
    case config::Strategy::priority:
    case config::Strategy::weighted: shuffle_by_weight(first, last, dice); break;
    }
}

/// Moves blocked targets behind the others; among themselves the one whose pause ends first goes first.
void blocked_last(Target const** first, Target const** last, std::int64_t now_ns) {
    auto* free_end = first;
    for (auto* it = first; it != last; ++it) {
        auto const gate = (*it)->state->gate(now_ns);
        // The probe belongs to a target only when this request tries it first: else it would be taken and not made.
        bool const free = gate == TargetState::Gate::open_road ||
                          (gate == TargetState::Gate::probe && free_end == first && (*it)->state->claim_probe(now_ns));
        if (free) std::rotate(free_end++, it, it + 1);
    }
    sort_few(free_end, last, [](auto const* a, auto const* b) { return a->state->blocked_until_ns() < b->state->blocked_until_ns(); });
    // Nothing else is left: whoever goes first is the probe.
    if (free_end == first && first != last) (*first)->state->claim_probe(now_ns);
}

Fail none_usable(Model const& model, Surface surface, bool unpriced) {
    auto const name = "the model '" + model.name + "'";
    if (model.targets.empty())
        return fail(Errc::unavailable, name + " has no provider in service at the moment", "model", "every provider of it is disabled");
    if (unpriced)
        return fail(Errc::model_price_unset, name + " has no price, so it cannot be called: the operator must set one (zero for free)",
                    "model");
    for (auto const& target : model.targets)
        if (auto const path = providers::upstream_path(*target.provider->kind, surface); !path)
            return fail(Errc::invalid_request, name + " cannot be called here: " + path.error().message, "model");
    return fail(Errc::invalid_request, name + " cannot be called on " + std::string(surface_name(surface)), "model");
}

} // namespace

Dice const& system_dice() {
    static Dice const dice = [](std::uint64_t bound) { return random_below(bound); };
    return dice;
}

Result<Candidates> choose(Model const& model, Surface surface, Timestamp now, std::int64_t now_ns, Dice const& dice) {
    Candidates out;
    bool unpriced = false;
    for (auto const& target : model.targets) {
        if (out.count_ == Candidates::count_max) break;
        if (!target.provider->head(surface)) continue;
        if (!model.list_price(target, now)) {
            unpriced = true;
            continue;
        }
        out.targets_[out.count_++] = &target;
    }
    if (out.count_ == 0) return none_usable(model, surface, unpriced);
    if (out.count_ == 1) { // the common case
        if (out[0].state->gate(now_ns) == TargetState::Gate::probe) out[0].state->claim_probe(now_ns);
        return out;
    }
    auto** const begin = out.targets_.data();
    auto** const end = begin + out.count_;
    for (auto** first = begin; first != end;) {
        auto** last = first + 1;
        while (last != end && (model.strategy == config::Strategy::weighted || (*last)->priority == (*first)->priority)) ++last;
        order_group(model.strategy, first, last, dice);
        first = last;
    }
    blocked_last(begin, end, now_ns);
    return out;
}

std::int64_t retry_delay_ms(config::RoutingConfig const& config, int attempt, std::int64_t retry_after_ms, Dice const& dice) {
    auto const doublings = std::clamp(attempt - 2, 0, 10);
    auto const span = config.backoff_ms << doublings;
    auto const jitter = span > 0 ? static_cast<std::int64_t>(dice(static_cast<std::uint64_t>(span) + 1)) : 0;
    return std::max(jitter, std::max<std::int64_t>(retry_after_ms, 0));
}

} // namespace tollgate::routing
