#pragma once
// A price: what each unit costs, under which conditions. Immutable once made; a change is a new Price.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "pricing/units.hpp"

namespace tollgate::pricing {

/// `pico_usd` (1e-12 USD) for `per` units. $3 per million tokens = {3'000'000'000'000, 1'000'000}.
struct Rate {
    std::int64_t pico_usd = 0;
    std::int64_t per = 1'000'000;
    friend bool operator==(Rate const&, Rate const&) = default;
};

/// Replaces the base rate, for the whole request, when all input tokens together are strictly more than `above`.
struct Tier {
    std::int64_t above = 0;
    Rate rate;
    friend bool operator==(Tier const&, Tier const&) = default;
};

struct UnitPrice {
    UnitId unit = UnitId::input_tokens;
    Rate base;
    std::vector<Tier> tiers; ///< ascending by `above`
    friend bool operator==(UnitPrice const&, UnitPrice const&) = default;
};

/// When a variant is in force.
struct Condition {
    enum class Kind : std::uint8_t { always, start_date, time_of_day };
    Kind kind = Kind::always;
    std::int64_t start_ms = 0; ///< start_date: ms since the epoch, inclusive. time_of_day: ms of the UTC day, inclusive
    std::int64_t end_ms = 0;   ///< time_of_day: exclusive; below start_ms = the window passes midnight
    friend bool operator==(Condition const&, Condition const&) = default;
};

struct PriceVariant {
    Condition when;
    std::vector<UnitPrice> units;
    friend bool operator==(PriceVariant const&, PriceVariant const&) = default;
};

/// Of the variants the last whose condition holds is in force; when none holds, the first.
struct PriceSpec {
    std::vector<PriceVariant> variants;
    /// The provider bills no audio shorter than this many seconds (0 = no minimum).
    std::int64_t min_audio_seconds = 0;
    friend bool operator==(PriceSpec const&, PriceSpec const&) = default;
};

namespace detail {
struct CompiledPrice;
}

class Price;
/// shared: price versions are held by the catalog snapshots of several threads and by requests in flight.
using PricePtr = std::shared_ptr<Price const>;

/// An immutable price, precompiled for rating. Safe to read from any number of threads.
class Price {
public:
    /// Errors (invalid_request): no variant, a unit named twice in a variant, a rate outside
    /// 0 ≤ pico ≤ 1e18 / 1 ≤ per ≤ 1e12, a negative tier threshold, rates too large or of too many different `per`
    /// for exact arithmetic. Units are put in the order of their numbers, tiers in that of their thresholds.
    static Result<PricePtr> make(PriceSpec spec);
    /// Reads what `canonical_json()` wrote. Errors (invalid_request) name the part that is wrong.
    static Result<PricePtr> from_canonical_json(std::string_view json);

    ~Price();
    Price(Price const&) = delete;
    Price& operator=(Price const&) = delete;

    PriceSpec const& spec() const { return spec_; }
    /// One text per price: for storage as an immutable version.
    std::string const& canonical_json() const { return json_; }
    /// SHA-256 of `canonical_json()`, 64 lower-case hex digits.
    std::string const& hash() const { return hash_; }
    /// The variant in force at `at`.
    PriceVariant const& variant_at(Timestamp at) const { return spec_.variants[variant_index(at)]; }
    std::size_t variant_index(Timestamp at) const noexcept;
    detail::CompiledPrice const& compiled() const { return *compiled_; }

private:
    Price();
    PriceSpec spec_;
    std::string json_;
    std::string hash_;
    std::unique_ptr<detail::CompiledPrice const> compiled_;
};

/// What the price library would find missing in `variant` before it rates anything: the price of an ancestor of a
/// priced unit, or of what two priced units have in common. Empty = complete. Rating by buckets works either way.
std::string coverage_problem(PriceVariant const& variant);

} // namespace tollgate::pricing
