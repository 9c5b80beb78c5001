#include "control/json_input.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <set>

namespace tollgate::control {
namespace json = boost::json;
namespace {
constexpr std::size_t depth_max = 32;

/// Boost.JSON keeps the last of two equal keys; on a money API that hides a mistake, so a first pass looks for them.
class DuplicateFinder {
public:
    static constexpr std::size_t max_object_size = std::size_t(-1);
    static constexpr std::size_t max_array_size = std::size_t(-1);
    static constexpr std::size_t max_key_size = std::size_t(-1);
    static constexpr std::size_t max_string_size = std::size_t(-1);

    bool on_document_begin(json::error_code&) { return true; }
    bool on_document_end(json::error_code&) { return true; }
    bool on_object_begin(json::error_code&) {
        open_.emplace_back();
        return true;
    }
    bool on_object_end(std::size_t, json::error_code&) {
        open_.pop_back();
        return true;
    }
    bool on_array_begin(json::error_code&) { return true; }
    bool on_array_end(std::size_t, json::error_code&) { return true; }
    bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
        key_.append(part.data(), part.size());
        return true;
    }
    bool on_key(json::string_view part, std::size_t, json::error_code&) {
        key_.append(part.data(), part.size());
        if (duplicate.empty() && !open_.back().insert(key_).second) duplicate = key_;
        key_.clear();
        return true;
    }
    bool on_string_part(json::string_view, std::size_t, json::error_code&) { return true; }
    bool on_string(json::string_view, std::size_t, json::error_code&) { return true; }
    bool on_number_part(json::string_view, json::error_code&) { return true; }
    bool on_int64(std::int64_t, json::string_view, json::error_code&) { return true; }
    bool on_uint64(std::uint64_t, json::string_view, json::error_code&) { return true; }
    bool on_double(double, json::string_view, json::error_code&) { return true; }
    bool on_bool(bool, json::error_code&) { return true; }
    bool on_null(json::error_code&) { return true; }
    bool on_comment_part(json::string_view, json::error_code&) { return true; }
    bool on_comment(json::string_view, json::error_code&) { return true; }

    std::string duplicate;

private:
    std::vector<std::set<std::string>> open_;
    std::string key_;
};

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            auto const above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

std::string joined(std::span<std::string_view const> names) {
    std::string out;
    for (auto const name : names) {
        if (!out.empty()) out += ", ";
        out += name;
    }
    return out;
}

bool has_control_character(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string_view kind_name(json::value const& value) {
    switch (value.kind()) {
    case json::kind::null: return "null";
    case json::kind::bool_: return "a boolean";
    case json::kind::int64:
    case json::kind::uint64: return "a number";
    case json::kind::double_: return "a number with a fraction or exponent";
    case json::kind::string: return "a string";
    case json::kind::array: return "an array";
    case json::kind::object: return "an object";
    }
    return "something else";
}
std::string_view view(json::string const& s) { return {s.data(), s.size()}; }
} // namespace

std::string nearest_name(std::string_view word, std::span<std::string_view const> valid) {
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (auto const name : valid) {
        auto const distance = edit_distance(word.substr(0, 64), name);
        if (distance < best_distance) {
            best = name;
            best_distance = distance;
        }
    }
    return std::string(best);
}

std::string unknown_name_message(std::string_view what, std::string_view word,
                                 std::span<std::string_view const> valid) {
    auto message = "unknown " + std::string(what) + " '" + std::string(word.substr(0, 64)) + "'; ";
    if (auto const near = nearest_name(word, valid); !near.empty()) return message + "did you mean '" + near + "'?";
    if (valid.empty()) return message + "none is accepted here";
    return message + "valid are: " + joined(valid);
}

Result<json::object> parse_object(std::string_view body) {
    if (body.find_first_not_of(" \t\r\n") == std::string_view::npos)
        return fail(Errc::malformed_json, "the request body is empty; send a JSON object");
    json::parse_options options;
    options.max_depth = depth_max;
    json::error_code ec;
    json::basic_parser<DuplicateFinder> scan(options);
    auto const used = scan.write_some(false, body.data(), body.size(), ec);
    if (!ec && used < body.size()) ec = json::error::extra_data;
    if (ec)
        return fail(Errc::malformed_json,
                    "the request body is not valid JSON at byte " + std::to_string(used) + ": " + ec.message());
    if (auto const& duplicate = scan.handler().duplicate; !duplicate.empty())
        return fail(Errc::invalid_request, "field '" + duplicate.substr(0, 64) + "' stands twice; keep one", duplicate);
    auto value = json::parse(json::string_view(body.data(), body.size()), ec, {}, options);
    if (ec) return fail(Errc::malformed_json, "the request body is not valid JSON: " + ec.message());
    if (!value.is_object())
        return fail(Errc::invalid_request,
                    "the request body must be a JSON object, not " + std::string(kind_name(value)));
    return std::move(value.as_object());
}

Fields::Fields(json::object const& object, std::initializer_list<std::string_view> valid, std::string prefix)
    : object_(object), prefix_(std::move(prefix)) {
    for (auto const& member : object) {
        std::string_view const key(member.key().data(), member.key().size());
        if (std::find(valid.begin(), valid.end(), key) == valid.end()) {
            error_ = Error(Errc::invalid_request,
                           unknown_name_message("field", key, {valid.begin(), valid.size()}), prefix_ + std::string(key));
            return;
        }
    }
}

json::value const* Fields::raw(std::string_view name) const {
    auto const it = object_.find(json::string_view(name.data(), name.size()));
    return it == object_.end() ? nullptr : &it->value();
}
bool Fields::has(std::string_view name) const { return raw(name) != nullptr; }
bool Fields::is_null(std::string_view name) const {
    auto const* value = raw(name);
    return value && value->is_null();
}

void Fields::refuse(std::string_view name, std::string message) {
    if (!error_) error_ = Error(Errc::invalid_request, std::move(message), prefix_ + std::string(name));
}
void Fields::absorb(Fields const& nested) {
    if (!error_ && nested.error_) error_ = nested.error_;
}
Fail Fields::error() const { return Fail(*error_); }

json::value const* Fields::typed(std::string_view name, std::string_view what, bool matches(json::value const&)) {
    auto const* value = raw(name);
    if (!value || error_) return nullptr;
    if (matches(*value)) return value;
    refuse(name, "'" + prefix_ + std::string(name) + "' must be " + std::string(what) + ", not " +
                     std::string(kind_name(*value)));
    return nullptr;
}

std::optional<std::string> Fields::maybe_text(std::string_view name, std::size_t min, std::size_t max) {
    auto const* value = typed(name, "a string", [](json::value const& v) { return v.is_string(); });
    if (!value) return std::nullopt;
    auto const text = view(value->get_string());
    auto const label = "'" + prefix_ + std::string(name) + "'";
    if (text.size() < min || text.size() > max) {
        refuse(name, min > 0 && text.empty() ? label + " must not be empty"
                                             : label + " must have " + std::to_string(min) + " to " +
                                                   std::to_string(max) + " bytes, it has " +
                                                   std::to_string(text.size()));
        return std::nullopt;
    }
    if (has_control_character(text)) {
        refuse(name, label + " must not contain control characters");
        return std::nullopt;
    }
    return std::string(text);
}

std::string Fields::text(std::string_view name, std::size_t min, std::size_t max) {
    if (!has(name)) refuse(name, "'" + prefix_ + std::string(name) + "' is missing");
    return maybe_text(name, min, max).value_or(std::string());
}

std::optional<std::string> Fields::maybe_choice(std::string_view name, std::span<std::string_view const> choices) {
    auto value = maybe_text(name, 0, 100);
    if (!value) return std::nullopt;
    if (std::find(choices.begin(), choices.end(), *value) != choices.end()) return value;
    auto const near = nearest_name(*value, choices);
    refuse(name, "'" + prefix_ + std::string(name) + "' must be one of " + joined(choices) + ", not '" + *value + "'" +
                     (near.empty() ? "" : "; did you mean '" + near + "'?"));
    return std::nullopt;
}

std::string Fields::choice(std::string_view name, std::span<std::string_view const> choices) {
    if (!has(name)) refuse(name, "'" + prefix_ + std::string(name) + "' is missing; it is one of " + joined(choices));
    return maybe_choice(name, choices).value_or(std::string());
}

std::optional<bool> Fields::maybe_flag(std::string_view name) {
    auto const* value = typed(name, "true or false", [](json::value const& v) { return v.is_bool(); });
    return value ? std::optional(value->get_bool()) : std::nullopt;
}

std::optional<std::int64_t> Fields::maybe_integer(std::string_view name, std::int64_t min, std::int64_t max) {
    auto const* value = typed(name, "a whole number", [](json::value const& v) { return v.is_int64() || v.is_uint64(); });
    if (!value) return std::nullopt;
    if (value->is_int64() && value->get_int64() >= min && value->get_int64() <= max) return value->get_int64();
    refuse(name, "'" + prefix_ + std::string(name) + "' must be between " + std::to_string(min) + " and " +
                     std::to_string(max));
    return std::nullopt;
}

std::optional<Money> Fields::maybe_money(std::string_view name, Money min) {
    auto const* value = typed(name, "a decimal string in USD such as \"12.50\"",
                              [](json::value const& v) { return v.is_string(); });
    if (!value) return std::nullopt;
    auto const amount = parse_usd(view(value->get_string()));
    if (!amount) {
        refuse(name, "'" + prefix_ + std::string(name) + "': " + amount.error().message);
        return std::nullopt;
    }
    auto const max = Money::from_nanos(1'000'000'000'000'000'000);
    if (*amount < min || *amount > max) {
        refuse(name, "'" + prefix_ + std::string(name) + "' must be between " + format_usd(min) + " and " +
                         format_usd(max) + " USD");
        return std::nullopt;
    }
    return *amount;
}

std::optional<Multiplier> Fields::maybe_multiplier(std::string_view name) {
    auto const* value = typed(name, "a decimal string such as \"1.2\"", [](json::value const& v) { return v.is_string(); });
    if (!value) return std::nullopt;
    auto const factor = parse_multiplier(view(value->get_string()));
    if (factor) return *factor;
    refuse(name, "'" + prefix_ + std::string(name) + "': " + factor.error().message);
    return std::nullopt;
}

std::optional<Timestamp> Fields::maybe_time(std::string_view name) {
    auto const* value = typed(name, "an RFC 3339 time such as \"2027-01-31T00:00:00Z\"",
                              [](json::value const& v) { return v.is_string(); });
    if (!value) return std::nullopt;
    auto const time = parse_rfc3339(view(value->get_string()));
    if (time) return *time;
    refuse(name, "'" + prefix_ + std::string(name) + "': " + time.error().message);
    return std::nullopt;
}

std::optional<std::vector<std::string>> Fields::maybe_texts(std::string_view name, std::size_t count_max,
                                                            std::size_t item_max) {
    auto const* value = typed(name, "an array of strings", [](json::value const& v) { return v.is_array(); });
    if (!value) return std::nullopt;
    auto const label = "'" + prefix_ + std::string(name) + "'";
    auto const& array = value->get_array();
    if (array.size() > count_max) {
        refuse(name, label + " has " + std::to_string(array.size()) + " entries; at most " + std::to_string(count_max));
        return std::nullopt;
    }
    std::vector<std::string> out;
    for (auto const& item : array) {
        if (!item.is_string()) {
            refuse(name, label + " must contain strings only, not " + std::string(kind_name(item)));
            return std::nullopt;
        }
        auto const text = view(item.get_string());
        if (text.empty() || text.size() > item_max || has_control_character(text)) {
            refuse(name, label + ": each entry has 1 to " + std::to_string(item_max) + " printable bytes");
            return std::nullopt;
        }
        if (std::find(out.begin(), out.end(), text) != out.end()) {
            refuse(name, label + " names '" + std::string(text) + "' twice");
            return std::nullopt;
        }
        out.emplace_back(text);
    }
    return out;
}

json::object const* Fields::maybe_object(std::string_view name) {
    auto const* value = typed(name, "an object", [](json::value const& v) { return v.is_object() || v.is_null(); });
    return value && value->is_object() ? &value->get_object() : nullptr;
}
json::array const* Fields::maybe_array(std::string_view name) {
    auto const* value = typed(name, "an array", [](json::value const& v) { return v.is_array() || v.is_null(); });
    return value && value->is_array() ? &value->get_array() : nullptr;
}

} // namespace tollgate::control
