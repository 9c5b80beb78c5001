// The request body: sized, chunked, streamed, drained; and the bytes after an upgrade.
#include <algorithm>
#include <cstring>

#include "net/server/connection.hpp"

namespace tollgate::net {
namespace {

/// What an unread body may still bring before closing is cheaper than reading it.
constexpr std::uint64_t drain_bytes_max = 64 * 1024;
constexpr std::size_t first_growth = 64 * 1024;

} // namespace

void ServerConnection::begin_body() noexcept {
    body_left_ = head_.content_length.value_or(0);
    body_done_ = !head_.has_body();
    body_whole_ = false;
    body_broken_ = false;
    body_view_ = {};
    continue_sent_ = false;
    if (body_done_) return;
    body_deadline_ns_ = deadline_in_ms(worker_.shared.options.body_total.count());
    chunks_.reset();
}

bool ServerConnection::body_prevents_reuse() const noexcept {
    if (body_done_) return false;
    // Whether a caller that waits for 100 sends its body after a final answer is up to the caller: unknowable.
    if (head_.expect_continue && !continue_sent_ && begin_ == end_) return true;
    return head_.chunked || body_left_ > drain_bytes_max;
}

Fail ServerConnection::body_failure(IoState state) {
    close_ = true;
    if (state == IoState::timed_out) return fail(Errc::request_timeout, "The request body did not arrive in time.");
    body_broken_ = true; // nobody is left to answer
    return fail(Errc::invalid_request, "The connection closed before the request body was complete.");
}

asio::awaitable<bool> ServerConnection::send_continue() {
    if (!head_.expect_continue || continue_sent_) co_return true;
    continue_sent_ = true;
    auto const before = bytes_sent_;
    std::string_view const line = "HTTP/1.1 100 Continue\r\n\r\n";
    bool const sent = co_await write(std::span<std::string_view const>(&line, 1));
    bytes_sent_ = before; // not part of the response
    co_return sent;
}

asio::awaitable<ServerConnection::Raw> ServerConnection::next_raw() {
    Raw raw;
    if (begin_ < end_) {
        auto n = end_ - begin_;
        if (!head_.chunked) n = static_cast<std::size_t>(std::min<std::uint64_t>(n, body_left_));
        raw.bytes = std::string_view(block_.data() + begin_, n);
        begin_ += n;
        co_return raw;
    }
    bool const sent = co_await send_continue();
    if (!sent) {
        raw.state = IoState::closed;
        co_return raw;
    }
    if (!body_block_) body_block_ = worker_.blocks.take(medium_block);
    auto n = body_block_.size();
    if (!head_.chunked) n = static_cast<std::size_t>(std::min<std::uint64_t>(n, body_left_));
    auto const deadline = std::min(body_deadline_ns_, deadline_in_ms(worker_.shared.options.body_timeout.count()));
    auto const io = co_await stream_.read_some(body_block_.data(), n, deadline);
    raw.state = io.state;
    raw.bytes = std::string_view(body_block_.data(), io.bytes);
    co_return raw;
}

void ServerConnection::unread(std::string_view rest) noexcept {
    if (rest.empty()) return;
    if (rest.data() >= block_.data() && rest.data() < block_.data() + block_.size()) {
        begin_ -= rest.size();
    } else {
        body_block_begin_ = static_cast<std::size_t>(rest.data() - body_block_.data());
        body_block_end_ = body_block_begin_ + rest.size();
    }
}

asio::awaitable<Result<Piece>> ServerConnection::read_body_piece() {
    Piece piece;
    if (body_done_) {
        piece.last = true;
        co_return piece;
    }
    auto const raw = co_await next_raw();
    if (raw.state != IoState::ok) co_return body_failure(raw.state);
    data_.clear();
    piece.raw = raw.bytes;
    if (head_.chunked) {
        auto const fed = chunks_.feed(raw.bytes, data_);
        if (fed.state == ChunkedDecoder::State::bad) {
            close_ = true;
            co_return fail(Errc::invalid_request, "The chunked request body is malformed.");
        }
        body_done_ = fed.state == ChunkedDecoder::State::done;
        piece.raw = raw.bytes.substr(0, fed.consumed);
        unread(raw.bytes.substr(fed.consumed));
    } else {
        body_left_ -= raw.bytes.size();
        body_done_ = body_left_ == 0;
        data_.push_back(raw.bytes);
    }
    piece.data = data_;
    piece.last = body_done_;
    co_return piece;
}

asio::awaitable<Result<std::string_view>> ServerConnection::read_body(std::size_t max_bytes) {
    if (body_whole_ || body_done_) co_return body_view_;
    // Named first: GCC 12 destroys the result twice when a conditional expression holds two co_awaits.
    auto reading = head_.chunked ? read_chunked_body(max_bytes) : read_sized_body(max_bytes);
    auto body = co_await std::move(reading);
    if (!body) co_return body;
    body_whole_ = true;
    body_view_ = *body;
    co_return body;
}

asio::awaitable<Result<std::string_view>> ServerConnection::read_sized_body(std::size_t max_bytes) {
    if (body_left_ > max_bytes)
        co_return fail(Errc::payload_too_large,
                       "The request body is larger than the limit of " + std::to_string(max_bytes) + " bytes.");
    auto const size = static_cast<std::size_t>(body_left_);
    bool const in_place = begin_ + size <= block_.size(); // behind the head, without a copy
    auto got = std::min(end_ - begin_, size);
    if (!in_place) body_.assign(block_.data() + begin_, got);
    auto const start = begin_;
    begin_ += got;
    if (got < size) {
        bool const sent = co_await send_continue();
        if (!sent) co_return body_failure(IoState::closed);
    }
    while (got < size) {
        char* to = block_.data() + start + got;
        auto room = size - got;
        if (!in_place) {
            // Grows with what has arrived, not with what the caller has announced.
            if (got == body_.size()) body_.resize(std::min(size, std::max(first_growth, got * 2)));
            to = body_.data() + got;
            room = body_.size() - got;
        }
        auto const deadline = std::min(body_deadline_ns_, deadline_in_ms(worker_.shared.options.body_timeout.count()));
        auto const io = co_await stream_.read_some(to, room, deadline);
        if (!io.ok()) co_return body_failure(io.state);
        got += io.bytes;
        body_left_ = size - got;
        if (in_place) begin_ = end_ = start + got;
    }
    body_left_ = 0;
    body_done_ = true;
    co_return in_place ? std::string_view(block_.data() + start, size) : std::string_view(body_);
}

asio::awaitable<Result<std::string_view>> ServerConnection::read_chunked_body(std::size_t max_bytes) {
    body_.clear();
    while (!body_done_) {
        auto const piece = co_await read_body_piece();
        if (!piece) co_return tl::unexpected(piece.error());
        for (auto const part : piece->data) {
            if (part.size() > max_bytes - body_.size())
                co_return fail(Errc::payload_too_large,
                               "The request body is larger than the limit of " + std::to_string(max_bytes) + " bytes.");
            body_.append(part);
        }
    }
    co_return std::string_view(body_);
}

void ServerConnection::release_body() noexcept {
    if (!body_whole_) return;
    body_view_ = {};
    std::string().swap(body_);
    if (body_block_begin_ == body_block_end_) body_block_.reset();
}

/// Reads what the handler has left, if it is little. False: the connection must close.
asio::awaitable<bool> ServerConnection::drain_body() {
    if (body_prevents_reuse()) co_return false;
    while (!body_done_) {
        auto const piece = co_await read_body_piece();
        if (!piece) co_return false;
    }
    co_return true;
}

asio::awaitable<Result<std::string_view>> ServerConnection::read_upgraded(std::int64_t idle_ms) {
    if (begin_ < end_) {
        std::string_view const early(block_.data() + begin_, end_ - begin_);
        begin_ = end_;
        co_return early;
    }
    if (!body_block_) body_block_ = worker_.blocks.take(medium_block);
    auto const io = co_await stream_.read_some(body_block_.data(), body_block_.size(), deadline_in_ms(idle_ms));
    if (io.state == IoState::timed_out) co_return fail(Errc::request_timeout, "Nothing was received for too long.");
    if (!io.ok()) co_return std::string_view();
    co_return std::string_view(body_block_.data(), io.bytes);
}

} // namespace tollgate::net
