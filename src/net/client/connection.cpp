#include "net/client/connection.hpp"

#include <algorithm>
#include <cstring>

#include "net/client/pool.hpp"

namespace tollgate::net {
namespace {

constexpr std::size_t least_area = 4 * 1024; ///< less room behind the head than this: read elsewhere
constexpr std::int64_t early_answer_ms = 1'000;

std::string_view name_of(IoState state) noexcept {
    switch (state) {
    case IoState::closed: return "the upstream closed the connection";
    case IoState::timed_out: return "timed out";
    case IoState::failed: return "connection failed";
    case IoState::ok: break;
    }
    return "";
}

} // namespace

ClientConnection::ClientConnection(PoolState& owner, Bucket& home)
    : stream(Socket(owner.io), owner.sweeper), pool(owner), bucket(home) {
    next = pool.first;
    if (next != nullptr) next->previous = this;
    pool.first = this;
    ++pool.counters.open;
}

ClientConnection::~ClientConnection() {
    if (next != nullptr) next->previous = previous;
    if (previous != nullptr)
        previous->next = next;
    else
        pool.first = next;
    --pool.counters.open;
}

void ClientConnection::begin(Deadlines const& deadlines, std::int64_t total_ns) {
    deadlines_ = deadlines;
    total_ns_ = total_ns;
    complete_ = tainted_ = upgraded_ = filled_ = false;
    any_answer = any_sent = false;
    pending_ = {};
    if (!block_) block_ = pool.blocks.take(medium_block);
}

void ClientConnection::rest() noexcept {
    pending_ = {};
    data_.clear();
    head_.headers.clear();
    block_.reset();
    body_block_.reset();
}

SendError ClientConnection::failure(Phase phase, IoState state, std::string what) const {
    SendError error(phase, std::move(what));
    error.detail.append(": ").append(name_of(state));
    if (!stream.detail().empty()) error.detail.append(" (").append(stream.detail()).append(")");
    error.timed_out = state == IoState::timed_out;
    error.closed_by_peer = state == IoState::closed;
    error.request_sent = any_sent;
    return error;
}

asio::awaitable<std::optional<SendError>> ClientConnection::send(std::span<std::string_view const> request) {
    if (pool.turns.worthwhile()) co_await pool.turns.next();
    auto io = stream.try_write(request);
    any_sent = any_sent || io.bytes > 0;
    std::size_t total = 0;
    for (auto const part : request) total += part.size();
    if (io.ok() && io.bytes < total) {
        auto stall_ms = deadlines_.idle.count();
        if (total_ns_ != never_ns) {
            auto const left_ms = std::max<std::int64_t>(1, (total_ns_ - coarse_ns()) / 1'000'000);
            stall_ms = stall_ms <= 0 ? left_ms : std::min<std::int64_t>(stall_ms, left_ms);
        }
        io = co_await stream.write_rest(request, io.bytes, stall_ms);
        any_sent = any_sent || io.bytes > 0;
    }
    sent_ns = precise_ns();
    if (io.ok()) co_return std::nullopt;
    taint();
    co_return failure(Phase::send, io.state, "send");
}

asio::awaitable<std::optional<SendError>> ClientConnection::read_head(bool to_head) {
    auto deadline = std::min(total_ns_, deadline_in_ms(deadlines_.first_byte.count()));
    if (tainted_) deadline = std::min(deadline, deadline_in_ms(early_answer_ms)); // only what is already on its way
    std::size_t begin = 0;
    std::size_t end = 0;
    for (;;) {
        if (begin < end) {
            auto const parsed = parse_response_head(std::string_view(block_.data() + begin, end - begin), to_head,
                                                    pool.options.head, head_);
            if (parsed.state == ParseState::bad) {
                SendError error(Phase::first_byte, "malformed answer: " + std::string(parsed.message));
                error.request_sent = true;
                co_return error;
            }
            if (parsed.state == ParseState::complete) {
                begin += parsed.consumed;
                if (head_.status >= 200 || head_.status == 101) break;
                continue; // 1xx: the real answer follows
            }
        }
        if (end == block_.size()) {
            auto larger = begin > 0 || block_.size() >= large_block ? Block() : pool.blocks.take(large_block);
            char* const to = larger ? larger.data() : block_.data();
            if (!larger && begin == 0) {
                SendError error(Phase::first_byte, "malformed answer: its head is too large");
                error.request_sent = true;
                co_return error;
            }
            std::memmove(to, block_.data() + begin, end - begin);
            end -= begin;
            begin = 0;
            if (larger) block_ = std::move(larger);
        }
        auto const io = co_await stream.read_some(block_.data() + end, block_.size() - end, deadline);
        if (!io.ok()) co_return failure(Phase::first_byte, io.state, any_answer ? "answer's head" : "waiting for an answer");
        any_answer = true;
        end += io.bytes;
    }
    head_ns = precise_ns();
    head_end_ = begin;
    pending_ = std::string_view(block_.data() + begin, end - begin);
    settle_framing();
    co_return std::nullopt;
}

void ClientConnection::settle_framing() noexcept {
    if (head_.status == 101) {
        upgraded_ = true;
        head_.framing = Framing::until_close;
        head_.keep_alive = false;
    }
    left_ = head_.content_length;
    chunks_.reset();
    complete_ = head_.framing == Framing::none || (head_.framing == Framing::content_length && left_ == 0);
    if (complete_ && !pending_.empty()) taint(); // bytes nobody asked for
}

/// Where the next read goes: behind the head, which must stay; in bulk transfers a large block.
std::span<char> ClientConnection::read_area() {
    if (filled_) {
        if (body_block_.size() != large_block) body_block_ = pool.blocks.take(large_block);
    } else if (body_block_.size() == large_block) {
        body_block_.reset(); // the bulk is over: slow streams should not hold large blocks
    }
    if (body_block_) return {body_block_.data(), body_block_.size()};
    if (block_.size() - head_end_ >= least_area) return {block_.data() + head_end_, block_.size() - head_end_};
    body_block_ = pool.blocks.take(medium_block);
    return {body_block_.data(), body_block_.size()};
}

std::optional<SendError> ClientConnection::take(std::string_view bytes, Piece& piece) {
    piece.raw = bytes;
    if (head_.framing == Framing::chunked) {
        auto const fed = chunks_.feed(bytes, data_);
        if (fed.state == ChunkedDecoder::State::bad) {
            SendError error(Phase::body, "malformed answer: broken chunked framing");
            error.request_sent = true;
            return error;
        }
        complete_ = fed.state == ChunkedDecoder::State::done;
        piece.raw = bytes.substr(0, fed.consumed);
        piece.between_chunks = chunks_.between_chunks();
    } else {
        if (head_.framing == Framing::content_length) {
            piece.raw = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
            left_ -= piece.raw.size();
            complete_ = left_ == 0;
        }
        if (!piece.raw.empty()) data_.push_back(piece.raw);
    }
    if (piece.raw.size() < bytes.size()) taint(); // bytes after the end that nobody asked for
    piece.data = data_;
    piece.last = complete_;
    return std::nullopt;
}

asio::awaitable<SendResult<Piece>> ClientConnection::read() {
    Piece piece;
    data_.clear();
    if (complete_) {
        piece.last = true;
        co_return piece;
    }
    auto bytes = std::exchange(pending_, std::string_view());
    if (bytes.empty()) {
        auto const area = read_area();
        auto const deadline = std::min(total_ns_, deadline_in_ms(deadlines_.idle.count()));
        auto const io = co_await stream.read_some(area.data(), area.size(), deadline);
        filled_ = io.bytes == area.size() || (area.size() == large_block && io.bytes > medium_block);
        if (io.state == IoState::closed && head_.framing == Framing::until_close) {
            complete_ = true;
            piece.last = true;
            co_return piece;
        }
        if (!io.ok()) co_return tl::unexpected(failure(Phase::body, io.state, "answer's body"));
        bytes = std::string_view(area.data(), io.bytes);
    }
    auto error = take(bytes, piece);
    if (error) co_return tl::unexpected(std::move(*error));
    co_return piece;
}

asio::awaitable<bool> ClientConnection::write_upgraded(std::string_view bytes) {
    std::span<std::string_view const> const one(&bytes, 1);
    auto const error = co_await send(one);
    co_return !error;
}

} // namespace tollgate::net
