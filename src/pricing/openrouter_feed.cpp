#include "pricing/openrouter_feed.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "pricing/detail/decimal.hpp"

namespace tollgate::pricing {
namespace {

namespace json = boost::json;
using detail::Decimal;

constexpr std::size_t max_models = 20'000;
constexpr std::size_t max_overrides = 64;
constexpr std::int64_t minutes_per_day = 24 * 60;

struct FeedKey {
    std::string_view key;
    UnitId unit;
    std::int64_t per; ///< the rate's `per`: one million where prices are per token, so that tiny ones stay exact
};

constexpr std::array feed_keys{
    FeedKey{"prompt", UnitId::input_tokens, 1'000'000},
    FeedKey{"completion", UnitId::output_tokens, 1'000'000},
    FeedKey{"request", UnitId::requests, 1},
    FeedKey{"image", UnitId::input_images, 1},
    FeedKey{"image_token", UnitId::input_image_tokens, 1'000'000},
    FeedKey{"image_output", UnitId::output_image_tokens, 1'000'000},
    FeedKey{"audio", UnitId::input_audio_tokens, 1'000'000},
    FeedKey{"audio_output", UnitId::output_audio_tokens, 1'000'000},
    FeedKey{"input_audio_cache", UnitId::cache_audio_read_tokens, 1'000'000},
    FeedKey{"input_cache_read", UnitId::cache_read_tokens, 1'000'000},
    FeedKey{"input_cache_write", UnitId::cache_write_tokens, 1'000'000},
    FeedKey{"input_cache_write_1h", UnitId::cache_write_1h_tokens, 1'000'000},
    FeedKey{"internal_reasoning", UnitId::output_reasoning_tokens, 1'000'000},
    FeedKey{"web_search", UnitId::web_searches, 1},
};

using Rates = std::map<UnitId, Rate>;
template <class T>
using Parsed = tl::expected<T, std::string>; // the text is the reason a model stays unset
tl::unexpected<std::string> reason(std::string text) { return tl::unexpected<std::string>(std::move(text)); }

json::value const* member(json::object const& object, std::string_view key) {
    return object.if_contains(json::string_view(key.data(), key.size()));
}

std::string text_of(json::object const& object, std::string_view key) {
    auto const* value = member(object, key);
    if (value == nullptr || !value->is_string()) return {};
    return std::string(value->get_string().data(), value->get_string().size());
}

std::int64_t count_of(json::object const& object, std::string_view key) {
    auto const* value = member(object, key);
    return value != nullptr && value->is_int64() ? std::max<std::int64_t>(value->get_int64(), 0) : 0;
}

/// Strings as written; JSON numbers by their shortest decimal, which is what their writer meant.
std::optional<detail::SignedDecimal> decimal_of(json::value const& value) {
    if (value.is_string())
        return detail::parse_decimal({value.get_string().data(), value.get_string().size()});
    std::array<char, 64> text{};
    std::to_chars_result end{};
    if (value.is_int64())
        end = std::to_chars(text.data(), text.data() + text.size(), value.get_int64());
    else if (value.is_double())
        end = std::to_chars(text.data(), text.data() + text.size(), value.get_double());
    else
        return std::nullopt;
    return detail::parse_decimal({text.data(), static_cast<std::size_t>(end.ptr - text.data())});
}

/// The rates that `pricing` (or one override) names, discounted.
Parsed<Rates> read_rates(json::object const& pricing, Decimal factor) {
    Rates out;
    for (auto const& known : feed_keys) {
        auto const* value = member(pricing, known.key);
        if (value == nullptr || value->is_null()) continue;
        auto const amount = decimal_of(*value);
        if (!amount) return reason(fmt::format("pricing.{} is not a decimal", known.key));
        if (amount->negative && amount->value.digits != 0) return reason("its price varies by request");
        if (known.unit == UnitId::output_reasoning_tokens && amount->value.digits == 0) continue;
        auto const rate = detail::unit_rate(detail::multiply(amount->value, factor), known.per);
        if (!rate) return reason(fmt::format("pricing.{} is out of range", known.key));
        out[known.unit] = *rate;
    }
    return out;
}

struct Override {
    std::int64_t above = -1;            ///< prompt tokens, strictly more; -1 = any
    std::optional<std::int64_t> start;  ///< minute of the UTC day, inclusive
    std::int64_t end = 0;               ///< exclusive; at or below start = passes midnight
    Rates rates;

    bool covers(std::int64_t minute) const {
        if (!start) return true;
        if (end <= *start) return minute >= *start || minute < end;
        return minute >= *start && minute < end;
    }
};

/// HHMM as a number (830 = 08:30; 2400 = midnight) → minute of the day.
Parsed<std::int64_t> minute_of(json::value const& value) {
    auto const number = decimal_of(value);
    if (!number || number->negative || number->value.exponent < 0 || number->value.exponent > 3)
        return reason("an override's time is not HHMM");
    std::int64_t hhmm = number->value.digits;
    for (int i = 0; i < number->value.exponent && hhmm <= 2400; ++i) hhmm *= 10;
    if (hhmm > 2400 || hhmm % 100 > 59) return reason("an override's time is not HHMM");
    return (hhmm / 100 * 60 + hhmm % 100) % minutes_per_day;
}

Parsed<Override> read_override(json::object const& object, Decimal factor) {
    // Conditions stand beside the prices, or under "conditions".
    auto const* nested = member(object, "conditions");
    auto const& conditions = nested != nullptr && nested->is_object() ? nested->get_object() : object;
    Override out;
    auto const known = [](std::string_view key) {
        return key == "min_prompt_tokens" || key == "utc_start" || key == "utc_end";
    };
    for (auto const& entry : conditions) {
        auto const key = std::string_view(entry.key().data(), entry.key().size());
        bool const priced = std::any_of(feed_keys.begin(), feed_keys.end(), [&](auto const& k) { return k.key == key; });
        // An unknown condition could make this price apply to every request.
        if (!known(key) && !priced && key != "pricing")
            return reason(fmt::format("an override's '{}' is not understood", key));
    }
    if (auto const* tokens = member(conditions, "min_prompt_tokens"); tokens != nullptr && !tokens->is_null()) {
        if (!tokens->is_int64() || tokens->get_int64() < 0) return reason("min_prompt_tokens is not a count");
        out.above = tokens->get_int64();
    }
    auto const* start = member(conditions, "utc_start");
    auto const* end = member(conditions, "utc_end");
    if ((start == nullptr) != (end == nullptr)) return reason("an override has half a time window");
    if (start != nullptr) {
        auto const from = minute_of(*start);
        if (!from) return reason(from.error());
        auto const to = minute_of(*end);
        if (!to) return reason(to.error());
        out.start = *from;
        out.end = *to;
    }
    auto const* prices = member(object, "pricing");
    auto rates = read_rates(prices != nullptr && prices->is_object() ? prices->get_object() : object, factor);
    if (!rates) return reason(rates.error());
    out.rates = std::move(*rates);
    return out;
}

/// The start of a unit priced for prompts above `size` only: below, it costs what the unit around it costs.
UnitPrice price_below(std::map<UnitId, UnitPrice> const& placed, UnitId id, std::int64_t per, std::int64_t size) {
    UnitPrice out{id, Rate{0, per}, {}};
    int best_depth = -1;
    for (auto const& [other, price] : placed) {
        int const depth = __builtin_popcountll(unit_ancestors(other));
        if ((unit_ancestors(id) & unit_bit(other)) == 0 || depth <= best_depth) continue;
        best_depth = depth;
        out.base = price.base;
        out.tiers.clear();
        for (auto const& tier : price.tiers)
            if (tier.above < size) out.tiers.push_back(tier);
    }
    return out;
}

/// The rates at one time of day: base with every override that covers it, per prompt size; later entries win.
std::vector<UnitPrice> rates_at(Rates const& base, std::vector<Override> const& overrides, std::int64_t minute) {
    std::vector<std::int64_t> sizes{-1};
    for (auto const& o : overrides)
        if (o.covers(minute)) sizes.push_back(o.above);
    std::sort(sizes.begin(), sizes.end());
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());

    std::map<UnitId, UnitPrice> out;
    for (auto const size : sizes) {
        Rates now = base;
        for (auto const& o : overrides)
            if (o.covers(minute) && o.above <= size)
                for (auto const& [unit_id, rate] : o.rates) now[unit_id] = rate;
        for (auto const& [unit_id, rate] : now) {
            auto const place = out.find(unit_id) != out.end()
                                   ? out.find(unit_id)
                                   : out.emplace(unit_id, size < 0 ? UnitPrice{unit_id, rate, {}}
                                                                   : price_below(out, unit_id, rate.per, size)).first;
            auto& price = place->second;
            auto const& last = price.tiers.empty() ? price.base : price.tiers.back().rate;
            if (size >= 0 && !(last == rate)) price.tiers.push_back(Tier{size, rate});
        }
    }
    std::vector<UnitPrice> list;
    for (auto& [unit_id, price] : out) list.push_back(std::move(price));
    return list;
}

PriceSpec make_spec(Rates const& base, std::vector<Override> const& overrides) {
    std::vector<std::int64_t> bounds;
    for (auto const& o : overrides)
        if (o.start) {
            bounds.push_back(*o.start);
            bounds.push_back(o.end);
        }
    std::sort(bounds.begin(), bounds.end());
    bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
    PriceSpec spec;
    if (bounds.size() < 2) { // no windows, or one that covers the whole day
        spec.variants.push_back(PriceVariant{{}, rates_at(base, overrides, bounds.empty() ? 0 : bounds[0])});
        return spec;
    }
    // One variant per stretch of the day; the one that passes midnight is the default.
    spec.variants.push_back(PriceVariant{{}, rates_at(base, overrides, bounds.back())});
    for (std::size_t i = 0; i + 1 < bounds.size(); ++i) {
        Condition const when{Condition::Kind::time_of_day, bounds[i] * 60'000, bounds[i + 1] * 60'000};
        spec.variants.push_back(PriceVariant{when, rates_at(base, overrides, bounds[i])});
    }
    return spec;
}

Parsed<PricePtr> read_price(json::object const& pricing) {
    Decimal factor{1, 0};
    if (auto const* discount = member(pricing, "discount"); discount != nullptr && !discount->is_null()) {
        auto const value = decimal_of(*discount);
        auto const rest = value && !value->negative ? detail::one_minus(value->value) : std::nullopt;
        if (!rest) return reason("pricing.discount is not between 0 and 1");
        factor = *rest;
    }
    auto base = read_rates(pricing, factor);
    if (!base) return reason(base.error());
    if (!base->contains(UnitId::input_tokens) && !base->contains(UnitId::output_tokens) &&
        std::none_of(base->begin(), base->end(), [](auto const& entry) { return entry.second.pico_usd > 0; }))
        return reason("it has no price");
    std::vector<Override> overrides;
    if (auto const* list = member(pricing, "overrides"); list != nullptr && !list->is_null()) {
        if (!list->is_array() || list->get_array().size() > max_overrides) return reason("pricing.overrides is not a short list");
        for (auto const& entry : list->get_array()) {
            if (!entry.is_object()) return reason("an override is not an object");
            auto parsed = read_override(entry.get_object(), factor);
            if (!parsed) return reason(parsed.error());
            overrides.push_back(std::move(*parsed));
        }
    }
    auto made = Price::make(make_spec(*base, overrides));
    if (!made) return reason(made.error().message);
    return std::move(*made);
}

FeedModel read_model(json::object const& object) {
    FeedModel out;
    out.id = text_of(object, "id");
    out.canonical_slug = text_of(object, "canonical_slug");
    out.name = text_of(object, "name");
    out.context_length = count_of(object, "context_length");
    if (auto const* top = member(object, "top_provider"); top != nullptr && top->is_object())
        out.max_completion_tokens = count_of(top->get_object(), "max_completion_tokens");
    auto const* pricing = member(object, "pricing");
    if (pricing == nullptr || !pricing->is_object()) {
        out.problem = "it has no price";
        return out;
    }
    auto price = read_price(pricing->get_object());
    if (price)
        out.price = std::move(*price);
    else
        out.problem = std::move(price.error());
    return out;
}

} // namespace

Result<Feed> parse_openrouter_feed(std::string_view text) {
    json::error_code error;
    auto const value = json::parse({text.data(), text.size()}, error);
    if (error) return fail(Errc::malformed_json, "price feed: not valid JSON");
    auto const* data = value.is_object() ? value.get_object().if_contains("data") : nullptr;
    if (data == nullptr || !data->is_array())
        return fail(Errc::invalid_request, "price feed: expected an object with the list 'data'");
    if (data->get_array().size() > max_models)
        return fail(Errc::invalid_request, fmt::format("price feed: more than {} models", max_models));
    Feed feed;
    std::size_t position = 0;
    for (auto const& entry : data->get_array()) {
        auto model = entry.is_object() ? read_model(entry.get_object()) : FeedModel{};
        if (model.id.empty())
            feed.skipped.push_back(fmt::format("data[{}] has no id", position));
        else
            feed.models.push_back(std::move(model));
        ++position;
    }
    return feed;
}

} // namespace tollgate::pricing
