#pragma once
// Usage × price = money, exactly. All sums are exact integers; there is one rounding per charge.
//
// The time `at` picks the price variant: use the request's admission time for quote, hold and settlement alike, so
// that a request is charged by the price that was in force when it was let in.
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "pricing/price.hpp"
#include "types/money.hpp"
#include "types/record.hpp"
#include "types/usage.hpp"

namespace tollgate::pricing {

/// Quantities above this are refused (a count no single request can have).
inline constexpr std::int64_t max_quantity = 1'000'000'000'000;

/// An amount and the terms it is the sum of. `amount == recompute(lines, multiplier)` always.
struct Rating {
    Money amount;                  ///< Σ quantity · pico / per × multiplier, rounded half-even to a nano-USD
    std::vector<PriceLine> lines;  ///< by unit number; only units that are priced and were used, explicit zeros too
};

/// Rates disjoint buckets. Every bucket takes the price of the most specific priced unit that contains it
/// (cache_write_1h → cache_write_1h, else cache_write, else input; audio_in → audio, else input; …), and costs nothing
/// when there is none. `reasoning` is priced apart, and out of `output`, only where the price names it. A price per
/// request takes `request` as given: set it to 1.
/// Errors (invalid_request): a negative quantity or one above max_quantity, naming the bucket; amount out of range.
Result<Rating> rate(Price const& price, Usage const& usage, Timestamp at, Multiplier multiplier = {});

/// A quantity of a library unit. Quantities are inclusive: input_tokens contains cache_read_tokens.
struct UnitQuantity {
    UnitId unit = UnitId::input_tokens;
    std::int64_t quantity = 0;
};

/// Rates usage counted in the price library's own units, by its algorithm, accepting and refusing what it does. A
/// unit given is reported, one left out is not (which is not the same as 0). A price per request counts once.
/// Errors (invalid_request): negative quantities; a part greater than its whole; a total left out that a reported
/// part needs; quantities above max_quantity (ours).
Result<Rating> rate_units(Price const& price, std::span<UnitQuantity const> usage, Timestamp at,
                          Multiplier multiplier = {});

/// The amount of a record's lines: what `verify` and `settle` both use.
/// Errors (invalid_request): a line with a negative quantity or price, `per` < 1, or an amount out of range: the
/// record was not written by us.
Result<Money> recompute(std::span<PriceLine const> lines, Multiplier multiplier);

/// The most a `ceiling` says: a hold that large never fits an account, and sums of holds stay far from overflow.
inline constexpr Money ceiling_limit = Money::from_nanos(1'000'000'000'000'000'000); // 1e9 USD

/// An amount that no usage within `bound` can exceed, rounded up. Within means: at most bound[b] units per bucket,
/// where input tokens may also turn out as cache reads or cache writes (5 m) and output tokens as reasoning, audio or
/// image; name cache_write_1h in the bound (in place of input) when the request asks for one-hour caching. Takes the
/// dearest tier that the bound's total input can reach. Negative bounds count as 0; never above ceiling_limit.
Money ceiling(Price const& price, Usage const& bound, Timestamp at, Multiplier multiplier = {});

/// How many output tokens are affordable: the largest n ≤ `most` for which ceiling(bound with output = n) fits into
/// `money`. nullopt when `money` does not even cover the bound without output.
std::optional<std::int64_t> affordable_output(Price const& price, Usage bound, Timestamp at, Multiplier multiplier,
                                              Money money, std::int64_t most = max_quantity);

/// What `tokens` more output tokens add to the ceiling of `bound`: the size of a stream's next hold step.
Money marginal_output(Price const& price, Usage bound, std::int64_t tokens, Timestamp at, Multiplier multiplier = {});

/// Orders targets by cost: the amount for one typical call (1000 input, 1000 output tokens, 1 request).
Money typical_cost(Price const& price, Timestamp at, Multiplier multiplier = {});

} // namespace tollgate::pricing
