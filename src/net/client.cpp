#include "net/client.hpp"

#include <algorithm>

#include "net/client/pool.hpp"

namespace tollgate::net {

std::shared_ptr<TlsTrust> make_trust(std::string extra_ca_file) { return std::make_shared<TlsTrust>(std::move(extra_ca_file)); }

std::string_view phase_name(Phase phase) noexcept {
    switch (phase) {
    case Phase::resolve: return "resolve";
    case Phase::connect: return "connect";
    case Phase::tls: return "tls";
    case Phase::send: return "send";
    case Phase::first_byte: return "first byte";
    case Phase::body: return "body";
    }
    return "";
}

Error SendError::to_error() const {
    if (timed_out) {
        std::string message = phase == Phase::body    ? "The provider stopped sending in the middle of its answer."
                              : phase == Phase::send  ? "The provider stopped taking the request."
                              : phase == Phase::first_byte ? "The provider did not answer in time."
                                                           : "The provider could not be reached in time.";
        return Error(Errc::upstream_timeout, std::move(message), {}, detail);
    }
    std::string message = phase == Phase::body         ? "The provider's answer broke off."
                          : phase == Phase::first_byte ? "The provider closed the connection or sent an invalid answer."
                          : phase == Phase::send       ? "The connection to the provider failed."
                                                       : "The provider could not be reached.";
    return Error(Errc::upstream_failed, std::move(message), {}, detail);
}

Response::Response(std::unique_ptr<ClientConnection> connection) : connection_(std::move(connection)) {}
Response::Response(Response&&) noexcept = default;

Response& Response::operator=(Response&& other) noexcept {
    if (connection_) connection_->pool.give_back(std::move(connection_));
    connection_ = std::move(other.connection_);
    return *this;
}

Response::~Response() {
    if (connection_) connection_->pool.give_back(std::move(connection_));
}

ResponseHead const& Response::head() const noexcept { return connection_->head(); }
asio::awaitable<SendResult<Piece>> Response::read() { return connection_->read(); }
bool Response::complete() const noexcept { return connection_->complete(); }
bool Response::has_buffered() const noexcept { return connection_->has_buffered(); }
asio::awaitable<bool> Response::write(std::string_view bytes) { return connection_->write_upgraded(bytes); }
bool Response::reused() const noexcept { return connection_->served_before; }
std::int64_t Response::sent_ns() const noexcept { return connection_->sent_ns; }
std::int64_t Response::head_ns() const noexcept { return connection_->head_ns; }

asio::awaitable<SendResult<std::string>> Response::read_all(std::size_t max_bytes) {
    std::string body;
    while (!complete()) {
        auto const piece = co_await read();
        if (!piece) co_return tl::unexpected(piece.error());
        for (auto const part : piece->data) {
            if (part.size() > max_bytes - body.size()) {
                SendError error(Phase::body, "the answer is longer than " + std::to_string(max_bytes) + " bytes");
                error.request_sent = true;
                co_return tl::unexpected(std::move(error));
            }
            body.append(part);
        }
    }
    co_return body;
}

ClientPool::ClientPool(asio::io_context& io, ClientOptions options)
    : state_(std::make_unique<PoolState>(io, std::move(options))) {}
ClientPool::~ClientPool() = default;
ClientCounters ClientPool::counters() const noexcept { return state_->counters; }
void ClientPool::shutdown() noexcept { state_->shutdown(); }

asio::awaitable<SendResult<Response>> ClientPool::send(Endpoint const& endpoint, std::span<std::string_view const> request,
                                                       Deadlines const& deadlines) {
    auto& state = *state_;
    auto const total_ns = deadline_in_ms(deadlines.total.count());
    bool const to_head = !request.empty() && request.front().starts_with("HEAD ");
    auto& bucket = state.bucket_of(endpoint);
    auto connection = state.take_idle(bucket, false);
    for (;;) {
        if (!connection) {
            if (state.closed()) co_return tl::unexpected(SendError(Phase::connect, "shutting down"));
            auto const connect_ns = std::min(total_ns, deadline_in_ms(deadlines.connect.count()));
            auto connected = co_await state.connect(endpoint, bucket, connect_ns);
            if (!connected) co_return tl::unexpected(std::move(connected.error()));
            connection = std::move(*connected);
        } else {
            ++state.counters.reuses;
        }
        connection->begin(deadlines, total_ns);
        auto error = co_await connection->send(request);
        // An upstream that refuses early may answer and close before it has read everything.
        if (!error || !error->timed_out) {
            auto head_error = co_await connection->read_head(to_head);
            if (!head_error) co_return Response(std::move(connection));
            if (!error) error = std::move(head_error);
        }
        // The other end closes idle connections when it likes. No byte of an answer: the request went into the void.
        bool const stale = connection->served_before && !connection->any_answer && !error->timed_out;
        if (!stale || state.closed()) co_return tl::unexpected(std::move(*error));
        ++state.counters.stale_retries;
        connection.reset();
    }
}

asio::awaitable<SendResult<Response>> ClientPool::send_streaming(Endpoint const& endpoint, std::string_view head,
                                                                 BodySource body, Deadlines const& deadlines) {
    auto& state = *state_;
    auto const total_ns = deadline_in_ms(deadlines.total.count());
    auto& bucket = state.bucket_of(endpoint);
    auto connection = state.take_idle(bucket, true);
    if (!connection) {
        if (state.closed()) co_return tl::unexpected(SendError(Phase::connect, "shutting down"));
        auto const connect_ns = std::min(total_ns, deadline_in_ms(deadlines.connect.count()));
        auto connected = co_await state.connect(endpoint, bucket, connect_ns);
        if (!connected) co_return tl::unexpected(std::move(connected.error()));
        connection = std::move(*connected);
    } else {
        ++state.counters.reuses;
    }
    connection->begin(deadlines, total_ns);
    std::string_view bytes = head;
    std::optional<SendError> error;
    for (;;) {
        error = co_await connection->send(std::span<std::string_view const>(&bytes, 1));
        if (error) break;
        auto piece = co_await body();
        if (!piece) {
            SendError failed(Phase::send, "request body: " + piece.error().message);
            failed.request_sent = true;
            co_return tl::unexpected(std::move(failed));
        }
        if (piece->empty()) break;
        bytes = *piece;
        if (!connection->stream.quiet()) { // answered early, or closed: the rest would be sent for nothing
            connection->taint();
            break;
        }
    }
    if (error && error->timed_out) co_return tl::unexpected(std::move(*error));
    auto head_error = co_await connection->read_head(head.starts_with("HEAD "));
    if (!head_error) co_return Response(std::move(connection));
    co_return tl::unexpected(std::move(error ? *error : *head_error));
}

} // namespace tollgate::net
