#include "net/wire/tls.hpp"

#include <csignal>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "types/ip.hpp"

namespace tollgate::net {
namespace {

constexpr unsigned char alpn_http11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

int choose_alpn(SSL*, unsigned char const** out, unsigned char* out_size, unsigned char const* offered,
                unsigned offered_size, void*) {
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_size, alpn_http11, sizeof alpn_http11, offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK; // no ALPN in the answer: the client falls back to HTTP/1.1
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

TlsContext new_context(SSL_METHOD const* method) {
    TlsContext context(SSL_CTX_new(method), SSL_CTX_free);
    if (!context) throw std::bad_alloc();
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // RELEASE_BUFFERS: 10,000 idle streams would keep 34 KB each otherwise.
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
    // OpenSSL writes with write(2), which raises SIGPIPE on a closed peer; Asio's own sends do not.
    std::signal(SIGPIPE, SIG_IGN);
    return context;
}

SslPtr new_ssl(ssl_ctx_st& context, int fd) {
    SslPtr ssl(SSL_new(&context));
    if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) throw std::bad_alloc();
    return ssl;
}

} // namespace

void SslFree::operator()(ssl_st* ssl) const noexcept { SSL_free(ssl); }

std::string tls_error_text() {
    std::string text;
    while (auto const code = ERR_get_error()) {
        char line[256];
        ERR_error_string_n(code, line, sizeof line);
        if (!text.empty()) text += "; ";
        text += line;
    }
    return text.empty() ? "connection closed" : text;
}

std::string tls_verify_text(ssl_st& ssl) {
    auto const result = SSL_get_verify_result(&ssl);
    return result == X509_V_OK ? std::string() : X509_verify_cert_error_string(result);
}

Result<TlsContext> make_server_tls(std::string const& cert_file, std::string const& key_file) {
    auto context = new_context(TLS_server_method());
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context.get(), cert_file.c_str()) != 1)
        return fail(Errc::invalid_request,
                    "The TLS certificate file " + cert_file + " cannot be used: it must be a readable PEM chain.", "tls_cert",
                    tls_error_text());
    if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1)
        return fail(Errc::invalid_request,
                    "The TLS key file " + key_file +
                        " cannot be used: it must be a readable, unencrypted PEM key that belongs to the certificate.",
                    "tls_key", tls_error_text());
    if (SSL_CTX_check_private_key(context.get()) != 1)
        return fail(Errc::invalid_request, "The TLS key in " + key_file + " does not belong to " + cert_file + ".", "tls_key",
                    tls_error_text());
    SSL_CTX_set_alpn_select_cb(context.get(), choose_alpn, nullptr);
    return context;
}

Result<TlsContext> TlsTrust::client_context() {
    std::lock_guard lock(mutex_);
    if (context_) return context_;
    auto context = new_context(TLS_client_method());
    ERR_clear_error();
    SSL_CTX_set_default_verify_paths(context.get());
    if (!extra_ca_file_.empty() && SSL_CTX_load_verify_file(context.get(), extra_ca_file_.c_str()) != 1)
        return fail(Errc::invalid_request, "The file of certificate authorities " + extra_ca_file_ + " cannot be read as PEM.",
                    "extra_ca_file", tls_error_text());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_alpn_protos(context.get(), alpn_http11, sizeof alpn_http11);
    context_ = context;
    return context;
}

SslPtr make_server_ssl(ssl_ctx_st& context, int fd) {
    auto ssl = new_ssl(context, fd);
    SSL_set_accept_state(ssl.get());
    return ssl;
}

SslPtr make_client_ssl(ssl_ctx_st& context, int fd, std::string const& host) {
    auto ssl = new_ssl(context, fd);
    SSL_set_connect_state(ssl.get());
    if (parse_ip(host)) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str());
    } else {
        SSL_set_tlsext_host_name(ssl.get(), host.c_str());
        SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        SSL_set1_host(ssl.get(), host.c_str());
    }
    return ssl;
}

} // namespace tollgate::net
