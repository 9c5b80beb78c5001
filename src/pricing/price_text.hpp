#pragma once
// Prices as people write and read them: decimal strings in USD.
//
// Keys and what their value is the price of:
//   input cache_read cache_write cache_write_5m cache_write_1h audio_in image_in output reasoning audio_out image_out
//   input_characters                                            one million tokens (characters)
//   request web_search pages images input_seconds output_seconds     one request, search, page, image, second
// and, for what these cannot say, every price key of the price book in its own unit (input_mtok, audio_hours,
// web_searches_kcount, …). At most 12 decimals.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pricing/price.hpp"
#include "types/record.hpp"
#include "types/usage.hpp"

namespace tollgate::pricing {

struct PriceField {
    std::string key;
    std::string value; ///< USD, plain decimal
    friend bool operator==(PriceField const&, PriceField const&) = default;
};

/// A price an operator wrote. An explicit zero is a price of zero; a key left out falls back as rate() says.
/// Errors (invalid_request, param "price.<key>"): unknown key (names the nearest), not a plain non-negative decimal,
/// too many decimals, the same unit priced by two keys, no key at all.
Result<PricePtr> parse_price(std::span<PriceField const> fields);
/// The same from the JSON object `{"input":"3","output":"15"}`. Numbers are refused: a decimal string is exact.
Result<PricePtr> parse_price_json(std::string_view json);

/// The rates in force for a call of this usage at this time (its tier and variant), in the form parse_price reads.
/// A rate that has no exact decimal under its short key is given under the price book's. The general price of cache
/// writes shows as cache_write_5m, and as cache_write_1h where that has no price of its own.
std::vector<PriceField> rates_in_force(Price const& price, Usage const& usage, Timestamp at);
/// As a JSON object, keys in a fixed order: the `price{}` of quotes and effective_price.
std::string rates_json(Price const& price, Usage const& usage, Timestamp at);
/// The rates of a record's lines: the `price{}` of a record.
std::string rates_json(std::span<PriceLine const> lines);
/// Everything: `{"variants":[{"when":{…}?, "rates":{…}, "tiers":[{"above":200000,"rates":{…}}]?}]}`.
std::string describe_json(Price const& price);

} // namespace tollgate::pricing
