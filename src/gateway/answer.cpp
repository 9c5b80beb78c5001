#include "gateway/answer.hpp"

#include "gateway/counting.hpp"
#include "journal/durable_wait.hpp"
#include "providers/request_head.hpp"

namespace tollgate::gateway {
namespace {
/// Replaced by our own, or framing that net/ decides.
bool is_ours(std::string_view name) {
    return net::iequals(name, "x-request-id") || net::iequals(name, "request-id") || net::iequals(name, "content-length") ||
           net::iequals(name, "content-encoding") || name.size() > 11 && net::iequals(name.substr(0, 12), "x-ratelimit-");
}
} // namespace

void append_answer_headers(std::string& lines, Call const& call, Offer const& offer,
                           net::ResponseHead const& upstream) {
    for (auto const& header : upstream.headers)
        if (!net::is_hop_by_hop(header.name) && !is_ours(header.name) && providers::forward_reply_header(header.name))
            net::append_header(lines, header.name, header.value);
    call.append_id_headers(lines);
    net::append_header(lines, "x-tollgate-provider", offer.target->provider->name);
    net::append_header(lines, "x-tollgate-model", offer.model());
}

void append_money_headers(std::string& lines, Money charge, Money balance) {
    net::append_header(lines, "x-tollgate-cost", format_usd(charge));
    net::append_header(lines, "x-tollgate-balance", format_usd(balance));
}

bool shows_cost(dialects::Ask const& ask, Offer const& offer) noexcept {
    return ask.usage_include || offer.target->provider->kind->id == providers::KindId::openrouter;
}

Usage billed_usage(dialects::UsageReport const& report) {
    auto usage = report.usage();
    usage[Bucket::request] = 1;
    return usage;
}

bool plausible(dialects::UsageReport const& report, Quote const& quote) noexcept {
    constexpr std::int64_t margin = 200'000; // hidden prompts, results of the provider's own tools, unseen reasoning
    auto const usage = report.usage();
    return usage.input_total() <= 2 * (quote.input_bound + quote.media_bound) + margin &&
           usage.output_total() <= 2 * quote.output_max + margin;
}

asio::awaitable<Charge::Final> counted_final(Call& call, Plan const& plan, dialects::Ask const& ask,
                                             Offer const& offer, std::int64_t delivered, bool estimated) {
    auto const counted = co_await count_prompt_async(call.services, plan.encoding, ask.surface, ask.body);
    auto const media = media_bound(ask, offer.model());
    Charge::Final final;
    final.usage[Bucket::request] = 1;
    final.usage[Bucket::input] = counted.tokens + media;
    final.usage[Bucket::output] = delivered;
    final.source = counted.estimated || estimated || media > 0 ? UsageSource::estimated : UsageSource::counted;
    co_return final;
}

asio::awaitable<Result<void>> wait_until_durable(Call& call, journal::Position position) {
    auto& journal = call.services.ledger.journal();
    if (journal.settled(position)) co_return Result<void>();
    co_return co_await journal::wait_durable(journal, position);
}

} // namespace tollgate::gateway
