#pragma once
// One request on its way through the gateway: what is known of it so far, and how it is answered when refused.
#include <array>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "gateway/services.hpp"
#include "identity/authenticate.hpp"
#include "limits/limiter.hpp"
#include "net/exchange.hpp"
#include "routing/catalog.hpp"
#include "types/record.hpp"

namespace tollgate::gateway {

namespace asio = boost::asio;

/// Lives in the frame of `serve`, on the exchange's thread. Neither copied nor moved: views point into it.
struct Call {
    Call(Worker& worker, net::Exchange& exchange);
    Call(Call const&) = delete;
    Call& operator=(Call const&) = delete;
    ~Call();

    Worker& worker;
    Services& services;
    net::Exchange& exchange;
    RequestRecord record;                 ///< filled in as the request goes along
    IpAddress address;                    ///< the caller's, as in record.client_ip
    std::array<char, 36> id_text{};       ///< record.request_id in text
    Dialect dialect = Dialect::openai;
    std::optional<identity::Caller> caller; ///< set once the key is known: from then on refusals are recorded
    limits::Admission admission;
    std::optional<limits::RateStatus> refused_rates; ///< what was left when a rate refused the request
    /// Shared with the snapshot: models, prices and credentials stay alive while this request uses them.
    std::shared_ptr<routing::Catalog const> catalog;
    std::optional<Money> max_cost;        ///< the caller's x-tollgate-max-cost
    /// Idempotency-Key that this request has claimed and must answer for; empty = none. Given up by the destructor.
    std::string replay_key;
    std::string cache_key;                ///< where the answer goes in the response cache; empty = nowhere
    std::int64_t finished_ns = 0;         ///< steady time of finish_record; 0 = not yet
    std::int64_t upstream_sent_ns = 0;    ///< steady time when the first upstream attempt was sent; 0 = not yet

    std::string_view request_id() const { return {id_text.data(), id_text.size()}; }
    std::int64_t now_ns() const { return services.clock.steady_ns(); }
    /// Milliseconds since the head's first byte arrived.
    std::int64_t elapsed_ms() const { return (now_ns() - exchange.first_byte_ns()) / 1'000'000; }
    /// x-request-id, in the dialect's spelling too.
    void append_id_headers(std::string& lines) const;
    void append_rate_headers(std::string& lines) const;
    /// Both: what every answer carries.
    void append_common_headers(std::string& lines) const;
    /// Fills in what is only known at the end: latency, status, overhead.
    void finish_record(int status, Outcome outcome) { finish_record(status, outcome, now_ns()); }
    void finish_record(int status, Outcome outcome, std::int64_t now_ns);
    /// Counts a finished request in the metrics. Once, with the record as it was journaled.
    void count(RequestRecord const& finished);
};

/// Answers with an error in the caller's dialect and records the refusal when the key is known.
asio::awaitable<void> refuse(Call& call, Error error);
/// The same answer without a record: for requests whose record another object writes.
asio::awaitable<void> reply_error(Call& call, Error const& error);

} // namespace tollgate::gateway
