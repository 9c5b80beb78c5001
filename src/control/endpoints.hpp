#pragma once
// The one table of endpoints: method, path, who may call it, what answers. What is not in it does not exist.
#include <boost/json/fwd.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "control/api.hpp"

namespace tollgate::control {

enum class Access : std::uint8_t {
    open,      ///< anyone: health, metrics, documentation
    any_token, ///< any valid admin or service token
    scope,     ///< a token with Endpoint::scope
    api_key    ///< a customer's API key, or a token with Endpoint::scope
};

enum class Effect : std::uint8_t {
    reads,
    writes, ///< serialised with the other writes, audited, takes an Idempotency-Key
    reveals ///< serialised and audited; never answered from a kept answer, which would escape the audit
};

/// One request on its way through a handler.
struct Call {
    Request const& request;
    Actor const& actor;
    Context& context;
    std::vector<std::string> params; ///< the {…} parts of the path, decoded, in order
    std::string audit_action;        ///< set by audit(); dispatch writes the row after success
    std::string audit_target;
    std::string audit_before; ///< JSON text, secrets already left out; empty = none
    std::string audit_after;
    bool audit_required = false; ///< without an audit row the answer must not leave (it shows a secret)

    /// What the audit log will say about this write. `before` and `after` are the resource as the API shows it,
    /// which never contains a secret; pass nullptr where there is none.
    void audit(std::string action, std::string target, boost::json::object const* before,
               boost::json::object const* after);
};

using Handler = Result<Response> (*)(Call&);

struct Endpoint {
    std::string_view method;
    std::string_view path; ///< "{name}" stands for one segment
    Access access;
    std::string_view scope; ///< for Access::scope; for Access::api_key what a token needs, empty = keys only
    Effect effect;
    Handler handler;
};

std::span<Endpoint const> endpoints() noexcept;

struct Match {
    Endpoint const* endpoint = nullptr;
    std::vector<std::string> params;
    std::string allow; ///< methods of this path, when only the method did not fit
};
/// `path` as sent. HEAD matches GET. A trailing slash is ignored.
Match match_endpoint(std::string_view method, std::string_view path);

/// Every scope a service token can carry ("admin" = all of them).
std::span<std::string_view const> scopes() noexcept;

} // namespace tollgate::control
