#pragma once
// TLS contexts for both legs, on OpenSSL. TLS 1.2 and later, HTTP/1.1 by ALPN.
#include <memory>
#include <mutex>
#include <string>

#include "base/error.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace tollgate::net {

struct SslFree {
    void operator()(ssl_st* ssl) const noexcept;
};
using SslPtr = std::unique_ptr<ssl_st, SslFree>;
/// Shared: connections keep the context they were made with while a newer one is in force.
using TlsContext = std::shared_ptr<ssl_ctx_st>;

/// Errors: invalid_request naming the file and what is wrong with it.
Result<TlsContext> make_server_tls(std::string const& cert_file, std::string const& key_file);

/// The certificate authorities for upstreams: the system's, and those of one extra file. Read when first needed
/// (tens of milliseconds), then shared by all threads. Thread-safe.
class TlsTrust {
public:
    explicit TlsTrust(std::string extra_ca_file) : extra_ca_file_(std::move(extra_ca_file)) {}
    /// Errors: invalid_request (the extra file cannot be read).
    Result<TlsContext> client_context();

private:
    std::mutex mutex_;
    std::string extra_ca_file_;
    TlsContext context_;
};

/// A connection on `fd`, to be driven by SSL_do_handshake. For clients, `host` is sent as SNI and must be in the
/// certificate (an IP literal is checked as an address, without SNI).
SslPtr make_server_ssl(ssl_ctx_st& context, int fd);
SslPtr make_client_ssl(ssl_ctx_st& context, int fd, std::string const& host);

/// Takes and clears this thread's OpenSSL error queue, as text for logs.
std::string tls_error_text();
/// Why verifying the peer's certificate failed, or "".
std::string tls_verify_text(ssl_st& ssl);

} // namespace tollgate::net
