#include "gateway/quote.hpp"

#include <algorithm>
#include <limits>

#include "gateway/counting.hpp"
#include "metering/chat_count.hpp"
#include "pricing/rate.hpp"

namespace tollgate::gateway {
namespace {

/// A model whose context window is not known is taken to answer with at most so many times `default_max_tokens`.
constexpr std::int64_t unknown_limit_factor = 32;

bool has_output(Surface s) { return s != Surface::openai_embeddings && s != Surface::anthropic_count_tokens; }

/// n × limit without overflow: both are bounded by named_tokens_max.
std::int64_t times(std::int64_t choices, std::int64_t tokens) {
    return static_cast<std::int64_t>(std::min<__int128>(static_cast<__int128>(choices) * tokens, pricing::max_quantity));
}

Quote quote_with_input(Plan const& plan, dialects::Ask const& ask, std::int64_t default_max_tokens, std::int64_t input,
                       Timestamp at) {
    Quote quote;
    quote.input_bound = input;
    for (auto const& offer : plan.offers()) quote.media_bound = std::max(quote.media_bound, media_bound(ask, offer.model()));
    quote.output_named = ask.max_tokens.has_value();
    bool unseen = ask.reasoning;
    std::int64_t model_limit = 0;
    for (auto const& offer : plan.offers()) {
        unseen = unseen || dialects::bills_unseen_output(offer.model());
        auto const window = offer.target->context_window;
        model_limit = std::max(model_limit, window > 0 ? window : unknown_limit_factor * default_max_tokens);
    }
    if (has_output(ask.surface)) {
        auto const per_choice = ask.max_tokens.value_or(model_limit);
        quote.output_max = times(ask.choices, per_choice) + ask.extra_output_tokens;
    }
    quote.stepwise = ask.stream && ask.choices == 1 && !unseen && !ask.wants_audio && !ask.wants_images &&
                     ask.extra_output_tokens == 0;
    auto const first = quote.stepwise ? std::min(quote.output_max, stream_step_tokens) : quote.output_max;
    quote.amount = dearest_ceiling(plan, bounded_usage(ask, quote, first), at);
    return quote;
}

} // namespace

Usage bounded_usage(dialects::Ask const& ask, Quote const& quote, std::int64_t output) {
    Usage bound;
    bound[Bucket::request] = 1;
    bound[Bucket::output] = output;
    // Media tokens may be priced apart from text, audio usually far above it: pricing::ceiling takes the dearer price.
    bound[ask.media.audios > 0 ? Bucket::audio_in : Bucket::image_in] = quote.media_bound;
    // Where the caller asks for one-hour caching, all of the prompt may turn out as the dearer write. Plain input may
    // turn out as anything cheaper or as a 5-minute write, which pricing::ceiling covers by itself.
    if (ask.cache_write == dialects::CacheWrite::one_hour)
        bound[Bucket::cache_write_1h] = quote.input_bound + quote.media_bound;
    else
        bound[Bucket::input] = quote.input_bound;
    return bound;
}

Money dearest_ceiling(Plan const& plan, Usage const& bound, Timestamp at) {
    Money most;
    for (auto const& offer : plan.offers())
        most = std::max(most, pricing::ceiling(*offer.list->price, bound, at, plan.multiplier));
    return most;
}

Quote make_quote(Plan const& plan, dialects::Ask const& ask, std::int64_t default_max_tokens, Timestamp at) {
    auto const text = metering::prompt_tokens_max(ask.prompt_tokens_bound(), ask.messages, ask.has_tools);
    return quote_with_input(plan, ask, default_max_tokens, text, at);
}

Quote make_counted_quote(Plan const& plan, dialects::Ask const& ask, std::int64_t default_max_tokens,
                         std::int64_t input_tokens, Timestamp at) {
    // Counting is exact for the text; what a provider adds around tools and messages is not published, so an
    // allowance of a twentieth and a few tokens keeps the bound a bound.
    auto const allowance = input_tokens / 20 + 16 + ask.overhead_tokens;
    return quote_with_input(plan, ask, default_max_tokens, input_tokens + allowance, at);
}

std::optional<std::int64_t> affordable_output(Plan const& plan, dialects::Ask const& ask, Quote const& quote,
                                              Money money, Timestamp at) {
    auto least = quote.output_max;
    for (auto const& offer : plan.offers()) {
        auto const n = pricing::affordable_output(*offer.list->price, bounded_usage(ask, quote, 0), at,
                                                  plan.multiplier, money, quote.output_max);
        if (!n) return std::nullopt;
        least = std::min(least, *n);
    }
    least = (least - ask.extra_output_tokens) / std::max<std::int64_t>(1, ask.choices);
    if (least < 1) return std::nullopt;
    return least;
}

} // namespace tollgate::gateway
