#include "control/record_filter.hpp"

#include "control/reply.hpp"

namespace tollgate::control {
namespace {
constexpr std::int64_t default_range_ms = 30ll * 86'400'000;

std::optional<std::string> text_of(Query const& query, std::string_view name) {
    auto const* value = query.find(name);
    return value ? std::optional(*value) : std::nullopt;
}

Result<std::optional<Outcome>> outcome_of(Query const& query) {
    auto const* text = query.find("outcome");
    if (!text) return std::optional<Outcome>();
    for (int i = 0; i <= static_cast<int>(Outcome::cached); ++i)
        if (outcome_name(static_cast<Outcome>(i)) == *text) return std::optional(static_cast<Outcome>(i));
    return fail(Errc::invalid_request,
                "query parameter 'outcome' must be one of success, client_closed, upstream_error, upstream_partial, "
                "credit_exhausted, recovered, refused, cached",
                "outcome");
}

/// What records and sums share.
template <class Filter>
Result<Filter> common(Query const& query) {
    Filter filter;
    auto const account = id_of<AccountTag>(query, "account_id");
    if (!account) return Fail(account.error());
    auto const key = id_of<KeyTag>(query, "key_id");
    if (!key) return Fail(key.error());
    auto const outcome = outcome_of(query);
    if (!outcome) return Fail(outcome.error());
    auto const range = range_of(query);
    if (!range) return Fail(range.error());
    filter.account_id = *account;
    filter.key_id = *key;
    filter.model = text_of(query, "model");
    filter.route = text_of(query, "route");
    filter.provider = text_of(query, "provider");
    filter.outcome = *outcome;
    filter.start = range->start;
    filter.end = range->end;
    return filter;
}
} // namespace

Result<store::RecordFilter> record_filter(Query const& query) {
    auto filter = common<store::RecordFilter>(query);
    if (!filter) return filter;
    auto const status = query.integer("status", 100, 599);
    if (!status) return Fail(status.error());
    if (*status) filter->status = static_cast<int>(**status);
    return filter;
}

Result<store::UsageFilter> usage_filter(Query const& query, Timestamp now) {
    auto filter = common<store::UsageFilter>(query);
    if (!filter) return filter;
    if (!filter->end) filter->end = Timestamp{now.ms + 1};
    if (!filter->start) filter->start = Timestamp{filter->end->ms - default_range_ms};
    if (*filter->end <= *filter->start)
        return fail(Errc::invalid_request, "query parameter 'end' must be later than 'start'", "end");
    return filter;
}

} // namespace tollgate::control
