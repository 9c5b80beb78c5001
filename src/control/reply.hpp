#pragma once
// Small pieces that every resource file uses: answers, pages, bodies. Private to control/.
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "control/api.hpp"
#include "control/context.hpp"
#include "control/endpoints.hpp"
#include "control/json_input.hpp"
#include "control/query.hpp"
#include "store/page.hpp"
#include "types/ids.hpp"

namespace tollgate::pricing {
class Price;
}
namespace tollgate::store {
struct ModelRow;
struct PriceVersionRow;
} // namespace tollgate::store

namespace tollgate::control {

Response json_reply(int status, boost::json::object const& body);
Response no_content();

/// `cursor` as clients see it; nullptr JSON for "no further page".
boost::json::value cursor_json(store::Cursor next);
/// limit (1 … 1000, 100 unless given), cursor and offset of a list. Errors: invalid_request.
Result<store::PageRequest> page_of(Query const& query);

struct TimeRange {
    std::optional<Timestamp> start, end; ///< [start, end)
};
/// The start and end parameters. Errors: invalid_request (not times, or the end not after the start).
Result<TimeRange> range_of(Query const& query);

/// `{"data":[…],"next_cursor":…}` of a page, each row through `view`.
template <class T, class View>
Response list_reply(store::Page<T> const& page, View view) {
    boost::json::array data;
    data.reserve(page.rows.size());
    for (auto const& row : page.rows) data.push_back(view(row));
    boost::json::object body;
    body["data"] = std::move(data);
    body["next_cursor"] = cursor_json(page.next);
    return json_reply(200, body);
}

/// A page of a list that is whole in memory (providers, models): `q` is part of the name, any case.
Response list_of(std::vector<boost::json::object> rows, store::PageRequest const& page, std::string_view q);

/// Name of a model made by API or file that has a target at `provider`; empty when there is none. (models.cpp)
std::string model_with_target(Context const& context, std::string const& provider);

/// The stored row behind a model's id or name. Errors: not_found; conflict (declared elsewhere). (models.cpp)
Result<store::ModelRow> stored_model(Context const& context, std::string const& text);
/// A price as a row for put_price_version. (prices.cpp)
Result<store::PriceVersionRow> version_row(pricing::Price const& price, std::string scope, std::string source,
                                           Timestamp from, Timestamp now);

/// Null for none.
template <class Tag>
boost::json::value id_json(Id<Tag> id) {
    return id ? boost::json::value(boost::json::string(format_id(id))) : boost::json::value(nullptr);
}
boost::json::value time_json(std::optional<Timestamp> time);
boost::json::value text_or_null(std::string_view text);
boost::json::array texts_json(std::vector<std::string> const& texts);
/// Stored JSON text; null when it is empty or (never expected) damaged.
boost::json::value stored_json(std::string_view text);

/// The body as an object; an empty body counts as `{}` when `may_be_empty`.
Result<boost::json::object> body_of(Call const& call, bool may_be_empty = false);
/// The request takes no query parameters. Errors: invalid_request.
Result<void> no_query(Call const& call);

/// Optional id parameter of a query. Errors: invalid_request naming the parameter.
template <class Tag>
Result<Id<Tag>> id_of(Query const& query, std::string_view name) {
    auto const* text = query.find(name);
    if (!text) return Id<Tag>{};
    auto id = parse_id<Tag>(*text);
    if (!id)
        return fail(Errc::invalid_request,
                    "query parameter '" + std::string(name) + "' must be an id such as '" + std::string(Tag::prefix) + "1'",
                    std::string(name));
    return *id;
}

} // namespace tollgate::control
