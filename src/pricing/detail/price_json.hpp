#pragma once
// The stored form of a price. Everything is an integer, units go by their usage keys:
// {"v":1,"min_audio_seconds":10?,"variants":[{"when":{"start_date_ms":n} | {"time_of_day_ms":[start,end]} ?,
//   "units":{"input_tokens":{"pico":3000000000000,"per":1000000,"tiers":[{"above":200000,"pico":n,"per":n}]?}}}]}
#include <boost/json/object.hpp>

#include "base/error.hpp"
#include "pricing/price.hpp"

namespace tollgate::pricing::detail {

/// Errors (invalid_request) name the part; ranges are checked by Price::make, not here.
Result<PriceSpec> spec_from_json(boost::json::object const& object);
std::string spec_to_json(PriceSpec const& spec);

} // namespace tollgate::pricing::detail
