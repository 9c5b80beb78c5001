#pragma once
// Parts that whole and streamed answers share.
#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "dialects/ask.hpp"
#include "dialects/usage.hpp"
#include "gateway/call.hpp"
#include "gateway/charge.hpp"
#include "gateway/plan.hpp"
#include "gateway/quote.hpp"
#include "net/http.hpp"

namespace tollgate::gateway {

/// Header lines of a relayed answer that are the same when it is repeated: the provider's that may be shown, then ours
/// (x-request-id, provider, model).
void append_answer_headers(std::string& lines, Call const& call, Offer const& offer,
                           net::ResponseHead const& upstream);
/// x-tollgate-cost and x-tollgate-balance.
void append_money_headers(std::string& lines, Money charge, Money balance);

/// Whether the answer's usage carries the charge: when the caller asked for it, and always where the provider states
/// what it takes from us (OpenRouter), which is not the customer's to see.
bool shows_cost(dialects::Ask const& ask, Offer const& offer) noexcept;

/// A provider's report as what is charged: one request, and the caller's own counts never matter.
Usage billed_usage(dialects::UsageReport const& report);

/// Whether a report can be true of this request: no provider counts several times more prompt than was sent, or more
/// answer than was allowed. A provider that reports nonsense must not bill a fortune: its word is then not taken.
bool plausible(dialects::UsageReport const& report, Quote const& quote) noexcept;

/// What our own count makes of a request that no provider reported on. `delivered` = output tokens.
asio::awaitable<Charge::Final> counted_final(Call& call, Plan const& plan, dialects::Ask const& ask,
                                             Offer const& offer, std::int64_t delivered, bool estimated);

/// With durability "power": waits until the frame survives a power cut. At once otherwise.
asio::awaitable<Result<void>> wait_until_durable(Call& call, journal::Position position);

} // namespace tollgate::gateway
