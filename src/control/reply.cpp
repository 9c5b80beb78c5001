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
