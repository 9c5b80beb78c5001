#include "control/reply.hpp"

namespace tollgate::control {
namespace json = boost::json;

Response json_reply(int status, json::object const& body) {
    Response response;
    response.status = status;
    response.body = json::serialize(body);
    return response;
}

Response no_content() {
    Response response;
    response.status = 204;
    response.content_type.clear();
    return response;
}

json::value cursor_json(store::Cursor next) {
    if (next == 0) return nullptr;
    return json::string("c" + std::to_string(next));
}

Result<store::PageRequest> page_of(Query const& query) {
    store::PageRequest page;
    page.limit = 100;
    auto const limit = query.integer("limit", 1, store::page_limit_max);
    if (!limit) return Fail(limit.error());
    if (*limit) page.limit = static_cast<int>(**limit);
    auto const offset = query.integer("offset", 0, 1'000'000'000);
    if (!offset) return Fail(offset.error());
    if (*offset) page.offset = **offset;
    if (auto const* text = query.find("cursor")) {
        auto const value = text->starts_with('c') ? parse_positive(std::string_view(*text).substr(1)) : 0;
        if (value == 0)
            return fail(Errc::invalid_request, "query parameter 'cursor' must be the next_cursor of an earlier page",
                        "cursor");
        page.cursor = value;
    }
    if (auto const* sort = query.find("sort"); sort && *sort != "-created_at")
        return fail(Errc::invalid_request, "query parameter 'sort' must be '-created_at', the only order there is",
                    "sort");
    return page;
}

Response list_of(std::vector<json::object> rows, store::PageRequest const& page, std::string_view q) {
    auto lower = [](std::string_view text) {
        std::string out(text);
        for (char& c : out)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
        return out;
    };
    auto const wanted = lower(q);
    std::erase_if(rows, [&](json::object const& row) {
        auto const& name = row.at("name").get_string();
        return lower({name.data(), name.size()}).find(wanted) == std::string::npos;
    });
    auto const from = static_cast<std::size_t>(page.cursor + page.offset);
    json::array data;
    for (auto i = from; i < rows.size() && data.size() < static_cast<std::size_t>(page.limit); ++i)
        data.push_back(std::move(rows[i]));
    auto const next = from + data.size();
    json::object body;
    body["next_cursor"] = nullptr;
    if (!data.empty() && next < rows.size()) body["next_cursor"] = cursor_json(static_cast<store::Cursor>(next));
    body["data"] = std::move(data);
    return json_reply(200, body);
}

Result<TimeRange> range_of(Query const& query) {
    auto const start = query.time("start");
    if (!start) return Fail(start.error());
    auto const end = query.time("end");
    if (!end) return Fail(end.error());
    if (*start && *end && **end <= **start)
        return fail(Errc::invalid_request, "query parameter 'end' must be later than 'start'", "end");
    return TimeRange{*start, *end};
}

json::value time_json(std::optional<Timestamp> time) {
    if (!time) return nullptr;
    return json::string(format_rfc3339(*time));
}
json::value text_or_null(std::string_view text) {
    if (text.empty()) return nullptr;
    return json::string(text.data(), text.size());
}
json::array texts_json(std::vector<std::string> const& texts) {
    json::array out;
    for (auto const& text : texts) out.push_back(json::string(text));
    return out;
}
json::value stored_json(std::string_view text) {
    if (text.empty()) return nullptr;
    json::error_code ec;
    auto value = json::parse(json::string_view(text.data(), text.size()), ec);
    if (ec) return nullptr;
    return value;
}

Result<json::object> body_of(Call const& call, bool may_be_empty) {
    if (may_be_empty && call.request.body.empty()) return json::object();
    return parse_object(call.request.body);
}

Result<void> no_query(Call const& call) {
    auto query = Query::parse(call.request.query, {});
    if (!query) return Fail(query.error());
    return {};
}

} // namespace tollgate::control
