#include "pricing/detail/price_json.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

namespace tollgate::pricing::detail {
namespace {

namespace json = boost::json;

Fail bad(std::string_view what) { return fail(Errc::invalid_request, fmt::format("stored price: {}", what)); }

Result<std::int64_t> read_int(json::object const& object, std::string_view key) {
    auto const* value = object.if_contains(json::string_view(key.data(), key.size()));
    if (value == nullptr || !value->is_int64()) return bad(fmt::format("'{}' must be an integer", key));
    return value->get_int64();
}

Result<Rate> read_rate(json::object const& object) {
    auto const pico = read_int(object, "pico");
    if (!pico) return Fail(pico.error());
    auto const per = read_int(object, "per");
    if (!per) return Fail(per.error());
    return Rate{*pico, *per};
}

Result<UnitPrice> read_unit(std::string_view key, json::value const& value) {
    auto const id = unit_from_usage_key(key);
    if (!id) return bad(fmt::format("unknown unit '{}'", key));
    auto const* object = value.if_object();
    if (object == nullptr) return bad(fmt::format("unit '{}' must be an object", key));
    auto const base = read_rate(*object);
    if (!base) return Fail(base.error());
    UnitPrice out{*id, *base, {}};
    if (auto const* tiers = object->if_contains("tiers")) {
        if (!tiers->is_array()) return bad("'tiers' must be an array");
        for (auto const& entry : tiers->get_array()) {
            if (!entry.is_object()) return bad("a tier must be an object");
            auto const above = read_int(entry.get_object(), "above");
            if (!above) return Fail(above.error());
            auto const rate = read_rate(entry.get_object());
            if (!rate) return Fail(rate.error());
            out.tiers.push_back(Tier{*above, *rate});
        }
    }
    return out;
}

Result<Condition> read_condition(json::object const& when) {
    Condition out;
    if (when.contains("start_date_ms")) {
        auto const start = read_int(when, "start_date_ms");
        if (!start) return Fail(start.error());
        out.kind = Condition::Kind::start_date;
        out.start_ms = *start;
        return out;
    }
    auto const* window = when.if_contains("time_of_day_ms");
    if (window == nullptr || !window->is_array()) return bad("unknown condition");
    auto const& bounds = window->get_array();
    if (bounds.size() != 2 || !bounds[0].is_int64() || !bounds[1].is_int64())
        return bad("'time_of_day_ms' must be two integers");
    out.kind = Condition::Kind::time_of_day;
    out.start_ms = bounds[0].get_int64();
    out.end_ms = bounds[1].get_int64();
    return out;
}

Result<PriceVariant> read_variant(json::value const& value) {
    auto const* object = value.if_object();
    if (object == nullptr) return bad("a variant must be an object");
    PriceVariant out;
    if (auto const* when = object->if_contains("when")) {
        if (!when->is_object()) return bad("'when' must be an object");
        auto const condition = read_condition(when->get_object());
        if (!condition) return Fail(condition.error());
        out.when = *condition;
    }
    auto const* units_value = object->if_contains("units");
    if (units_value == nullptr || !units_value->is_object()) return bad("'units' must be an object");
    for (auto const& entry : units_value->get_object()) {
        auto unit_price = read_unit(std::string_view(entry.key().data(), entry.key().size()), entry.value());
        if (!unit_price) return Fail(unit_price.error());
        out.units.push_back(std::move(*unit_price));
    }
    return out;
}

void write_rate(std::string& out, Rate rate) {
    fmt::format_to(std::back_inserter(out), R"("pico":{},"per":{})", rate.pico_usd, rate.per);
}

void write_unit(std::string& out, UnitPrice const& price) {
    fmt::format_to(std::back_inserter(out), R"("{}":{{)", unit(price.unit).usage_key);
    write_rate(out, price.base);
    if (!price.tiers.empty()) {
        out += R"(,"tiers":[)";
        for (auto const& tier : price.tiers) {
            if (&tier != price.tiers.data()) out += ',';
            fmt::format_to(std::back_inserter(out), R"({{"above":{},)", tier.above);
            write_rate(out, tier.rate);
            out += '}';
        }
        out += ']';
    }
    out += '}';
}

} // namespace

Result<PriceSpec> spec_from_json(json::object const& object) {
    auto const version = read_int(object, "v");
    if (!version) return Fail(version.error());
    if (*version != 1) return bad("written by a newer version");
    PriceSpec spec;
    if (object.contains("min_audio_seconds")) {
        auto const minimum = read_int(object, "min_audio_seconds");
        if (!minimum) return Fail(minimum.error());
        spec.min_audio_seconds = *minimum;
    }
    auto const* variants = object.if_contains("variants");
    if (variants == nullptr || !variants->is_array()) return bad("'variants' must be an array");
    for (auto const& value : variants->get_array()) {
        auto variant = read_variant(value);
        if (!variant) return Fail(variant.error());
        spec.variants.push_back(std::move(*variant));
    }
    return spec;
}

std::string spec_to_json(PriceSpec const& spec) {
    std::string out = R"({"v":1)";
    if (spec.min_audio_seconds != 0)
        fmt::format_to(std::back_inserter(out), R"(,"min_audio_seconds":{})", spec.min_audio_seconds);
    out += R"(,"variants":[)";
    for (auto const& variant : spec.variants) {
        if (&variant != spec.variants.data()) out += ',';
        out += '{';
        auto const& when = variant.when;
        if (when.kind == Condition::Kind::start_date)
            fmt::format_to(std::back_inserter(out), R"("when":{{"start_date_ms":{}}},)", when.start_ms);
        else if (when.kind == Condition::Kind::time_of_day)
            fmt::format_to(std::back_inserter(out), R"("when":{{"time_of_day_ms":[{},{}]}},)", when.start_ms,
                           when.end_ms);
        out += R"("units":{)";
        for (auto const& unit_price : variant.units) {
            if (&unit_price != variant.units.data()) out += ',';
            write_unit(out, unit_price);
        }
        out += "}}";
    }
    return out + "]}";
}

} // namespace tollgate::pricing::detail
