// /api/usage/export.csv
#include "control/handlers.hpp"
#include "control/record_filter.hpp"
#include "control/reply.hpp"
#include "store/record_store.hpp"
#include "store/store.hpp"

namespace tollgate::control {
namespace {
constexpr std::size_t rows_max = 100'000;
constexpr std::string_view head =
    "request_id,time,account_id,key_id,key_name,surface,model,route,provider,provider_model,status,outcome,error_type,"
    "streamed,cached,attempts,latency_ms,first_byte_ms,input_tokens,output_tokens,cache_read,cache_write_5m,"
    "cache_write_1h,reasoning,usage_source,price_version,multiplier,cost,charge,client_ip,user,session\r\n";

/// RFC 4180, and cells that a spreadsheet would run as a formula get a leading apostrophe: names and user fields come
/// from callers.
void cell(std::string& out, std::string_view text) {
    std::string guarded;
    if (!text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos) {
        guarded = "'" + std::string(text);
        text = guarded;
    }
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
        out += text;
    } else {
        out += '"';
        for (char const c : text) {
            if (c == '"') out += '"';
            out += c;
        }
        out += '"';
    }
    out += ',';
}
void plain(std::string& out, std::string_view text) {
    out += text;
    out += ',';
}
void number(std::string& out, std::int64_t value) { plain(out, std::to_string(value)); }

void append_row(std::string& out, RequestRecord const& r) {
    plain(out, r.request_id.text());
    plain(out, format_rfc3339(r.time));
    plain(out, format_id(r.account_id));
    plain(out, format_id(r.key_id));
    cell(out, r.key_name);
    plain(out, surface_name(r.surface));
    cell(out, r.model);
    cell(out, r.route);
    cell(out, r.provider);
    cell(out, r.provider_model);
    number(out, r.status);
    plain(out, outcome_name(r.outcome));
    cell(out, r.error_type);
    plain(out, r.streamed ? "true" : "false");
    plain(out, r.cached ? "true" : "false");
    number(out, r.attempts);
    number(out, r.latency_ms);
    number(out, r.first_byte_ms);
    number(out, r.usage.input_total());
    number(out, r.usage.output_total());
    number(out, r.usage[Bucket::cache_read]);
    number(out, r.usage[Bucket::cache_write_5m]);
    number(out, r.usage[Bucket::cache_write_1h]);
    number(out, r.usage[Bucket::reasoning]);
    plain(out, usage_source_name(r.usage_source));
    plain(out, format_id(r.price_version));
    plain(out, format_multiplier(r.multiplier));
    plain(out, format_usd(r.cost));
    plain(out, format_usd(r.charge));
    cell(out, r.client_ip);
    cell(out, r.user);
    cell(out, r.session);
    out.back() = '\r';
    out += '\n';
}
} // namespace

Result<Response> export_records(Call& call) {
    auto const query = Query::parse(call.request.query, {"account_id", "key_id", "model", "route", "provider", "status",
                                                         "outcome", "start", "end"});
    if (!query) return Fail(query.error());
    auto const filter = record_filter(*query);
    if (!filter) return Fail(filter.error());
    std::string csv(head);
    store::PageRequest page;
    page.limit = store::page_limit_max;
    for (std::size_t rows = 0;;) {
        auto const found = call.context.store.records().list(page, *filter);
        rows += found.rows.size();
        if (rows > rows_max)
            return fail(Errc::invalid_request, "more than 100,000 records fit; narrow 'start' and 'end'", "start");
        for (auto const& row : found.rows) append_row(csv, row.record);
        if (found.next == 0) break;
        page.cursor = found.next;
    }
    Response response;
    response.content_type = "text/csv; charset=utf-8";
    response.headers.push_back({"content-disposition", "attachment; filename=\"tollgate-usage.csv\""});
    response.body = std::move(csv);
    return response;
}

} // namespace tollgate::control
