// /api/prices: immutable versions, and prices that start later.
#include "control/catalog_write.hpp"
#include "control/declarations.hpp"
#include "control/handlers.hpp"
#include "control/reply.hpp"
#include "pricing/book.hpp"
#include "pricing/price_text.hpp"
#include "routing/catalog.hpp"
#include "store/catalog_store.hpp"
#include "store/store.hpp"

namespace tollgate::control {
namespace json = boost::json;
namespace {
constexpr std::int64_t clock_skew_ms = 60'000; ///< an effective_from this little in the past means now
constexpr std::size_t scheduled_max = 100;

json::object version_json(store::PriceVersionRow const& row) {
    json::object out;
    out["id"] = format_id(row.id);
    out["scope"] = row.scope;
    out["source"] = row.source;
    out["price"] = nullptr;
    if (auto const price = pricing::Price::from_canonical_json(row.body))
        out["price"] = stored_json(pricing::describe_json(**price));
    out["hash"] = to_hex({reinterpret_cast<char const*>(row.hash.data()), row.hash.size()});
    out["effective_from"] = time_json(row.effective_from);
    out["created_at"] = time_json(row.created_at);
    return out;
}
} // namespace

Result<store::PriceVersionRow> version_row(pricing::Price const& price, std::string scope, std::string source,
                                           Timestamp from, Timestamp now) {
    store::PriceVersionRow row;
    auto const hash = from_hex(price.hash());
    if (!hash || hash->size() != row.hash.size()) return fail(Errc::internal, "a price has no usable hash");
    std::copy(hash->begin(), hash->end(), row.hash.begin());
    row.scope = std::move(scope);
    row.source = std::move(source);
    row.effective_from = from;
    row.created_at = now;
    row.body = price.canonical_json();
    return row;
}

Result<Response> list_prices(Call& call) {
    auto const query = Query::parse(call.request.query, {"limit", "cursor", "model"});
    if (!query) return Fail(query.error());
    auto const page = page_of(*query);
    if (!page) return Fail(page.error());
    auto const* model = query->find("model");
    auto const scope = model ? "model:" + *model : std::string();
    return list_reply(call.context.store.catalog().price_versions(*page, scope, true), version_json);
}

Result<Response> get_price(Call& call) {
    if (auto ok = no_query(call); !ok) return Fail(ok.error());
    auto const id = parse_id<PriceTag>(call.params.at(0));
    if (!id) return Fail(id.error());
    auto const row = call.context.store.catalog().price_version(*id);
    if (!row) return fail(Errc::not_found, "there is no price version '" + call.params[0] + "'");
    return json_reply(200, version_json(*row));
}

Result<Response> create_price(Call& call) {
    auto const body = body_of(call);
    if (!body) return Fail(body.error());
    Fields in(*body, {"model", "price", "effective_from"});
    auto const model = in.text("model", 1, 200);
    auto const* object = in.maybe_object("price");
    if (!object) in.refuse("price", "'price' is missing: an object such as {\"input\":\"3\",\"output\":\"15\"}");
    auto const asked = in.maybe_time("effective_from");
    if (!in.ok()) return in.error();
    auto const text = json::serialize(*object);
    auto const price = pricing::parse_price_json(text);
    if (!price) return Fail(price.error());
    auto const now = call.context.clock.now();
    if (asked && asked->ms < now.ms - clock_skew_ms)
        return fail(Errc::invalid_request, "'effective_from' lies in the past; what was charged is not changed afterwards",
                    "effective_from");
    auto const old = stored_model(call.context, model);
    if (!old) return Fail(old.error());
    auto row = *old;
    auto const from = asked && *asked > now ? *asked : now;
    if (from == now) {
        set_price_now(row, text, now);
    } else {
        auto schedule = schedule_of(row);
        std::erase_if(schedule, [&](ScheduledPrice const& s) { return s.from == from; });
        if (schedule.size() >= scheduled_max)
            return fail(Errc::conflict, "a model can have at most 100 scheduled prices");
        schedule.push_back({from, text});
        set_schedule(row, schedule);
    }
    auto version = version_row(**price, "model:" + row.name, "api", from, now);
    if (!version) return Fail(version.error());
    auto& store = call.context.store.catalog();
    version->id = store.put_price_version(*version);
    if (auto done = store.update_model(row); !done) return Fail(done.error());
    auto const undo = [&] { (void)store.update_model(*old); };
    if (auto ok = publish_catalog(call.context, "model '" + row.name + "'", undo); !ok) return Fail(ok.error());
    // The version may be older than this call (the same price was used before); the time asked for is this call's.
    auto const shown = version_json(*version);
    call.audit("price.create", format_id(row.id), nullptr, &shown);
    return json_reply(201, shown);
}

Result<Response> price_feed(Call& call) {
    if (auto ok = no_query(call); !ok) return Fail(ok.error());
    auto const& book = call.context.book;
    std::int64_t models = 0;
    for (auto const& provider : book.providers()) models += static_cast<std::int64_t>(provider.models.size());
    auto const feed = call.context.feed_status ? call.context.feed_status() : FeedStatus();
    auto const source = book.source();
    json::object body;
    body["book"] = json::object{{"source", json::string(source.data(), source.size())},
                                {"providers", static_cast<std::int64_t>(book.providers().size())},
                                {"models", models}};
    json::object status;
    status["status"] = feed.status;
    status["url"] = text_or_null(feed.url);
    status["last_success_at"] = time_json(feed.last_success_at);
    status["last_error"] = text_or_null(feed.last_error);
    status["models"] = feed.models;
    body["feed"] = std::move(status);
    return json_reply(200, body);
}

} // namespace tollgate::control
