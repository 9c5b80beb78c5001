#pragma once
// How much a request may cost at most, and how much of that is held before it goes upstream.
#include <cstdint>
#include <optional>
#include <span>

#include "dialects/ask.hpp"
#include "gateway/plan.hpp"
#include "types/money.hpp"
#include "types/usage.hpp"

namespace tollgate::gateway {

/// A stream holds its input and this many output tokens at first, and extends by as many when it is metered.
inline constexpr std::int64_t stream_step_tokens = 512;

struct Quote {
    std::int64_t input_bound = 0;  ///< text tokens the prompt can be at most
    std::int64_t media_bound = 0;  ///< the same of its images, audio and files
    std::int64_t output_max = 0;   ///< tokens the answer can be at most, all choices together
    bool output_named = false;     ///< the caller named the maximum: it is never lowered
    /// A stream that can be metered as it goes is held step by step; everything else (whole answers, several
    /// choices, output that nobody sees before the end) holds its maximum at once.
    bool stepwise = false;
    Money amount;                  ///< what to hold first
};

/// The usage that `quote` allows with `output` tokens of answer, in the buckets that make it dearest.
Usage bounded_usage(dialects::Ask const& ask, Quote const& quote, std::int64_t output);

/// The dearest ceiling over the plan's targets: whichever serves, the hold covers it.
Money dearest_ceiling(Plan const& plan, Usage const& bound, Timestamp at);

/// From sizes alone: a byte is at least a token. Pure.
Quote make_quote(Plan const& plan, dialects::Ask const& ask, std::int64_t default_max_tokens, Timestamp at);
/// The same with the prompt counted (`input_tokens`, media excluded): a tighter ceiling.
Quote make_counted_quote(Plan const& plan, dialects::Ask const& ask, std::int64_t default_max_tokens,
                         std::int64_t input_tokens, Timestamp at);

/// The most output tokens per choice that `money` pays for at every target; nullopt when it does not cover the input
/// and one token of answer.
std::optional<std::int64_t> affordable_output(Plan const& plan, dialects::Ask const& ask, Quote const& quote,
                                              Money money, Timestamp at);

} // namespace tollgate::gateway
