#include "pricing/detail/match.hpp"

#include <algorithm>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <boost/json.hpp>
#include <fmt/format.h>
#include <pcre2.h>

namespace tollgate::pricing::detail {

struct CompiledRegex {
    pcre2_code* code = nullptr;
    explicit CompiledRegex(pcre2_code* compiled) : code(compiled) {}
    ~CompiledRegex() { pcre2_code_free(code); }
    CompiledRegex(CompiledRegex const&) = delete;
    CompiledRegex& operator=(CompiledRegex const&) = delete;
};

Result<Regex> Regex::make(std::string_view pattern) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    auto* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_DOLLAR_ENDONLY,
                               &error, &offset, nullptr);
    if (code == nullptr)
        return fail(Errc::internal, fmt::format("price book: pattern '{}' fails at {}", pattern, offset));
    Regex out;
    out.code_ = std::make_shared<CompiledRegex const>(code);
    return out;
}

bool Regex::search(std::string_view text) const {
    if (!code_) return false;
    // The match data is per call, so that readers on several threads share only the compiled code.
    std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> const data(
        pcre2_match_data_create_from_pattern(code_->code, nullptr), &pcre2_match_data_free);
    return pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0, data.get(),
                       nullptr) >= 0;
}

bool Match::matches(std::string_view given, std::string_view lower) const {
    auto const hit = [&](Match const& m) { return m.matches(given, lower); };
    switch (kind) {
    case Kind::none: return false;
    case Kind::any_of: return std::any_of(inner.begin(), inner.end(), hit);
    case Kind::all_of: return std::all_of(inner.begin(), inner.end(), hit);
    case Kind::equals: return lower == text;
    case Kind::starts_with: return lower.starts_with(text);
    case Kind::ends_with: return lower.ends_with(text);
    case Kind::contains: return lower.find(text) != std::string_view::npos;
    case Kind::regex: return regex.search(given);
    }
    return false;
}

Result<Match> match_from_json(boost::json::object const& object) {
    static constexpr std::pair<std::string_view, Match::Kind> kinds[] = {
        {"or", Match::Kind::any_of},         {"and", Match::Kind::all_of},
        {"equals", Match::Kind::equals},     {"starts_with", Match::Kind::starts_with},
        {"ends_with", Match::Kind::ends_with}, {"contains", Match::Kind::contains},
        {"regex", Match::Kind::regex}};
    auto const bad = [] { return fail(Errc::internal, "price book: a match clause is not understood"); };
    if (object.size() != 1) return bad();
    auto const& entry = *object.begin();
    auto const name = std::string_view(entry.key().data(), entry.key().size());
    auto const* found = std::find_if(std::begin(kinds), std::end(kinds), [&](auto const& k) { return k.first == name; });
    if (found == std::end(kinds)) return bad();
    Match out;
    out.kind = found->second;
    if (out.kind == Match::Kind::any_of || out.kind == Match::Kind::all_of) {
        if (!entry.value().is_array()) return bad();
        for (auto const& value : entry.value().get_array()) {
            if (!value.is_object()) return bad();
            auto inner = match_from_json(value.get_object());
            if (!inner) return inner;
            out.inner.push_back(std::move(*inner));
        }
        return out;
    }
    if (!entry.value().is_string()) return bad();
    auto const& text = entry.value().get_string();
    out.text.assign(text.data(), text.size());
    if (out.kind == Match::Kind::regex) {
        auto regex = Regex::make(out.text);
        if (!regex) return Fail(regex.error());
        out.regex = std::move(*regex);
    } else {
        out.text = to_lower(out.text);
    }
    return out;
}

std::string to_lower(std::string_view text) {
    std::string out(text);
    for (auto& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view space = " \t\r\n\f\v";
    auto const first = text.find_first_not_of(space);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(space) - first + 1);
}

namespace {

int number(std::string_view digits) {
    int value = 0;
    for (char const c : digits) value = value * 10 + (c - '0');
    return value;
}

/// "20250929" with a day that exists, in this century.
bool is_date(std::string_view digits) {
    if (!std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) return false;
    if (!digits.starts_with("20")) return false;
    int const year = number(digits.substr(0, 4));
    int const month = number(digits.substr(4, 2));
    int const day = number(digits.substr(6, 2));
    if (month < 1 || month > 12) return false;
    bool const leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    int const days[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return day >= 1 && day <= days[month - 1];
}

} // namespace

std::string with_dashed_dates(std::string_view id) {
    std::string out;
    for (std::size_t i = 0; i < id.size(); ++i) {
        out += id[i];
        if (id[i] != '-' || id.size() - i < 9) continue;
        auto const digits = id.substr(i + 1, 8);
        bool const ends = i + 9 == id.size() || id[i + 9] == '-' || id[i + 9] == ':';
        if (!ends || !is_date(digits)) continue;
        out.append(digits.substr(0, 4)).append("-").append(digits.substr(4, 2)).append("-").append(digits.substr(6, 2));
        i += 8;
    }
    return out;
}

} // namespace tollgate::pricing::detail
