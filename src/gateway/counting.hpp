#pragma once
// Token counts of our own, where the provider reports none and where a hold needs to be exact.
#include <boost/asio/awaitable.hpp>
#include <string_view>

#include "dialects/ask.hpp"
#include "gateway/services.hpp"
#include "metering/chat_count.hpp"
#include "metering/stream_meter.hpp"
#include "metering/tokenizer.hpp"

namespace tollgate::gateway {

namespace asio = boost::asio;

/// Prompt tokens of a request, media left out. Pure.
metering::PromptCount count_prompt(metering::Tokenizer const& tokenizer, metering::ModelEncoding how, Surface surface,
                                   std::string_view body);
/// The same, off the I/O thread when the body is large.
asio::awaitable<metering::PromptCount> count_prompt_async(Services& services, metering::ModelEncoding how,
                                                          Surface surface, std::string_view body);
/// Tokens of the text in a complete reply. Pure.
std::int64_t count_reply(metering::Tokenizer const& tokenizer, metering::ModelEncoding how, Surface surface,
                         std::string_view body);

/// Upper bound of what the request's images, audio and files cost in input tokens.
std::int64_t media_bound(dialects::Ask const& ask, std::string_view provider_model);

/// How a stream's meter reads the text of an event of this surface.
metering::DeltaExtractor delta_extractor(Surface surface) noexcept;

} // namespace tollgate::gateway
