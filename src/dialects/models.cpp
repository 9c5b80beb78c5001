#include "dialects/models.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "dialects/edit.hpp"
#include "dialects/json/scan.hpp"

namespace tollgate::dialects {
namespace {

constexpr std::size_t page_limit_max = 1000;

void append_openai(std::string& out, ModelEntry const& model) {
    out.append("{\"id\":");
    append_json_string(out, model.id);
    out.append(",\"object\":\"model\",\"created\":").append(std::to_string(model.created)).append(",\"owned_by\":");
    append_json_string(out, model.owned_by);
    out.push_back('}');
}

void append_anthropic(std::string& out, ModelEntry const& model) {
    out.append("{\"type\":\"model\",\"id\":");
    append_json_string(out, model.id);
    out.append(",\"display_name\":");
    append_json_string(out, model.display_name.empty() ? model.id : model.display_name);
    out.append(",\"created_at\":\"").append(format_rfc3339(Timestamp{model.created * 1000})).append("\"}");
}

std::string unescape(std::string_view text) {
    auto const digit = [](char c) {
        return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
            out.push_back(static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])));
            i += 2;
        } else {
            out.push_back(text[i] == '+' ? ' ' : text[i]);
        }
    }
    return out;
}

} // namespace

std::string openai_model(ModelEntry const& model) {
    std::string out;
    append_openai(out, model);
    return out;
}

std::string openai_model_list(std::span<ModelEntry const> models) {
    std::string out = "{\"object\":\"list\",\"data\":[";
    for (std::size_t i = 0; i < models.size(); ++i) {
        if (i != 0) out.push_back(',');
        append_openai(out, models[i]);
    }
    return out.append("]}");
}

Result<AnthropicPage> parse_anthropic_page(std::string_view query) {
    AnthropicPage page;
    while (!query.empty()) {
        std::string_view const pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
        std::size_t const equals = pair.find('=');
        std::string_view const name = pair.substr(0, equals);
        std::string const value = equals == std::string_view::npos ? std::string() : unescape(pair.substr(equals + 1));
        if (name == "after_id") page.after_id = value;
        if (name == "before_id") page.before_id = value;
        if (name != "limit") continue;
        auto const limit = json::plain_integer(value);
        if (!limit || *limit < 1 || *limit > std::int64_t{page_limit_max})
            return fail(Errc::invalid_request, "limit: must be an integer between 1 and 1000", "limit");
        page.limit = static_cast<std::size_t>(*limit);
    }
    return page;
}

std::string anthropic_model(ModelEntry const& model) {
    std::string out;
    append_anthropic(out, model);
    return out;
}

std::string anthropic_model_list(std::span<ModelEntry const> models, AnthropicPage const& page) {
    auto const place = [&models](std::string_view id) {
        return static_cast<std::size_t>(
            std::find_if(models.begin(), models.end(), [id](ModelEntry const& m) { return m.id == id; }) -
            models.begin());
    };
    std::size_t begin = 0, end = models.size();
    if (!page.after_id.empty()) begin = std::min(place(page.after_id) + 1, models.size());
    if (!page.before_id.empty()) {
        end = place(page.before_id);
        if (end == models.size()) begin = end; // unknown cursor
        begin = std::max(begin, end - std::min(end, page.limit));
    }
    bool const backward = !page.before_id.empty();
    bool const more = backward ? begin > 0 && begin < end : end - std::min(begin, end) > page.limit;
    if (!backward) end = std::min(end, begin + page.limit);
    std::string out = "{\"data\":[";
    for (std::size_t i = begin; i < end; ++i) {
        if (i != begin) out.push_back(',');
        append_anthropic(out, models[i]);
    }
    out.append("],\"has_more\":").append(more ? "true" : "false").append(",\"first_id\":");
    if (begin < end) append_json_string(out, models[begin].id);
    else out.append("null");
    out.append(",\"last_id\":");
    if (begin < end) append_json_string(out, models[end - 1].id);
    else out.append("null");
    return out.push_back('}'), out;
}

} // namespace tollgate::dialects
