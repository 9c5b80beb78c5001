#pragma once
// What differs between kinds of upstream: rows of data, not classes.
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.hpp"
#include "types/surface.hpp"

namespace tollgate::providers {

enum class KindId : std::uint8_t {
    openai = 0, openai_compatible, azure_openai, anthropic, gemini, vertex, bedrock, openrouter, http, demo
};

/// How the operator's credential is presented.
enum class Credential : std::uint8_t {
    none,
    bearer,    ///< authorization: Bearer …
    x_api_key, ///< x-api-key: …
    api_key,   ///< api-key: …
};

/// One kind of provider. Static data; lives for the whole program.
struct Kind {
    KindId id;
    std::string_view name;             ///< as in configuration and API: "openai_compatible"
    std::string_view default_base_url; ///< as the vendor's own SDK takes it; empty = must be configured
    std::string_view price_provider;   ///< provider id in the price book; empty = by `price_provider` or base_url
    Credential credential;
    bool credential_required;
    bool speaks_openai;
    bool speaks_anthropic;
    bool supported;                    ///< false: known, but this version cannot call it
};

std::span<Kind const> kinds() noexcept;
Kind const& kind(KindId id) noexcept;
/// Errors: invalid_request (param "kind"): unknown (naming the nearest), or known but not supported here.
Result<Kind const*> find_kind(std::string_view name);

bool speaks(Kind const& kind, Dialect dialect) noexcept;

/// The path behind the base URL's own path: "/chat/completions" for OpenAI kinds (their base ends in /v1),
/// "/v1/messages" for anthropic. Errors: invalid_request when the kind does not speak the surface's dialect or has
/// no such endpoint; the message says which dialect the target speaks.
Result<std::string_view> upstream_path(Kind const& kind, Surface surface);

/// What is wrong with `base_url` for this kind, as a Result: OpenAI kinds must not lack their version segment where
/// the vendor's own host is named, anthropic must not carry one. Only catches well-known mistakes.
Result<void> check_base_url(Kind const& kind, std::string_view base_url);

} // namespace tollgate::providers
