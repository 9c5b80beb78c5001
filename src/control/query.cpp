#include "control/query.hpp"

#include <algorithm>
#include <charconv>

#include "control/json_input.hpp"

namespace tollgate::control {
namespace {
int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}
} // namespace

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            if (text.size() - i < 3)
                return fail(Errc::invalid_request, "a '%' in the address is not followed by two hex digits");
            auto const a = hex_digit(text[i + 1]);
            auto const b = hex_digit(text[i + 2]);
            if (a < 0 || b < 0)
                return fail(Errc::invalid_request, "a '%' in the address is not followed by two hex digits");
            c = static_cast<char>(a * 16 + b);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0') return fail(Errc::invalid_request, "the address contains a NUL character");
        out += c;
    }
    return out;
}

Result<Query> Query::parse(std::string_view raw, std::initializer_list<std::string_view> valid) {
    Query query;
    while (!raw.empty()) {
        auto const amp = raw.find('&');
        auto const pair = raw.substr(0, amp);
        raw = amp == std::string_view::npos ? std::string_view() : raw.substr(amp + 1);
        if (pair.empty()) continue;
        auto const equals = pair.find('=');
        auto name = percent_decode(pair.substr(0, equals), true);
        if (!name) return Fail(name.error());
        auto value = equals == std::string_view::npos ? Result<std::string>(std::string())
                                                      : percent_decode(pair.substr(equals + 1), true);
        if (!value) return Fail(value.error());
        if (std::find(valid.begin(), valid.end(), *name) == valid.end())
            return fail(Errc::invalid_request,
                        unknown_name_message("query parameter", *name, {valid.begin(), valid.size()}), *name);
        if (query.find(*name))
            return fail(Errc::invalid_request, "query parameter '" + *name + "' stands twice; keep one", *name);
        if (value->size() > 2048)
            return fail(Errc::invalid_request, "query parameter '" + *name + "' is longer than 2048 bytes", *name);
        query.values_.emplace_back(std::move(*name), std::move(*value));
    }
    return query;
}

std::string const* Query::find(std::string_view name) const {
    for (auto const& [key, value] : values_)
        if (key == name) return &value;
    return nullptr;
}
std::string Query::text(std::string_view name) const {
    auto const* value = find(name);
    return value ? *value : std::string();
}

Result<std::optional<std::int64_t>> Query::integer(std::string_view name, std::int64_t min, std::int64_t max) const {
    auto const* value = find(name);
    if (!value) return std::optional<std::int64_t>();
    std::int64_t number = 0;
    auto const [end, ec] = std::from_chars(value->data(), value->data() + value->size(), number);
    if (ec != std::errc() || end != value->data() + value->size() || number < min || number > max)
        return fail(Errc::invalid_request,
                    "query parameter '" + std::string(name) + "' must be a whole number between " +
                        std::to_string(min) + " and " + std::to_string(max),
                    std::string(name));
    return std::optional(number);
}

Result<std::optional<Timestamp>> Query::time(std::string_view name) const {
    auto const* value = find(name);
    if (!value) return std::optional<Timestamp>();
    auto time = parse_rfc3339(*value);
    if (!time) { // "+02:00" left unencoded arrives as " 02:00"
        auto repaired = *value;
        std::replace(repaired.begin(), repaired.end(), ' ', '+');
        if (auto second = parse_rfc3339(repaired)) time = second;
    }
    if (!time)
        return fail(Errc::invalid_request, "query parameter '" + std::string(name) + "': " + time.error().message,
                    std::string(name));
    return std::optional(*time);
}

} // namespace tollgate::control
