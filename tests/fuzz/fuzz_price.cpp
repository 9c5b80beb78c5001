// Prices: what is read can be written and read again as the same price.
#include "fuzz.hpp"
#include "pricing/openrouter_feed.hpp"
#include "pricing/price_text.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace tollgate::pricing;
    auto const text = as_text(data, size);
    auto const again = [](PricePtr const& price) {
        auto const read = Price::from_canonical_json(price->canonical_json());
        FUZZ_REQUIRE(read && (*read)->hash() == price->hash());
    };
    if (auto const price = parse_price_json(text)) again(*price);
    if (auto const price = Price::from_canonical_json(text)) again(*price);
    if (auto const feed = parse_openrouter_feed(text))
        for (auto const& model : feed->models)
            if (model.price) again(model.price);
    return 0;
}
