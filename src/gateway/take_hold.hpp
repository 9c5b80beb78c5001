#pragma once
#include <boost/asio/awaitable.hpp>

#include "base/error.hpp"
#include "dialects/ask.hpp"
#include "gateway/call.hpp"
#include "gateway/charge.hpp"
#include "gateway/plan.hpp"
#include "gateway/quote.hpp"
#include "ledger/hold.hpp"

namespace tollgate::gateway {

struct Held {
    ledger::Hold hold;
    Quote quote; ///< what the hold was made for
};

/// Holds the quote. Where the credit does not cover it: counts the prompt instead of bounding it. When the caller named
/// no maximum, lowers the answer to the operator's default, then to what is affordable (plan.output_limit). Errors: insufficient_credits,
/// cap_exceeded, forbidden, unavailable.
asio::awaitable<Result<Held>> take_hold(Call& call, Plan& plan, dialects::Ask const& ask, Quote quote);

/// Tokens that rate limits are debited with at admission: the whole prompt bound and what is held of the answer.
std::int64_t rate_estimate(Quote const& quote) noexcept;

/// Refuses after the hold was taken: releases it with a terminal record of charge 0, then answers.
asio::awaitable<void> refuse_held(Call& call, Charge& charge, Error error);

} // namespace tollgate::gateway
