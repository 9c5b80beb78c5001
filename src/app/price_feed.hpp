#pragma once
// The optional refresher of prices: fetches an OpenRouter-shaped /api/v1/models now and then, and stands in front of
// the built-in book for the provider `openrouter`. The last good feed is kept in the store, so that a restart without
// network starts with it. Nothing waits for the network: without a feed the book counts.
#include <functional>
#include <memory>
#include <string_view>

#include "base/clock.hpp"
#include "config/config.hpp"
#include "control/context.hpp"
#include "pricing/price.hpp"
#include "store/store.hpp"

namespace tollgate::app {

class PriceFeed {
public:
    /// `changed` is called (on the feed's thread) after a fetch brought other prices.
    PriceFeed(config::PricesConfig const& config, config::UpstreamConfig const& upstream, store::Store& store,
              Clock const& clock, std::function<void()> changed);
    ~PriceFeed();
    PriceFeed(PriceFeed const&) = delete;
    PriceFeed& operator=(PriceFeed const&) = delete;

    void start(); ///< the fetching thread; does nothing when no feed is configured
    void stop();
    /// Null: the feed has no such model, or there is none. Thread-safe.
    pricing::PricePtr price(std::string_view price_provider, std::string_view model) const;
    control::FeedStatus status() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace tollgate::app
