#include "control/problem.hpp"

#include <boost/json.hpp>

namespace tollgate::control {
namespace {
std::string_view title_of(int status) {
    switch (status) {
    case 400: return "Bad request";
    case 401: return "Not authenticated";
    case 402: return "Payment required";
    case 403: return "Forbidden";
    case 404: return "Not found";
    case 405: return "Method not allowed";
    case 409: return "Conflict";
    case 413: return "Body too large";
    case 422: return "Unprocessable";
    case 429: return "Too many requests";
    case 503: return "Temporarily unavailable";
    default: return status >= 500 ? "Server error" : "Request refused";
    }
}
} // namespace

Response problem(Error const& error, std::string_view request_id) {
    auto const& row = errc_row(error.code);
    boost::json::object body;
    body["type"] = "about:blank";
    body["title"] = title_of(row.status);
    body["status"] = row.status;
    body["detail"] = error.message;
    body["code"] = row.code;
    if (!error.param.empty()) body["param"] = error.param;
    if (!request_id.empty()) body["request_id"] = request_id;
    Response response;
    response.status = row.status;
    response.content_type = "application/problem+json";
    response.body = boost::json::serialize(body);
    if (error.retry_after_s > 0) response.headers.push_back({"retry-after", std::to_string(error.retry_after_s)});
    if (row.status == 401) response.headers.push_back({"www-authenticate", "Bearer"});
    return response;
}

} // namespace tollgate::control
