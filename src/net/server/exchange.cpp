#include "net/exchange.hpp"

#include "net/server/connection.hpp"

namespace tollgate::net {

RequestHead const& Exchange::head() const noexcept { return connection_.head(); }
IpAddress const& Exchange::peer() const noexcept { return connection_.peer(); }
std::uint16_t Exchange::peer_port() const noexcept { return connection_.peer_port(); }
bool Exchange::tls() const noexcept { return connection_.tls(); }
std::int64_t Exchange::first_byte_ns() const noexcept { return connection_.first_byte_ns(); }
std::int64_t Exchange::head_complete_ns() const noexcept { return connection_.head_complete_ns(); }
std::uint64_t Exchange::bytes_sent() const noexcept { return connection_.bytes_sent(); }
void Exchange::mark_close() noexcept { connection_.mark_close(); }
bool Exchange::caller_gone() noexcept { return connection_.caller_gone(); }
void Exchange::release_body() noexcept { connection_.release_body(); }

asio::awaitable<Result<std::string_view>> Exchange::read_body(std::size_t max_bytes) {
    return connection_.read_body(max_bytes);
}
asio::awaitable<Result<Piece>> Exchange::read_body_piece() { return connection_.read_body_piece(); }
asio::awaitable<bool> Exchange::respond(int status, std::string_view header_lines, std::string_view body) {
    return connection_.respond(status, header_lines, body);
}
asio::awaitable<bool> Exchange::write(std::span<std::string_view const> pieces) { return connection_.write(pieces); }
asio::awaitable<bool> Exchange::write(std::string_view bytes) {
    std::span<std::string_view const> const pieces(&bytes, 1);
    co_return co_await connection_.write(pieces);
}
void Exchange::compose_head(std::string& out, int status, std::string_view header_lines, Framing framing,
                            std::uint64_t length) {
    connection_.compose_head(out, status, header_lines, framing, length);
}
asio::awaitable<Result<std::string_view>> Exchange::read_upgraded(std::int64_t idle_ms) {
    return connection_.read_upgraded(idle_ms);
}

} // namespace tollgate::net
