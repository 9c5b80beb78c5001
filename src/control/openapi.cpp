// /openapi.json and /docs: the document, embedded at build time.
#include "control/openapi.hpp"

#include "control/handlers.hpp"

namespace tollgate::control {
namespace {
#include "control/openapi.inc" // openapi_json_text, docs_html_text, docs_style_hash
} // namespace

std::string_view openapi_text() noexcept { return openapi_json_text; }

Result<Response> openapi_json(Call&) {
    Response response;
    response.headers.push_back({"access-control-allow-origin", "*"}); // public, for API browsers elsewhere
    response.body = openapi_json_text;
    return response;
}

Result<Response> docs_page(Call&) {
    Response response;
    response.content_type = "text/html; charset=utf-8";
    response.headers.push_back({"content-security-policy",
                                "default-src 'none'; style-src '" + std::string(docs_style_hash) +
                                    "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"});
    response.body = docs_html_text;
    return response;
}

} // namespace tollgate::control
