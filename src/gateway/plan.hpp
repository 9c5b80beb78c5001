#pragma once
// Which model was asked for, where it may be served, and at which price and factor it is sold.
#include <array>
#include <memory>
#include <optional>
#include <span>

#include "base/error.hpp"
#include "dialects/ask.hpp"
#include "gateway/call.hpp"
#include "metering/tokenizer.hpp"
#include "routing/catalog.hpp"
#include "routing/choose.hpp"
#include "types/money.hpp"

namespace tollgate::gateway {

/// One target with the price the customer pays there.
struct Offer {
    routing::Target const* target = nullptr;
    routing::PriceEntry const* list = nullptr; ///< never null in a plan, nor is its price
    std::string const& model() const { return target->provider_model; }
};

/// Points into the model and into call.catalog, which the call keeps alive.
struct Plan {
    std::shared_ptr<routing::Model const> model;
    std::array<Offer, routing::Candidates::count_max> candidates;
    std::size_t count = 0;
    std::span<Offer const> offers() const { return {candidates.data(), count}; } ///< in the order to try
    Multiplier multiplier;                       ///< account × model, folded once
    metering::ModelEncoding encoding;            ///< for our own counts: by the first target's model
    /// Set when the credit covers the input but not the whole maximum, and the caller named none: the output limit
    /// that is added to the forwarded request, per choice.
    std::optional<std::int64_t> output_limit;
};

/// Errors: not_found (model), forbidden (key), model_price_unset, invalid_request (a field that changes the
/// provider's price; no target speaks the caller's dialect), unavailable (every target disabled).
Result<Plan> make_plan(Call& call, dialects::Ask const& ask);

} // namespace tollgate::gateway
