#include "store/sql/text.hpp"

namespace tollgate::store::sql {
namespace {
std::string escaped_lower(std::string_view q) {
    std::string out;
    for (char c : q) {
        if (c == '%' || c == '_' || c == '\\') out += '\\';
        out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
}
} // namespace

std::string join_list(std::vector<std::string> const& items) {
    std::string out;
    for (auto const& item : items) {
        for (char const c : item) {
            if (c == '\\') out += "\\\\";
            else if (c == '\n') out += "\\n";
            else out += c;
        }
        out += '\n';
    }
    return out;
}

std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> items;
    std::string item;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n') {
            items.push_back(std::move(item));
            item.clear();
        } else if (text[i] == '\\' && i + 1 < text.size()) {
            item += text[++i] == 'n' ? '\n' : text[i];
        } else {
            item += text[i];
        }
    }
    return items;
}

std::string contains_pattern(std::string_view q) { return "%" + escaped_lower(q) + "%"; }
std::string starts_pattern(std::string_view q) { return escaped_lower(q) + "%"; }

} // namespace tollgate::store::sql
