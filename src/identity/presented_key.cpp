#include "identity/presented_key.hpp"

#include <string>

namespace tollgate::identity {
namespace {

bool equals_lower(std::string_view text, std::string_view lower) noexcept {
    if (text.size() != lower.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char const c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + 32) : text[i];
        if (c != lower[i]) return false;
    }
    return true;
}

std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

} // namespace

void PresentedKey::see_header(std::string_view name, std::string_view value) noexcept {
    switch (name.size()) { // cheap: most headers stop here
    case 7:
        if (equals_lower(name, "api-key")) keep("api-key", trim(value));
        break;
    case 9:
        if (equals_lower(name, "x-api-key")) keep("x-api-key", trim(value));
        break;
    case 13: {
        if (!equals_lower(name, "authorization")) break;
        auto const text = trim(value);
        auto const space = text.find(' ');
        // new-api and its clients also send the bare key, without a scheme.
        if (space == std::string_view::npos)
            keep("authorization", equals_lower(text, "bearer") ? std::string_view() : text);
        else if (equals_lower(text.substr(0, space), "bearer"))
            keep("authorization", trim(text.substr(space)));
        else
            unusable_authorization_ = true;
        break;
    }
    case 14:
        if (equals_lower(name, "x-goog-api-key")) keep("x-goog-api-key", trim(value));
        break;
    default: break;
    }
}

void PresentedKey::see_query_key(std::string_view value) noexcept { keep("?key=", value); }

void PresentedKey::keep(std::string_view source, std::string_view key) noexcept {
    if (key.empty()) return;
    if (source_.empty()) {
        key_ = key;
        source_ = source;
    } else if (key != key_) {
        other_source_ = source;
    }
}

Result<std::string_view> PresentedKey::get() const {
    if (!other_source_.empty())
        return fail(Errc::unauthenticated, "two different API keys were sent, in '" + std::string(source_) + "' and '" +
                                               std::string(other_source_) + "': send one");
    if (!source_.empty()) return key_;
    return fail(Errc::unauthenticated,
                unusable_authorization_
                    ? "the Authorization header is not of the form 'Bearer <API key>'"
                    : "no API key was sent: add the header 'Authorization: Bearer <API key>' (or 'x-api-key: <API key>')");
}

} // namespace tollgate::identity
