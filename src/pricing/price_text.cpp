#include "pricing/price_text.hpp"

#include <algorithm>
#include <array>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "base/nearest.hpp"
#include "pricing/detail/compiled.hpp"
#include "types/money.hpp"

namespace tollgate::pricing {
namespace {

constexpr int price_decimals = 12; // pico-USD

struct ShortKey {
    std::string_view key;
    UnitId unit;
    std::int64_t per; ///< what the written amount buys
};

/// In the order in which prices are shown.
constexpr std::array short_keys{
    ShortKey{"input", UnitId::input_tokens, 1'000'000},
    ShortKey{"cache_read", UnitId::cache_read_tokens, 1'000'000},
    ShortKey{"cache_write", UnitId::cache_write_tokens, 1'000'000},
    ShortKey{"cache_write_5m", UnitId::cache_write_5m_tokens, 1'000'000},
    ShortKey{"cache_write_1h", UnitId::cache_write_1h_tokens, 1'000'000},
    ShortKey{"audio_in", UnitId::input_audio_tokens, 1'000'000},
    ShortKey{"image_in", UnitId::input_image_tokens, 1'000'000},
    ShortKey{"output", UnitId::output_tokens, 1'000'000},
    ShortKey{"reasoning", UnitId::output_reasoning_tokens, 1'000'000},
    ShortKey{"audio_out", UnitId::output_audio_tokens, 1'000'000},
    ShortKey{"image_out", UnitId::output_image_tokens, 1'000'000},
    ShortKey{"web_search", UnitId::web_searches, 1},
    ShortKey{"request", UnitId::requests, 1},
    ShortKey{"input_seconds", UnitId::input_audio_seconds, 1},
    ShortKey{"output_seconds", UnitId::output_audio_seconds, 1},
    ShortKey{"input_characters", UnitId::input_characters, 1'000'000},
    ShortKey{"pages", UnitId::input_document_pages, 1},
    ShortKey{"images", UnitId::images, 1},
};

ShortKey const* find_short(std::string_view key) {
    auto const* found = std::find_if(short_keys.begin(), short_keys.end(), [&](auto const& k) { return k.key == key; });
    return found == short_keys.end() ? nullptr : found;
}

Fail unknown_key(std::string_view key) {
    std::vector<std::string_view> names;
    for (auto const& known : short_keys) names.push_back(known.key);
    auto const* const unit_begin = units.data();
    for (auto const* u = unit_begin; u != unit_begin + units.size(); ++u) names.push_back(u->price_key);
    return fail(Errc::invalid_request,
                fmt::format("unknown price key '{}'; did you mean '{}'?", key.substr(0, 64), nearest_name(key, names)),
                fmt::format("price.{}", key.substr(0, 64)));
}

Result<UnitPrice> parse_field(PriceField const& field) {
    UnitPrice out;
    if (auto const* known = find_short(field.key)) {
        out.unit = known->unit;
        out.base.per = known->per;
    } else if (auto const id = unit_from_price_key(field.key)) {
        out.unit = *id;
        out.base.per = unit(*id).per;
    } else {
        return unknown_key(field.key);
    }
    auto const param = "price." + field.key;
    auto const pico = parse_scaled(field.value, price_decimals, param);
    if (!pico) return fail(pico.error().code, pico.error().message, param);
    if (*pico < 0) return fail(Errc::invalid_request, fmt::format("{} is negative", param), param);
    out.base.pico_usd = *pico;
    return out;
}

struct UnitRate {
    UnitId unit;
    Rate rate;
};

/// USD for `per` units as a decimal; `exact` tells whether 12 decimals hold it.
std::string usd_for(Rate rate, std::int64_t per, bool& exact) {
    auto const scaled = static_cast<__int128>(rate.pico_usd) * per;
    exact = scaled % rate.per == 0 && scaled / rate.per <= INT64_MAX;
    if (scaled / rate.per >= INT64_MAX) return format_scaled(INT64_MAX, price_decimals);
    return format_scaled(divide_half_even(scaled, rate.per), price_decimals);
}

void add_field(std::vector<PriceField>& out, std::string_view key, UnitRate const& entry, std::int64_t per) {
    bool exact = false;
    auto text = usd_for(entry.rate, per, exact);
    if (!exact) {
        auto const& library = unit(entry.unit);
        auto long_form = usd_for(entry.rate, library.per, exact);
        if (exact) {
            out.push_back(PriceField{std::string(library.price_key), std::move(long_form)});
            return;
        }
    }
    out.push_back(PriceField{std::string(key), std::move(text)});
}

/// `whole`: the list is a whole price, not only the units that one call used.
std::vector<PriceField> to_fields(std::vector<UnitRate> const& rates, bool whole) {
    std::vector<PriceField> out;
    UnitSet shown = 0;
    UnitSet present = 0;
    for (auto const& entry : rates) present |= unit_bit(entry.unit);
    auto find = [&](UnitId id) {
        return std::find_if(rates.begin(), rates.end(), [&](auto const& e) { return e.unit == id; });
    };
    for (auto const& known : short_keys) {
        if (known.unit == UnitId::cache_write_tokens) continue;
        auto entry = find(known.unit);
        bool const stands_for_general =
            known.unit == UnitId::cache_write_5m_tokens || (whole && known.unit == UnitId::cache_write_1h_tokens);
        if (entry == rates.end() && stands_for_general) entry = find(UnitId::cache_write_tokens);
        if (entry == rates.end()) continue;
        add_field(out, known.key, *entry, known.per);
        shown |= unit_bit(entry->unit);
    }
    // With both lifetimes priced apart, the general price of cache writes is never used.
    if (whole && (present & unit_bit(UnitId::cache_write_5m_tokens)) != 0 &&
        (present & unit_bit(UnitId::cache_write_1h_tokens)) != 0)
        shown |= unit_bit(UnitId::cache_write_tokens);
    for (auto const& entry : rates)
        if ((shown & unit_bit(entry.unit)) == 0) {
            auto const& library = unit(entry.unit);
            auto const* known = std::find_if(short_keys.begin(), short_keys.end(),
                                             [&](auto const& k) { return k.unit == entry.unit; });
            if (known != short_keys.end())
                add_field(out, known->key, entry, known->per);
            else
                add_field(out, library.price_key, entry, library.per);
        }
    return out;
}

std::string fields_json(std::vector<PriceField> const& fields) {
    std::string out = "{";
    for (auto const& field : fields) {
        if (&field != fields.data()) out += ',';
        fmt::format_to(std::back_inserter(out), R"("{}":"{}")", field.key, field.value);
    }
    return out + "}";
}

std::vector<UnitRate> level_rates(detail::Level const& level) {
    std::vector<UnitRate> out;
    for (auto const& slot : level.slots) out.push_back(UnitRate{slot.unit, slot.rate});
    return out;
}

std::string day_time(std::int64_t ms) {
    return fmt::format("{:02}:{:02}:{:02}Z", ms / 3'600'000, ms / 60'000 % 60, ms / 1000 % 60);
}

std::string when_json(Condition const& when) {
    switch (when.kind) {
    case Condition::Kind::always: return {};
    case Condition::Kind::start_date:
        return fmt::format(R"("when":{{"start_date":"{}"}},)", format_rfc3339(Timestamp{when.start_ms}).substr(0, 10));
    case Condition::Kind::time_of_day:
        return fmt::format(R"("when":{{"start_time":"{}","end_time":"{}"}},)", day_time(when.start_ms),
                           day_time(when.end_ms));
    }
    return {};
}

} // namespace

Result<PricePtr> parse_price(std::span<PriceField const> fields) {
    if (fields.empty())
        return fail(Errc::invalid_request, "a price names at least one rate, such as {\"input\":\"3\"}", "price");
    PriceSpec spec;
    auto& variant = spec.variants.emplace_back();
    for (auto const& field : fields) {
        auto price = parse_field(field);
        if (!price) return Fail(price.error());
        for (auto const& earlier : variant.units)
            if (earlier.unit == price->unit)
                return fail(Errc::invalid_request,
                            fmt::format("price.{} prices {} a second time", field.key, unit(price->unit).usage_key),
                            "price." + field.key);
        variant.units.push_back(std::move(*price));
    }
    auto made = Price::make(std::move(spec));
    if (!made) return fail(made.error().code, made.error().message, "price");
    return made;
}

Result<PricePtr> parse_price_json(std::string_view text) {
    boost::json::error_code error;
    auto const value = boost::json::parse({text.data(), text.size()}, error);
    if (error) return fail(Errc::malformed_json, "price: not valid JSON", "price");
    if (!value.is_object())
        return fail(Errc::invalid_request, "price: write an object such as {\"input\":\"3\",\"output\":\"15\"}", "price");
    std::vector<PriceField> fields;
    for (auto const& entry : value.get_object()) {
        std::string key(entry.key().data(), entry.key().size());
        if (!entry.value().is_string()) {
            // A misspelt key is the more useful complaint.
            if (find_short(key) == nullptr && !unit_from_price_key(key)) return unknown_key(key);
            return fail(Errc::invalid_request,
                        fmt::format("price.{}: write the amount as a string, such as \"3\" or \"0.15\"", key),
                        "price." + key);
        }
        auto const& amount = entry.value().get_string();
        fields.push_back(PriceField{std::move(key), std::string(amount.data(), amount.size())});
    }
    return parse_price(fields);
}

std::vector<PriceField> rates_in_force(Price const& price, Usage const& usage, Timestamp at) {
    auto const& variant = price.compiled().variants[price.variant_index(at)];
    return to_fields(level_rates(variant.level_for(usage.input_total())), true);
}

std::string rates_json(Price const& price, Usage const& usage, Timestamp at) {
    return fields_json(rates_in_force(price, usage, at));
}

std::string rates_json(std::span<PriceLine const> lines) {
    std::vector<UnitRate> rates;
    for (auto const& line : lines)
        if (line.unit < unit_count && line.per > 0)
            rates.push_back(UnitRate{static_cast<UnitId>(line.unit), Rate{line.pico_usd, line.per}});
    return fields_json(to_fields(rates, false));
}

std::string describe_json(Price const& price) {
    std::string out = R"({"variants":[)";
    for (std::size_t i = 0; i < price.spec().variants.size(); ++i) {
        auto const& levels = price.compiled().variants[i].levels;
        if (i > 0) out += ',';
        out += '{' + when_json(price.spec().variants[i].when) + R"("rates":)" +
               fields_json(to_fields(level_rates(levels.front()), true));
        if (levels.size() > 1) {
            out += R"(,"tiers":[)";
            for (std::size_t l = 1; l < levels.size(); ++l)
                fmt::format_to(std::back_inserter(out), R"({}{{"above":{},"rates":{}}})", l > 1 ? "," : "",
                               levels[l].above, fields_json(to_fields(level_rates(levels[l]), true)));
            out += ']';
        }
        out += '}';
    }
    return out + "]}";
}

} // namespace tollgate::pricing
