#include "app/price_feed.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <thread>

#include "base/log.hpp"
#include "net/client.hpp"
#include "net/endpoint.hpp"
#include "net/timer.hpp"
#include "pricing/openrouter_feed.hpp"
#include "store/catalog_store.hpp"

namespace tollgate::app {
namespace {
namespace asio = boost::asio;

constexpr std::string_view kept_feed = "price_feed.last"; // setting: the last good document
constexpr std::string_view served_provider = "openrouter";
constexpr std::size_t feed_bytes_max = 64u << 20;
} // namespace

class PriceFeed::Impl {
public:
    Impl(config::PricesConfig const& c, config::UpstreamConfig const& u, store::Store& s, Clock const& k,
         std::function<void()> f)
        : config(c), upstream(u), store(s), clock(k), changed(std::move(f)) {
        status.url = config.feed_url;
        if (config.feed_url.empty()) return;
        status.status = "stale";
        if (auto const kept = store.catalog().setting(kept_feed)) static_cast<void>(take(*kept));
    }

    /// Puts a document into force. False: it is not a feed. `different` tells whether any price changed.
    bool take(std::string_view document, bool* different = nullptr) {
        auto feed = pricing::parse_openrouter_feed(document);
        if (!feed) {
            set_error(feed.error().message);
            return false;
        }
        std::map<std::string, pricing::PricePtr, std::less<>> next;
        for (auto const& model : feed->models) {
            if (!model.price) continue;
            next[model.id] = model.price;
            if (!model.canonical_slug.empty()) next.try_emplace(model.canonical_slug, model.price);
        }
        std::lock_guard lock(mutex);
        if (different)
            *different = next.size() != prices.size() ||
                         !std::equal(next.begin(), next.end(), prices.begin(), [](auto const& a, auto const& b) {
                             return a.first == b.first && a.second->hash() == b.second->hash();
                         });
        prices = std::move(next);
        status.models = static_cast<std::int64_t>(prices.size());
        return true;
    }

    void set_error(std::string message) {
        log::warn("price feed", {{"url", config.feed_url}, {"problem", message}});
        std::lock_guard lock(mutex);
        status.status = "failed";
        status.last_error = std::move(message);
    }

    asio::awaitable<void> fetch(net::ClientPool& pool) {
        auto endpoint = net::parse_endpoint(config.feed_url);
        if (!endpoint) {
            set_error(endpoint.error().message);
            co_return;
        }
        if (!upstream.proxy.empty())
            if (auto const set = net::set_proxy(*endpoint, upstream.proxy); !set) {
                set_error(set.error().message);
                co_return;
            }
        auto const head = fmt::format("GET {} HTTP/1.1\r\nhost: {}\r\naccept: application/json\r\nuser-agent: tollgate\r\n\r\n",
                                      endpoint->prefix.empty() ? "/" : endpoint->prefix, endpoint->host_header);
        std::string_view const pieces[] = {head};
        net::Deadlines deadlines;
        deadlines.first_byte = deadlines.idle = std::chrono::seconds(30);
        deadlines.total = std::chrono::seconds(120);
        auto const request = std::span<std::string_view const>(pieces, 1);
        auto answer = co_await pool.send(*endpoint, request, deadlines);
        if (!answer) {
            set_error(answer.error().detail);
            co_return;
        }
        auto const code = answer->head().status;
        auto body = co_await answer->read_all(feed_bytes_max);
        if (!body || code != 200) {
            set_error(body ? fmt::format("the feed answered {}", code) : body.error().detail);
            co_return;
        }
        bool different = false;
        if (!take(*body, &different)) co_return;
        {
            std::lock_guard lock(mutex);
            status.status = "healthy";
            status.last_success_at = clock.now();
            status.last_error.clear();
        }
        if (!different) co_return;
        try {
            store.catalog().put_setting(kept_feed, *body);
        } catch (store::StoreUnavailable const& unavailable) {
            log::warn("price feed not kept", {{"reason", unavailable.what()}});
        }
        changed();
    }

    asio::awaitable<void> loop() {
        net::ClientOptions options;
        options.extra_ca_file = upstream.ca_file;
        net::ClientPool pool(io, options);
        for (;;) {
            co_await fetch(pool);
            auto const pause = std::chrono::seconds(config.feed_interval_s);
            co_await net::sleep_for(pause);
        }
    }

    config::PricesConfig const& config;
    config::UpstreamConfig const& upstream;
    store::Store& store;
    Clock const& clock;
    std::function<void()> changed;
    mutable std::mutex mutex; // guards prices and status
    std::map<std::string, pricing::PricePtr, std::less<>> prices;
    control::FeedStatus status;
    asio::io_context io{1};
    std::thread thread;
};

PriceFeed::PriceFeed(config::PricesConfig const& config, config::UpstreamConfig const& upstream, store::Store& store,
                     Clock const& clock, std::function<void()> changed)
    : impl_(std::make_unique<Impl>(config, upstream, store, clock, std::move(changed))) {}
PriceFeed::~PriceFeed() { stop(); }

void PriceFeed::start() {
    if (impl_->config.feed_url.empty()) return;
    asio::co_spawn(impl_->io, impl_->loop(), asio::detached);
    impl_->thread = std::thread([this] { impl_->io.run(); });
}

void PriceFeed::stop() {
    impl_->io.stop();
    if (impl_->thread.joinable()) impl_->thread.join();
}

pricing::PricePtr PriceFeed::price(std::string_view price_provider, std::string_view model) const {
    if (price_provider != served_provider) return nullptr;
    std::lock_guard lock(impl_->mutex);
    auto const it = impl_->prices.find(model);
    return it == impl_->prices.end() ? nullptr : it->second;
}

control::FeedStatus PriceFeed::status() const {
    std::lock_guard lock(impl_->mutex);
    return impl_->status;
}

} // namespace tollgate::app
