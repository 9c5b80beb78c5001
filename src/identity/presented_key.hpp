#pragma once
// Which API key a request carries, out of the headers that the vendors' SDKs use.
#include <array>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"

namespace tollgate::identity {

/// Collects the credentials of one request while its headers are walked once. Holds views into the head.
class PresentedKey {
public:
    /// Any header; those that carry no key cost one comparison. Names in any case.
    /// Known: Authorization (Bearer, or a bare key), x-api-key, api-key, x-goog-api-key.
    void see_header(std::string_view name, std::string_view value) noexcept;
    /// The `key` query parameter, which only Gemini paths may use.
    void see_query_key(std::string_view value) noexcept;

    /// The key as sent. The same key in several headers is one key.
    /// Errors: unauthenticated: none sent, unusable Authorization scheme, or two different keys.
    Result<std::string_view> get() const;

private:
    void keep(std::string_view source, std::string_view key) noexcept;
    std::string_view key_;
    std::string_view source_;
    std::string_view other_source_; ///< set when a second, different key was seen
    bool unusable_authorization_ = false;
};

} // namespace tollgate::identity
