#pragma once
// The upstream request head: a prefix made once per provider and endpoint, then a few appends per request.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/secret.hpp"
#include "net/endpoint.hpp"
#include "net/http.hpp"
#include "providers/kind.hpp"
#include "types/surface.hpp"

namespace tollgate::providers {

/// Everything of a head that does not change between requests: request line, host, credential, content type, the
/// operator's extra headers. Holds the credential in clear; wiped when destroyed. Immutable, shared by threads.
class HeadTemplate {
public:
    /// `extra_headers`: the operator's own, e.g. OpenRouter's http-referer. Errors: invalid_request (surface not
    /// spoken by the kind; credential missing or with control characters; a header name or value that is not valid).
    static Result<HeadTemplate> make(Kind const& kind, net::Endpoint const& endpoint, Secret const& api_key,
                                     Surface surface,
                                     std::vector<std::pair<std::string, std::string>> const& extra_headers = {});
    HeadTemplate(HeadTemplate&&) noexcept = default;
    HeadTemplate& operator=(HeadTemplate&&) noexcept = default;

    /// Appends the whole head, blank line included. Of the caller's headers only the allow-listed go on:
    /// accept; for Anthropic also anthropic-version (2023-06-01 when absent) and anthropic-beta; for OpenAI
    /// openai-beta. Never its key, cookies, addresses, organisation or encoding wishes. Of its query only `beta=true`
    /// (Anthropic). `body_size` < 0 = no body (GET). No allocation when `out` has the capacity.
    void write(net::HeaderList const& caller_headers, std::string_view caller_query, std::int64_t body_size,
               std::string& out) const;

private:
    HeadTemplate() = default;
    Dialect dialect_ = Dialect::openai;
    Secret before_query_; // "POST /v1/messages"
    Secret after_query_;  // " HTTP/1.1\r\nhost: …\r\n"
};

/// Whether a reply header of a provider may be shown to the caller: content type, caching, retry hints and the
/// provider's own request id are; cookies, organisation, its rate limits (they are ours with it), connection and
/// length headers are not.
bool forward_reply_header(std::string_view name) noexcept;

} // namespace tollgate::providers
