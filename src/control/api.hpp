#pragma once
// The control API as a plain function: Request in, Response out. The console listener reaches it through
// http_adapter.hpp, the command line calls it in-process; both get the same checks, errors and audit trail.
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "types/ids.hpp"

namespace tollgate::control {

struct Context;
struct Endpoint;
class Lockout;

struct Header {
    std::string name; ///< lower case
    std::string value;
};

struct Request {
    std::string method;
    std::string path;  ///< as sent, percent-encoded, without the query
    std::string query; ///< raw, without '?'
    std::vector<Header> headers;
    std::string body;
    std::string client_ip; ///< text form; already taken from a trusted proxy's header where that applies
    std::string request_id; ///< answered as x-request-id; one is minted when empty

    /// First value of a header; `name` in lower case. Empty when absent.
    std::string_view header(std::string_view name) const noexcept;
};

struct Response {
    int status = 200;
    std::string content_type = "application/json";
    std::vector<Header> headers;
    std::string body;
};

/// Who stands behind a request. Kept in the audit log as `name`.
struct Actor {
    enum class Kind : std::uint8_t {
        anonymous,
        admin,         ///< the bootstrap admin token: every scope
        service_token, ///< the scopes it was made with
        api_key,       ///< a customer's key on the by-key endpoints
        local          ///< the command line on the data folder: every scope
    };
    Kind kind = Kind::anonymous;
    std::string name;                ///< as the audit log shows it: "admin", "st_3", "key_9", "cli"
    std::vector<std::string> scopes; ///< of a service token
    ServiceTokenId service_token_id;
    KeyId key_id;         ///< api_key only
    AccountId account_id; ///< api_key only

    bool may(std::string_view scope) const noexcept;
};

/// True for the paths that the gateway's listener answers too: health, metrics and what the holder of a key may ask.
bool on_gateway_too(std::string_view path);

/// Every endpoint of the console listener. Thread-safe; calls block on the store, so run them on a blocking pool.
class Api {
public:
    /// `context` must outlive the Api.
    explicit Api(Context& context);
    ~Api();
    Api(Api const&) = delete;
    Api& operator=(Api const&) = delete;

    /// Authenticates by the request's own headers, then answers. Never throws: an outage of the store is a 503
    /// problem, a bug a 500 whose details are in the log only.
    Response dispatch(Request const& request);
    /// The same for a caller that is already trusted (the command line in this process).
    Response dispatch_as(Actor const& actor, Request const& request);

private:
    Response answer(Actor const* trusted, Request const& request);
    Result<Response> serve(Actor const* trusted, Request const& request, std::string& who);
    Result<Actor> authenticate(Endpoint const& endpoint, Request const& request);
    Result<Actor> token_actor(std::string_view token);
    Result<Actor> key_actor(Request const& request);
    Context& context_;
    std::unique_ptr<Lockout> lockout_;
    /// One write at a time from reading the old row to publishing the new one, so that the data plane sees changes in
    /// the order of their commits and no PATCH overwrites another.
    std::mutex writes_;
};

} // namespace tollgate::control
