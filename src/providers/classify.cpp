#include "providers/classify.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace tollgate::providers {
namespace {

constexpr std::int64_t day_ms = 86'400'000;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// "12" or "0.5" in thousandths, rounded up, at most a day's milliseconds whole; nullopt when it is anything else.
std::optional<std::int64_t> thousandths(std::string_view text) noexcept {
    std::int64_t whole = 0, part = 0, scale = 1000;
    std::size_t i = 0;
    for (; i < text.size() && is_digit(text[i]); ++i) whole = std::min<std::int64_t>(whole * 10 + (text[i] - '0'), day_ms);
    if (i == 0) return std::nullopt;
    bool more = false;
    if (i < text.size() && text[i] == '.') {
        std::size_t const first = ++i;
        for (; i < text.size() && is_digit(text[i]); ++i) {
            if (scale > 1) part += (text[i] - '0') * (scale /= 10);
            else more |= text[i] != '0';
        }
        if (i == first) return std::nullopt;
    }
    if (i != text.size()) return std::nullopt;
    return whole * 1000 + part + (more ? 1 : 0);
}

int two_digits(std::string_view text, std::size_t at) noexcept {
    if (!is_digit(text[at]) || !is_digit(text[at + 1])) return -1;
    return (text[at] - '0') * 10 + (text[at + 1] - '0');
}

/// Days since 1970-01-01 of a Gregorian date.
std::int64_t days_of(std::int64_t year, int month, int day) noexcept {
    year -= month <= 2 ? 1 : 0;
    std::int64_t const era = year / 400;
    std::int64_t const year_of_era = year - era * 400;
    std::int64_t const day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/// "Sun, 06 Nov 1994 08:49:37 GMT", the one form that senders must use (RFC 9110 5.6.7), in ms since the epoch.
std::optional<std::int64_t> http_date(std::string_view text) noexcept {
    constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (text.size() != 29 || text.substr(3, 2) != ", " || text[19] != ':' || text[22] != ':' ||
        !text.ends_with(" GMT") || text[7] != ' ' || text[11] != ' ' || text[16] != ' ')
        return std::nullopt;
    std::size_t const month = months.find(text.substr(8, 3));
    int const day = two_digits(text, 5), century = two_digits(text, 12), year = two_digits(text, 14);
    int const hour = two_digits(text, 17), minute = two_digits(text, 20), second = two_digits(text, 23);
    if (month == std::string_view::npos || month % 3 != 0 || day < 1 || day > 31 || century < 19 || year < 0 ||
        hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return std::nullopt;
    std::int64_t const days = days_of(century * 100 + year, static_cast<int>(month / 3) + 1, day);
    return ((days * 24 + hour) * 60 + minute) * 60'000 + second * 1000;
}

} // namespace

Verdict classify_status(int status) noexcept {
    if (status >= 200 && status < 300) return Verdict::success;
    switch (status) {
    case 400: case 404: case 413: case 422: return Verdict::relay;
    case 401: case 402: case 403: return Verdict::credential;
    case 408: case 409: case 429: return Verdict::retry;
    default: return status >= 500 && status < 600 ? Verdict::retry : Verdict::broken;
    }
}

Error upstream_error(int status, std::string_view provider, std::optional<std::int64_t> retry_after_ms) {
    std::string const said = "provider " + std::string(provider) + " answered " + std::to_string(status);
    auto const make = [&]() -> Error {
        switch (classify_status(status)) {
        case Verdict::credential:
            return Error(Errc::upstream_auth,
                         "the gateway's own credential was refused by the provider; the operator has been told", {}, said);
        case Verdict::retry:
            if (status == 429)
                return Error(Errc::rate_limited, "every provider of this model is rate limited; try again later", {}, said);
            if (status == 408 || status == 504)
                return Error(Errc::upstream_timeout, "the provider did not answer in time; try again", {}, said);
            return Error(Errc::upstream_failed,
                         "the provider failed (status " + std::to_string(status) + "); try again", {}, said);
        default:
            return Error(Errc::upstream_failed,
                         "the provider gave an unexpected answer (status " + std::to_string(status) + ")", {}, said);
        }
    };
    Error error = make();
    if (retry_after_ms && classify_status(status) == Verdict::retry)
        error.retry_after_s = static_cast<int>((*retry_after_ms + 999) / 1000);
    if (error.code == Errc::rate_limited) error.retry_after_s = std::max(error.retry_after_s, 1);
    return error;
}

std::optional<std::int64_t> parse_retry_after(std::string_view value, Timestamp now) noexcept {
    if (auto const ms = thousandths(value)) return std::min(*ms, day_ms);
    if (auto const date = http_date(value)) return std::clamp<std::int64_t>(*date - now.ms, 0, day_ms);
    return std::nullopt;
}

std::optional<std::int64_t> retry_after_ms(net::HeaderList const& headers, Timestamp now) noexcept {
    if (auto const exact = headers.find("retry-after-ms"))
        if (auto const value = thousandths(*exact)) return std::min((*value + 999) / 1000, day_ms);
    if (auto const value = headers.find("retry-after")) return parse_retry_after(*value, now);
    return std::nullopt;
}

} // namespace tollgate::providers
