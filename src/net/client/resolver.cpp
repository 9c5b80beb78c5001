#include "net/client/resolver.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/wire/time.hpp"

namespace tollgate::net {
namespace {
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::int64_t failure_ttl_ns = 1'000'000'000;      ///< a failed name is not asked again for that long
constexpr std::int64_t stale_ns = 5 * 60 * 1'000'000'000LL; ///< how long old addresses serve while new ones are sought
} // namespace

struct Resolver::Entry {
    std::vector<IpAddress> addresses;
    std::string why;
    std::int64_t fresh_until_ns = 0;
    std::int64_t usable_until_ns = 0;
    bool pending = false;
    std::vector<asio::steady_timer*> waiting; ///< in the frames of those who wait; they take themselves out
};

asio::awaitable<void> Resolver::look_up(std::shared_ptr<Entry> entry, std::string host, std::int64_t ttl_ns) {
    asio::ip::tcp::resolver resolver(co_await asio::this_coro::executor);
    auto const [ec, results] = co_await resolver.async_resolve(host, "", as_result);
    entry->pending = false;
    auto const now = coarse_ns();
    if (ec || results.empty()) {
        entry->why = ec ? ec.message() : "no address";
        entry->fresh_until_ns = now + std::min(failure_ttl_ns, ttl_ns);
        if (now >= entry->usable_until_ns) entry->addresses.clear();
    } else {
        entry->addresses.clear();
        for (auto const& result : results) {
            auto const address = result.endpoint().address();
            auto const ip = address.is_v4() ? IpAddress::from_v4(address.to_v4().to_bytes())
                                            : IpAddress::from_v6(address.to_v6().to_bytes());
            if (std::find(entry->addresses.begin(), entry->addresses.end(), ip) == entry->addresses.end())
                entry->addresses.push_back(ip);
        }
        entry->fresh_until_ns = now + ttl_ns;
        entry->usable_until_ns = now + ttl_ns + stale_ns;
    }
    for (auto* timer : entry->waiting) timer->cancel();
}

asio::awaitable<Resolver::Answer> Resolver::resolve(std::string const& host, std::int64_t deadline_ns) {
    Answer answer;
    if (auto const literal = parse_ip(host)) {
        answer.addresses.push_back(*literal);
        co_return answer;
    }
    auto& slot = entries_[host];
    if (!slot) slot = std::make_shared<Entry>();
    auto const entry = slot;
    auto const now = coarse_ns();
    if (now >= entry->fresh_until_ns && !entry->pending) {
        entry->pending = true;
        asio::co_spawn(io_, look_up(entry, host, ttl_ns_), asio::detached);
    }
    bool const usable = !entry->addresses.empty() && now < entry->usable_until_ns;
    if (entry->pending && !usable) {
        asio::steady_timer timer(io_);
        if (deadline_ns == never_ns)
            timer.expires_at(asio::steady_timer::time_point::max());
        else
            timer.expires_at(asio::steady_timer::time_point(std::chrono::nanoseconds(deadline_ns)));
        entry->waiting.push_back(&timer);
        co_await timer.async_wait(as_result);
        std::erase(entry->waiting, &timer);
        if (entry->pending) {
            answer.timed_out = true;
            answer.why = "looking up " + host + " took too long";
            co_return answer;
        }
    }
    answer.addresses = entry->addresses;
    if (answer.addresses.empty()) answer.why = "cannot resolve " + host + ": " + entry->why;
    co_return answer;
}

} // namespace tollgate::net
