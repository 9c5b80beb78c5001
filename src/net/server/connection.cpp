// The life of a connection and the response side; the request body is in body.cpp.
#include "net/server/connection.hpp"

#include <cstring>
#include <exception>
#include <fmt/format.h>
#include <sys/socket.h>

#include "base/log.hpp"

namespace tollgate::net {
namespace {

constexpr std::size_t kept_capacity = 16 * 1024; ///< of reused strings, so that one large request is not kept for ever
constexpr std::size_t linger_bytes_max = 16 * 1024 * 1024;
constexpr std::int64_t linger_ms = 5'000;

bool carries_body(int status) noexcept { return status >= 200 && status != 204 && status != 304; }

class ActiveCount {
public:
    explicit ActiveCount(std::atomic<std::int64_t>& count) noexcept : count_(count) {
        count_.fetch_add(1, std::memory_order_relaxed);
    }
    ~ActiveCount() { count_.fetch_sub(1, std::memory_order_relaxed); }
    ActiveCount(ActiveCount const&) = delete;
    ActiveCount& operator=(ActiveCount const&) = delete;

private:
    std::atomic<std::int64_t>& count_;
};

std::string problem_json(int status, std::string_view detail) {
    return fmt::format(R"({{"type":"about:blank","title":"{}","status":{},"detail":"{}"}})", reason_phrase(status), status,
                       detail); // `detail` is our own static text: nothing to escape
}

} // namespace

ServerConnection::ServerConnection(Worker& worker, Socket socket, IpAddress peer, std::uint16_t peer_port)
    : worker_(worker), stream_(std::move(socket), worker.sweeper), peer_(peer), peer_port_(peer_port),
      block_(worker.blocks.take(small_block)) {
    next = worker_.first_connection;
    if (next != nullptr) next->previous = this;
    worker_.first_connection = this;
}

ServerConnection::~ServerConnection() {
    if (next != nullptr) next->previous = previous;
    if (previous != nullptr)
        previous->next = next;
    else
        worker_.first_connection = next;
    stream_.close();
    worker_.shared.connection_ended();
}

asio::awaitable<void> ServerConnection::run(TlsContext tls) {
    if (tls) {
        auto const io =
            co_await stream_.accept_tls(std::move(tls), deadline_in_ms(worker_.shared.options.header_timeout.count()));
        if (!io.ok()) co_return;
    }
    for (;;) {
        auto const state = co_await read_head();
        if (state == HeadState::ended) co_return;
        if (state == HeadState::refused) break;
        co_await handle();
        if (close_ || send_failed_) break;
    }
    if (send_failed_ || upgraded_) co_return;
    // Bytes the peer is still sending would make the kernel answer with a reset, which can destroy our response on
    // its way. In the normal case there are none.
    if (!body_done_ || begin_ < end_) co_await linger();
}

bool ServerConnection::make_room() {
    if (end_ < block_.size()) return true;
    if (begin_ > 0) {
        std::memmove(block_.data(), block_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
        return true;
    }
    if (block_.size() >= large_block) return false;
    auto larger = worker_.blocks.take(large_block);
    std::memcpy(larger.data(), block_.data(), end_);
    block_ = std::move(larger);
    return true;
}

asio::awaitable<ServerConnection::HeadState> ServerConnection::read_head() {
    auto const& options = worker_.shared.options;
    bool const first_request = first_byte_ns_ == 0;
    bytes_sent_ = 0;
    if (begin_ == end_) {
        begin_ = end_ = 0;
        if (block_.size() != small_block) block_ = worker_.blocks.take(small_block);
    }
    idle_ = begin_ == end_;
    if (idle_ && worker_.draining) co_return HeadState::ended;
    if (!idle_) first_byte_ns_ = precise_ns(); // pipelined: it waited for the request before it
    auto const patience = first_request || !idle_ ? options.header_timeout : options.idle_timeout;
    auto deadline = deadline_in_ms(patience.count());
    bool worth_parsing = !idle_;
    std::size_t parsed_bytes = 0;
    int reads = 0;
    for (;;) {
        if (worth_parsing) {
            std::string_view const bytes(block_.data() + begin_, end_ - begin_);
            parsed_bytes = bytes.size();
            auto const parsed = parse_request_head(bytes, options.head, head_);
            if (parsed.state == ParseState::complete) {
                begin_ += parsed.consumed;
                head_complete_ns_ = reads > 1 ? precise_ns() : first_byte_ns_;
                begin_body();
                co_return HeadState::ready;
            }
            if (parsed.state == ParseState::bad) {
                co_await refuse(parsed.status, parsed.message);
                co_return HeadState::refused;
            }
        }
        if (!make_room()) {
            co_await refuse(431, "The request line and headers are too large.");
            co_return HeadState::refused;
        }
        char* const to = block_.data() + end_;
        auto const io = co_await stream_.read_some(to, block_.size() - end_, deadline);
        if (!io.ok()) {
            if (io.state != IoState::timed_out || idle_) co_return HeadState::ended;
            co_await refuse(408, "The request head did not arrive in time.");
            co_return HeadState::refused;
        }
        ++reads;
        if (idle_) {
            idle_ = false;
            first_byte_ns_ = precise_ns();
            deadline = deadline_in_ms(options.header_timeout.count());
            worth_parsing = true;
        } else {
            // A head trickled byte by byte is parsed once a line, and the number of lines is limited; a line without
            // end, whenever it has doubled.
            worth_parsing = std::memchr(to, '\n', io.bytes) != nullptr || end_ + io.bytes - begin_ >= 2 * parsed_bytes;
        }
        end_ += io.bytes;
    }
}

asio::awaitable<void> ServerConnection::refuse(int status, std::string_view message) {
    head_.method = {};
    head_.version_minor = 1;
    head_.keep_alive = false;
    close_ = true;
    body_done_ = false; // nobody knows where this message ends
    auto const body = problem_json(status, message);
    co_await respond(status, "content-type: application/problem+json\r\n", body);
}

asio::awaitable<void> ServerConnection::handle() {
    ActiveCount const active(worker_.shared.counters.active);
    bool failed = false;
    {
        Exchange exchange(*this);
        try {
            co_await worker_.handler()(exchange);
        } catch (std::exception const& e) {
            failed = true;
            log::error("exception in a request handler", {log::Field{"what", e.what()}});
        }
    }
    co_await finish(failed);
}

asio::awaitable<void> ServerConnection::finish(bool failed) {
    if (bytes_sent_ == 0 && !send_failed_ && !body_broken_) {
        if (!failed) log::error("a request handler answered nothing");
        auto const body = problem_json(500, "Something went wrong on our side.");
        close_ = true;
        co_await respond(500, "content-type: application/problem+json\r\n", body);
    }
    if (failed || upgraded_ || body_broken_ || worker_.draining || !head_.keep_alive) close_ = true;
    if (!close_ && !body_done_) {
        bool const drained = co_await drain_body();
        if (!drained) close_ = true;
    }
    if (out_.capacity() > kept_capacity) std::string().swap(out_);
    if (body_.capacity() > kept_capacity) std::string().swap(body_);
    body_.clear();
    if (close_) co_return;
    if (body_block_begin_ < body_block_end_) { // the next request's first bytes came with the last of this body
        block_ = std::move(body_block_);
        begin_ = body_block_begin_;
        end_ = body_block_end_;
    }
    body_block_.reset();
    body_block_begin_ = body_block_end_ = 0;
}

asio::awaitable<void> ServerConnection::linger() {
    stream_.shutdown_send();
    auto const deadline = deadline_in_ms(linger_ms);
    auto scratch = worker_.blocks.take(medium_block);
    for (std::size_t seen = 0; seen < linger_bytes_max;) {
        auto const io = co_await stream_.read_some(scratch.data(), scratch.size(), deadline);
        if (!io.ok()) break;
        seen += io.bytes;
    }
}

void ServerConnection::close_if_idle() noexcept {
    if (idle_) stream_.cancel();
}

void ServerConnection::force_close() noexcept {
    close_ = true;
    stream_.close();
}

bool ServerConnection::caller_gone() noexcept {
    if (send_failed_) return true;
    char byte = 0;
    auto const n = ::recv(stream_.socket().native_handle(), &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

void ServerConnection::compose_head(std::string& out, int status, std::string_view header_lines, Framing framing,
                                    std::uint64_t length) {
    if (framing == Framing::until_close) close_ = true;
    if (!close_ && (!head_.keep_alive || worker_.draining || body_prevents_reuse())) close_ = true;
    out.append(status_line(status)).append(header_lines);
    if (framing == Framing::content_length) append_header(out, "content-length", length);
    if (framing == Framing::chunked) out.append("transfer-encoding: chunked\r\n");
    if (status == 101)
        upgraded_ = true;
    else if (close_)
        out.append("connection: close\r\n");
    else if (head_.version_minor == 0)
        out.append("connection: keep-alive\r\n");
    out.append("\r\n");
}

asio::awaitable<bool> ServerConnection::respond(int status, std::string_view header_lines, std::string_view body) {
    out_.clear();
    bool const with_length = carries_body(status);
    compose_head(out_, status, header_lines, with_length ? Framing::content_length : Framing::none, body.size());
    out_.resize(out_.size() - 2);
    append_header(out_, "date", worker_.http_date());
    out_.append("\r\n");
    std::string_view const pieces[2] = {out_, with_length && head_.method != "HEAD" ? body : std::string_view()};
    if (worker_.turns.worthwhile()) co_await worker_.turns.next();
    std::size_t skip = 0;
    if (write_now(pieces, skip)) co_return true;
    co_return co_await write_slow(pieces, skip);
}

bool ServerConnection::write_now(std::span<std::string_view const> pieces, std::size_t& skip) noexcept {
    auto const io = stream_.try_write(pieces);
    bytes_sent_ += io.bytes;
    skip = io.bytes;
    if (!io.ok()) {
        send_failed_ = true;
        return false;
    }
    std::size_t total = 0;
    for (auto const piece : pieces) total += piece.size();
    return skip == total;
}

asio::awaitable<bool> ServerConnection::write_slow(std::span<std::string_view const> pieces, std::size_t skip) {
    if (send_failed_) co_return false;
    auto const io = co_await stream_.write_rest(pieces, skip, worker_.shared.options.write_timeout.count());
    bytes_sent_ += io.bytes - skip;
    if (io.ok()) co_return true;
    send_failed_ = true;
    co_return false;
}

asio::awaitable<bool> ServerConnection::write(std::span<std::string_view const> pieces) {
    if (worker_.turns.worthwhile()) co_await worker_.turns.next();
    std::size_t skip = 0;
    if (write_now(pieces, skip)) co_return true;
    co_return co_await write_slow(pieces, skip);
}

} // namespace tollgate::net
