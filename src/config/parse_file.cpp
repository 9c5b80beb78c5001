#include "config/parse_file.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>

#define TOML_EXCEPTIONS 0
// toml++ 3.3 asserts on a few malformed lines ("[#") that it should report: a broken file must not abort the program.
#define TOML_ASSERT(expression) ((expression) ? void() : throw std::logic_error("not valid TOML"))
#ifndef __clang__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wterminate" // the assertion also stands in noexcept functions, which parsing never reaches
#endif
#include <toml++/toml.h>
#ifndef __clang__
#pragma GCC diagnostic pop
#endif

#include "base/nearest.hpp"
#include "config/keys.hpp"

namespace tollgate::config {
namespace {

/// Segments under /api/ that are Tollgate's own.
constexpr std::string_view reserved_routes[] = {
    "accounts", "alerts",  "audit-logs", "auth",     "billing",          "budgets", "credits",        "graphql",
    "invoices", "keys",    "models",     "payment",  "prices",           "providers", "redemption-codes", "routes",
    "service-tokens", "settings", "statements", "teams", "token", "usage", "users", "v1", "webhooks"};

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    });
}

bool is_model_name(std::string_view text) {
    return !text.empty() && text.size() <= 256 && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

int line_of(toml::node const& node) { return static_cast<int>(node.source().begin.line); }

/// How a value of the wrong type is called in a message.
std::string_view type_name(toml::node const& node) {
    switch (node.type()) {
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "a list";
    case toml::node_type::string: return "text";
    case toml::node_type::integer: return "a whole number";
    case toml::node_type::floating_point: return "a number with a decimal point";
    case toml::node_type::boolean: return "true or false";
    default: return "a date or time";
    }
}

class FileReader {
public:
    FileReader(std::string const& file_name, Environment const& environment, Problems& problems)
        : file_name_(file_name), environment_(environment), problems_(problems) {}

    void read_root(toml::table const& root, Config& config);
    std::set<std::string> take_set() { return std::move(set_); }

private:
    void problem(toml::node const& node, std::string const& key, std::string const& message) {
        problems_.push_back(file_name_ + ":" + std::to_string(line_of(node)) + ": " + key + ": " + message);
    }
    void read_section(toml::table const& table, std::string const& prefix, Config& config);
    template <class T>
    void read_parts(toml::node const& node, std::string const& what, std::span<PartKey<T> const> rows, std::vector<T>& out);
    template <class T>
    void read_part(toml::table const& table, std::string const& what, std::string const& prefix, std::span<PartKey<T> const> rows,
                   T& out, std::set<std::string_view>& seen);
    void set(toml::node const& node, std::string const& key, Field const& field);
    void set_pairs(toml::node const& node, std::string const& key, PairsField field);
    bool text_of(toml::node const& node, std::string const& key, std::string& out);
    void check_names(Config const& config, toml::table const& root);

    std::string const& file_name_;
    Environment const& environment_;
    Problems& problems_;
    std::set<std::string> set_;
};

bool FileReader::text_of(toml::node const& node, std::string const& key, std::string& out) {
    auto expanded = expand_variables(node.as_string()->get(), environment_);
    if (!expanded) {
        problem(node, key, expanded.error().message);
        return false;
    }
    out = std::move(*expanded);
    return true;
}

void FileReader::set_pairs(toml::node const& node, std::string const& key, PairsField field) {
    auto const* table = node.as_table();
    if (!table) return problem(node, key, "is " + std::string(type_name(node)) + ": write " + expected(field));
    for (auto const& [name, value] : *table) {
        auto const full = key + "." + std::string(name.str());
        std::string text;
        if (!value.is_string())
            problem(value, full, "is " + std::string(type_name(value)) + ": write it in quotes");
        else if (text_of(value, full, text))
            field.value->emplace_back(std::string(name.str()), std::move(text));
    }
    // toml++ sorts tables by name; messages and requests should follow the file.
    std::stable_sort(field.value->begin(), field.value->end(), [&](auto const& a, auto const& b) {
        auto const& first = (*table->get(a.first)).source().begin;
        auto const& second = (*table->get(b.first)).source().begin;
        return std::pair(first.line, first.column) < std::pair(second.line, second.column);
    });
}

void FileReader::set(toml::node const& node, std::string const& key, Field const& field) {
    auto wrong_type = [&](std::string const& hint) {
        problem(node, key, "is " + std::string(type_name(node)) + ": write " + hint);
    };
    if (auto const* pairs = std::get_if<PairsField>(&field)) return set_pairs(node, key, *pairs);
    if (auto const* targets = std::get_if<TargetsField>(&field)) return read_parts(node, key, target_keys(), *targets->value);
    bool const is_list = std::holds_alternative<ListField>(field) || std::holds_alternative<CidrsField>(field);
    if (is_list && node.is_array()) {
        std::vector<std::string> items;
        for (auto const& item : *node.as_array()) {
            std::string text;
            if (!item.is_string()) return problem(item, key, "holds " + std::string(type_name(item)) + ": write " + expected(field));
            if (!text_of(item, key, text)) return;
            items.push_back(std::move(text));
        }
        if (auto result = set_list(field, items); !result) problem(node, key, result.error().message);
        return;
    }
    std::string text;
    if (std::holds_alternative<IntField>(field)) {
        if (!node.is_integer()) return wrong_type(expected(field) + (node.is_string() ? ", without quotes" : ""));
        text = std::to_string(node.as_integer()->get());
    } else if (std::holds_alternative<BoolField>(field)) {
        if (!node.is_boolean()) return wrong_type(expected(field) + (node.is_string() ? ", without quotes" : ""));
        text = node.as_boolean()->get() ? "true" : "false";
    } else {
        if (!node.is_string()) return wrong_type(node.is_number() ? expected(field) + ", in quotes" : expected(field));
        if (!text_of(node, key, text)) return;
    }
    if (auto result = set_text(field, text); !result) problem(node, key, result.error().message);
}

/// Sections count as names too: [gatewey] means [gateway], whatever is in it.
std::string nearest_key(std::string const& name) {
    std::vector<std::string_view> names{"provider", "model", "route"};
    for (auto const& key : keys()) {
        if (key.env_only) continue;
        names.push_back(key.name);
        for (auto dot = key.name.find('.'); dot != std::string_view::npos; dot = key.name.find('.', dot + 1))
            names.push_back(key.name.substr(0, dot));
    }
    return std::string(nearest_name(name, names));
}

void FileReader::read_section(toml::table const& table, std::string const& prefix, Config& config) {
    auto is_section = [](std::string const& name) {
        return std::any_of(keys().begin(), keys().end(), [&](Key const& key) { return key.name.starts_with(name + "."); });
    };
    for (auto const& [name, node] : table) {
        auto const full = prefix + std::string(name.str());
        if (prefix.empty() && (full == "provider" || full == "model" || full == "route")) continue;
        bool const plain_text = node.is_string(); // by name: clang 14 does not capture structured bindings
        auto const row = std::find_if(keys().begin(), keys().end(), [&](Key const& key) {
            return key.name == full || (plain_text && prefix.empty() && key.shorthand == full);
        });
        if (row != keys().end() && row->env_only) {
            problem(node, full, "is a secret that only the environment can set: " + variables_of(*row).front());
        } else if (row != keys().end()) {
            set(node, full, row->field(config));
            set_.insert(std::string(row->name));
        } else if (node.is_table() && is_section(full)) {
            read_section(*node.as_table(), full + ".", config);
        } else {
            problem(node, full, "unknown key; nearest is '" + nearest_key(full) + "'");
        }
    }
}

template <class T>
void FileReader::read_part(toml::table const& table, std::string const& what, std::string const& prefix,
                           std::span<PartKey<T> const> rows, T& out, std::set<std::string_view>& seen) {
    std::vector<std::string_view> names;
    for (auto const& row : rows) names.push_back(row.name);
    for (auto const& [name, node] : table) {
        auto const full = prefix + std::string(name.str());
        auto const row = std::find_if(rows.begin(), rows.end(), [&](auto const& r) { return r.name == full; });
        if (row != rows.end()) {
            seen.insert(row->name);
            set(node, what + "." + full, row->field(out));
        } else if (node.is_table() && std::any_of(names.begin(), names.end(), [&](auto n) { return n.starts_with(full + "."); })) {
            read_part(*node.as_table(), what, full + ".", rows, out, seen);
        } else {
            problem(node, what + "." + full, "unknown key; nearest is '" + std::string(nearest_name(full, names)) + "'");
        }
    }
}

template <class T>
void FileReader::read_parts(toml::node const& node, std::string const& what, std::span<PartKey<T> const> rows, std::vector<T>& out) {
    auto const* array = node.as_array();
    if (!array) return problem(node, what, "is " + std::string(type_name(node)) + ": write [[" + what + "]] for each one");
    for (auto const& item : *array) {
        auto const* table = item.as_table();
        if (!table) {
            problem(item, what, "holds " + std::string(type_name(item)) + ": each one is a table");
            continue;
        }
        T part;
        part.line = line_of(item);
        std::set<std::string_view> seen;
        read_part(*table, what, "", rows, part, seen);
        for (auto const& row : rows)
            if (row.required && !seen.contains(row.name)) problem(item, what + "." + std::string(row.name), "is missing");
        out.push_back(std::move(part));
    }
}

template <class T>
void check_unique(std::vector<T> const& parts, std::string const& what, std::string const& file, Problems& problems) {
    for (std::size_t i = 0; i < parts.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            if (!parts[i].name.empty() && parts[i].name == parts[j].name)
                problems.push_back(file + ":" + std::to_string(parts[i].line) + ": " + what + ".name: '" + parts[i].name +
                                   "' is declared already in line " + std::to_string(parts[j].line));
}

void FileReader::check_names(Config const& config, toml::table const&) {
    auto at = [&](int line, std::string const& key, std::string const& message) {
        problems_.push_back(file_name_ + ":" + std::to_string(line) + ": " + key + ": " + message);
    };
    for (auto const& provider : config.providers)
        if (!provider.name.empty() && !is_name(provider.name))
            at(provider.line, "provider.name", "'" + provider.name + "' must be 1 to 64 letters, digits, '-', '_' or '.'");
    for (auto const& model : config.models) {
        if (!model.name.empty() && !is_model_name(model.name))
            at(model.line, "model.name", "'" + model.name + "' must be 1 to 256 printable ASCII characters without spaces");
        if (model.targets.size() > 64) at(model.line, "model.targets", "has more than 64 targets");
    }
    for (auto const& route : config.routes) {
        if (!route.name.empty() && !is_name(route.name))
            at(route.line, "route.name", "'" + route.name + "' must be 1 to 64 letters, digits, '-', '_' or '.'");
        if (std::find(std::begin(reserved_routes), std::end(reserved_routes), route.name) != std::end(reserved_routes))
            at(route.line, "route.name", "'" + route.name + "' would shadow Tollgate's own /api/" + route.name + ": choose another");
    }
    check_unique(config.providers, "provider", file_name_, problems_);
    check_unique(config.models, "model", file_name_, problems_);
    check_unique(config.routes, "route", file_name_, problems_);
}

void FileReader::read_root(toml::table const& root, Config& config) {
    read_section(root, "", config);
    if (auto const* node = root.get("provider")) read_parts(*node, "provider", provider_keys(), config.providers);
    if (auto const* node = root.get("model")) read_parts(*node, "model", model_keys(), config.models);
    if (auto const* node = root.get("route")) read_parts(*node, "route", route_keys(), config.routes);
    check_names(config, root);
}

} // namespace

Result<std::string> expand_variables(std::string_view text, Environment const& environment) {
    std::string out;
    while (!text.empty()) {
        auto const dollar = text.find('$');
        out += text.substr(0, dollar);
        if (dollar == std::string_view::npos) break;
        text.remove_prefix(dollar);
        if (text.starts_with("$${")) {
            out += "${";
            text.remove_prefix(3);
        } else if (text.starts_with("${")) {
            auto const end = text.find('}');
            auto const name = std::string(text.substr(2, end == std::string_view::npos ? 0 : end - 2));
            if (name.empty())
                return fail(Errc::invalid_request, "'${' must be closed around a variable's name: ${NAME}; a literal one is $${");
            auto const value = environment(name);
            if (!value || value->empty())
                return fail(Errc::invalid_request, "the environment variable " + name + " is " + (value ? "empty" : "not set"));
            out += *value;
            text.remove_prefix(end + 1);
        } else {
            out += '$';
            text.remove_prefix(1);
        }
    }
    return out;
}

std::set<std::string> parse_file(std::string_view text, std::string const& file_name, Environment const& environment,
                                 Config& config, Problems& problems) {
    auto const parsed = [&]() -> std::optional<toml::parse_result> {
        try {
            return toml::parse(text);
        } catch (std::logic_error const&) {
            return std::nullopt;
        }
    }();
    if (!parsed) {
        problems.push_back(file_name + ": not valid TOML; look for a table header that is not closed");
        return {};
    }
    auto const& result = *parsed;
    if (!result) {
        auto const& error = result.error();
        problems.push_back(file_name + ":" + std::to_string(error.source().begin.line) + ": " + std::string(error.description()));
        return {};
    }
    FileReader reader(file_name, environment, problems);
    reader.read_root(result.table(), config);
    return reader.take_set();
}

} // namespace tollgate::config
