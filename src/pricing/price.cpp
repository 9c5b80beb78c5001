#include "pricing/price.hpp"

#include <algorithm>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <sodium.h>

#include "pricing/detail/compiled.hpp"
#include "pricing/detail/price_json.hpp"

namespace tollgate::pricing {
namespace {

constexpr std::int64_t day_ms = 86'400'000;
constexpr std::int64_t max_pico = 1'000'000'000'000'000'000; // 1e6 USD for `per` units
constexpr std::int64_t max_per = 1'000'000'000'000;
constexpr std::size_t max_tiers = 32;
constexpr std::size_t max_variants = 64;

Result<void> check_rate(Rate rate, UnitId id) {
    if (rate.pico_usd < 0)
        return fail(Errc::invalid_request,
                    fmt::format("the price of {} is negative", unit(id).usage_key));
    if (rate.pico_usd > max_pico || rate.per < 1 || rate.per > max_per)
        return fail(Errc::invalid_request, fmt::format("the price of {} is out of range", unit(id).usage_key));
    return {};
}

Result<void> check_condition(Condition const& when) {
    if (when.kind != Condition::Kind::time_of_day) return {};
    auto const in_day = [](std::int64_t ms) { return ms >= 0 && ms < day_ms; };
    if (!in_day(when.start_ms) || !in_day(when.end_ms))
        return fail(Errc::invalid_request, "a time-of-day condition lies within 00:00:00 and 23:59:59.999");
    return {};
}

Result<void> check_and_sort(PriceVariant& variant) {
    if (auto ok = check_condition(variant.when); !ok) return ok;
    std::sort(variant.units.begin(), variant.units.end(),
              [](UnitPrice const& a, UnitPrice const& b) { return a.unit < b.unit; });
    for (std::size_t i = 0; i < variant.units.size(); ++i) {
        auto& price = variant.units[i];
        if (i > 0 && variant.units[i - 1].unit == price.unit)
            return fail(Errc::invalid_request,
                        fmt::format("{} is priced twice", unit(price.unit).usage_key));
        if (price.tiers.size() > max_tiers)
            return fail(Errc::invalid_request, fmt::format("at most {} price tiers", max_tiers));
        if (auto ok = check_rate(price.base, price.unit); !ok) return ok;
        std::stable_sort(price.tiers.begin(), price.tiers.end(),
                         [](Tier const& a, Tier const& b) { return a.above < b.above; });
        for (auto const& tier : price.tiers) {
            if (tier.above < 0)
                return fail(Errc::invalid_request, "a price tier starts at zero tokens or above");
            if (auto ok = check_rate(tier.rate, price.unit); !ok) return ok;
        }
    }
    return {};
}

std::string sha256_hex(std::string_view text) {
    std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
    crypto_hash_sha256(digest.data(), reinterpret_cast<unsigned char const*>(text.data()), text.size());
    std::string hex;
    for (auto const byte : digest) fmt::format_to(std::back_inserter(hex), "{:02x}", byte);
    return hex;
}

bool holds(Condition const& when, std::int64_t at_ms, std::int64_t ms_of_day) {
    switch (when.kind) {
    case Condition::Kind::always: return true;
    case Condition::Kind::start_date: return at_ms >= when.start_ms;
    case Condition::Kind::time_of_day:
        if (when.end_ms < when.start_ms) return ms_of_day >= when.start_ms || ms_of_day < when.end_ms;
        return ms_of_day >= when.start_ms && ms_of_day < when.end_ms;
    }
    return false;
}

} // namespace

Price::Price() = default;
Price::~Price() = default;

Result<PricePtr> Price::make(PriceSpec spec) {
    if (spec.variants.empty()) return fail(Errc::invalid_request, "a price has at least one variant");
    if (spec.variants.size() > max_variants)
        return fail(Errc::invalid_request, fmt::format("at most {} price variants", max_variants));
    if (spec.min_audio_seconds < 0 || spec.min_audio_seconds > 86'400)
        return fail(Errc::invalid_request, "the minimum audio duration is out of range");
    for (auto& variant : spec.variants)
        if (auto ok = check_and_sort(variant); !ok) return Fail(ok.error());
    auto compiled = detail::compile(spec);
    if (!compiled) return Fail(compiled.error());
    std::shared_ptr<Price> price(new Price());
    price->json_ = detail::spec_to_json(spec);
    price->hash_ = sha256_hex(price->json_);
    price->compiled_ = std::make_unique<detail::CompiledPrice const>(std::move(*compiled));
    price->spec_ = std::move(spec);
    return price;
}

Result<PricePtr> Price::from_canonical_json(std::string_view text) {
    boost::json::error_code error;
    auto const value = boost::json::parse({text.data(), text.size()}, error);
    if (error || !value.is_object()) return fail(Errc::invalid_request, "stored price: not a JSON object");
    auto spec = detail::spec_from_json(value.get_object());
    if (!spec) return Fail(spec.error());
    return make(std::move(*spec));
}

std::size_t Price::variant_index(Timestamp at) const noexcept {
    auto const& variants = spec_.variants;
    if (variants.size() == 1) return 0;
    auto const ms_of_day = ((at.ms % day_ms) + day_ms) % day_ms;
    for (std::size_t i = variants.size(); i-- > 0;)
        if (holds(variants[i].when, at.ms, ms_of_day)) return i;
    return 0;
}

std::string coverage_problem(PriceVariant const& variant) {
    UnitSet priced = 0;
    for (auto const& price : variant.units) priced |= unit_bit(price.unit);
    for (auto const& price : variant.units) {
        auto const missing = unit_ancestors(price.unit) & ~priced;
        if (missing != 0)
            return fmt::format("{} is priced without {}", unit(price.unit).price_key,
                               units[static_cast<std::size_t>(__builtin_ctzll(missing))].price_key);
    }
    for (auto const& a : variant.units)
        for (auto const& b : variant.units) {
            if (a.unit >= b.unit || !units_overlap(a.unit, b.unit)) continue;
            auto const join = unit_join(a.unit, b.unit);
            if (!join || (priced & unit_bit(*join)) == 0)
                return fmt::format("{} and {} are priced without what they have in common",
                                   unit(a.unit).price_key, unit(b.unit).price_key);
        }
    return {};
}

} // namespace tollgate::pricing
