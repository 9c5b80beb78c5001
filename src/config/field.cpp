#include "config/field.hpp"

#include <algorithm>
#include <charconv>

#include "base/nearest.hpp"

namespace tollgate::config {
namespace {

template <class... Fs>
struct Overload : Fs... {
    using Fs::operator()...;
};
template <class... Fs>
Overload(Fs...) -> Overload<Fs...>;

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (char const c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

std::vector<std::string> split_commas(std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
        auto const comma = text.find(',');
        if (auto const item = trim(text.substr(0, comma)); !item.empty()) out.emplace_back(item);
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    }
    return out;
}

Fail wrong(Field const& field, std::string_view text) {
    return fail(Errc::invalid_request, "'" + std::string(text.substr(0, 100)) + "' is not " + expected(field));
}

std::string join(std::span<std::string_view const> names, std::string_view between) {
    std::string out;
    for (auto const name : names) {
        if (!out.empty()) out += between;
        out += quoted(name);
    }
    return out;
}

Result<void> set_choice(ChoiceField const& field, std::string_view text) {
    for (std::size_t i = 0; i < field.names.size(); ++i)
        if (field.names[i] == text) {
            *field.value = static_cast<std::uint8_t>(i);
            return {};
        }
    return fail(Errc::invalid_request, "'" + std::string(text.substr(0, 100)) + "' is not one of " + join(field.names, ", ") +
                                           "; nearest is '" + std::string(nearest_name(text, field.names)) + "'");
}

Result<void> set_int(IntField const& field, std::string_view text) {
    std::int64_t value = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < field.min || value > field.max)
        return wrong(field, text);
    *field.value = value;
    return {};
}

Result<void> set_bool(BoolField const& field, std::string_view text) {
    if (text == "true" || text == "1")
        *field.value = true;
    else if (text == "false" || text == "0")
        *field.value = false;
    else
        return wrong(field, text);
    return {};
}

} // namespace

std::string HostPort::text() const {
    bool const v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<HostPort> parse_host_port(std::string_view text) {
    HostPort out;
    auto const colon = text.rfind(':');
    auto host = text.substr(0, colon == std::string_view::npos ? 0 : colon);
    auto const digits = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    else if (host.find(':') != std::string_view::npos)
        host = {};
    if (host == "localhost") host = "127.0.0.1";
    auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
    if (!parse_ip(host) || digits.empty() || error != std::errc() || end != digits.data() + digits.size())
        return fail(Errc::invalid_request, "'" + std::string(text.substr(0, 100)) +
                                               "' is not HOST:PORT: write an IP address and a port, such as 127.0.0.1:8080, "
                                               "0.0.0.0:8080 (all interfaces) or [::1]:8080");
    out.host = std::string(host);
    return out;
}

Result<void> set_text(Field const& field, std::string_view text) {
    return std::visit(
        Overload{[&](TextField f) -> Result<void> {
                     *f.value = std::string(text);
                     return {};
                 },
                 [&](IntField f) { return set_int(f, text); }, [&](BoolField f) { return set_bool(f, text); },
                 [&](ChoiceField f) { return set_choice(f, text); },
                 [&](SecretField f) -> Result<void> {
                     *f.value = Secret(std::string(text));
                     return {};
                 },
                 [&](MoneyField f) -> Result<void> {
                     auto const money = parse_usd(text);
                     if (!money || money->is_negative()) return wrong(field, text);
                     *f.value = *money;
                     return {};
                 },
                 [&](MultiplierField f) -> Result<void> {
                     auto const multiplier = parse_multiplier(text);
                     if (!multiplier) return wrong(field, text);
                     *f.value = *multiplier;
                     return {};
                 },
                 [&](AddressField f) -> Result<void> {
                     auto address = parse_host_port(text);
                     if (!address) return tl::unexpected(address.error());
                     *f.value = std::move(*address);
                     return {};
                 },
                 [&](CidrsField) { return set_list(field, split_commas(text)); },
                 [&](ListField) { return set_list(field, split_commas(text)); },
                 [&](PairsField) -> Result<void> { return wrong(field, text); },
                 [&](TargetsField) -> Result<void> { return wrong(field, text); }},
        field);
}

Result<void> set_list(Field const& field, std::vector<std::string> const& items) {
    if (auto const* list = std::get_if<ListField>(&field)) {
        *list->value = items;
        return {};
    }
    std::vector<Cidr> blocks;
    for (auto const& item : items) {
        auto const block = parse_cidr(item);
        if (!block) return tl::unexpected(block.error());
        blocks.push_back(*block);
    }
    *std::get<CidrsField>(field).value = std::move(blocks);
    return {};
}

std::string show(Field const& field) {
    auto list = [](auto const& items, auto text) {
        std::string out;
        for (auto const& item : items) out += (out.empty() ? "" : ", ") + quoted(text(item));
        return "[" + out + "]";
    };
    return std::visit(Overload{[](TextField f) { return quoted(*f.value); }, [](IntField f) { return std::to_string(*f.value); },
                               [](BoolField f) { return std::string(*f.value ? "true" : "false"); },
                               [](ChoiceField f) { return quoted(f.names[*f.value]); },
                               [](SecretField) { return std::string("\"\""); },
                               [](MoneyField f) { return quoted(format_usd(*f.value)); },
                               [](MultiplierField f) { return quoted(format_multiplier(*f.value)); },
                               [](AddressField f) { return quoted(f.value->text()); },
                               [&](CidrsField f) { return list(*f.value, [](Cidr const& c) { return c.text(); }); },
                               [&](ListField f) { return list(*f.value, [](std::string const& s) { return s; }); },
                               [](PairsField) { return std::string("{}"); }, [](TargetsField) { return std::string("[]"); }},
                      field);
}

std::string expected(Field const& field) {
    return std::visit(Overload{[](TextField) { return std::string("text"); },
                               [](IntField f) {
                                   return "a whole number from " + std::to_string(f.min) + " to " + std::to_string(f.max);
                               },
                               [](BoolField) { return std::string("true or false"); },
                               [](ChoiceField f) { return "one of " + join(f.names, ", "); },
                               [](SecretField) { return std::string("text"); },
                               [](MoneyField) {
                                   return std::string("an amount in USD as a decimal string, such as \"0.01\", with at most 9 decimals");
                               },
                               [](MultiplierField) {
                                   return std::string("a factor as a decimal string, such as \"1.2\", with at most 9 decimals");
                               },
                               [](AddressField) { return std::string("HOST:PORT, such as \"127.0.0.1:8080\""); },
                               [](CidrsField) { return std::string("a list of address blocks, such as [\"10.0.0.0/8\"]"); },
                               [](ListField) { return std::string("a list of texts, such as [\"a\", \"b\"]"); },
                               [](PairsField) { return std::string("a table of texts, such as { name = \"value\" }"); },
                               [](TargetsField) {
                                   return std::string("a list of targets, such as [ { provider = \"openai\", model = \"gpt-4o\" } ]");
                               }},
                      field);
}

} // namespace tollgate::config
