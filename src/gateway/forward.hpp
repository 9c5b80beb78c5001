#pragma once
#include <boost/asio/awaitable.hpp>

#include "dialects/ask.hpp"
#include "gateway/call.hpp"
#include "gateway/charge.hpp"
#include "gateway/plan.hpp"

namespace tollgate::gateway {

/// Sends the request to the plan's targets until one answers, relays the answer and settles the charge. Retries end
/// with the first byte that goes to the caller. On return the caller has been answered and the charge is settled.
asio::awaitable<void> forward(Call& call, Plan const& plan, dialects::Ask const& ask, Charge& charge);

} // namespace tollgate::gateway
