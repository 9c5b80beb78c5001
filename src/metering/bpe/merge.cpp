#include "metering/bpe/merge.hpp"

#include <algorithm>
#include <array>
#include <functional>

namespace tollgate::metering {
namespace {

/// First round: what two neighbouring bytes merge into.
std::uint32_t byte_pair(Vocabulary const& v, std::string_view piece, std::size_t i) {
    auto const left = static_cast<unsigned char>(piece[i]);
    auto const right = static_cast<unsigned char>(piece[i + 1]);
    return v.byte_pairs[left * 256u + right];
}

constexpr std::size_t short_max = 40; // where scanning for the least rank costs as much as keeping a heap

std::int64_t merge_short(Vocabulary const& v, std::string_view piece, std::vector<std::uint32_t>* out) {
    std::array<std::uint32_t, short_max> token;
    std::array<std::uint32_t, short_max> rank; // of token[i] with token[i + 1]
    auto n = piece.size();
    for (std::size_t i = 0; i < n; ++i) {
        token[i] = v.byte_ids[static_cast<unsigned char>(piece[i])];
        rank[i] = i + 1 < n ? byte_pair(v, piece, i) : no_token;
    }
    for (;;) {
        std::size_t at = 0;
        for (std::size_t i = 1; i < n; ++i)
            if (rank[i] < rank[at])
                at = i;
        if (rank[at] == no_token)
            break;
        token[at] = rank[at];
        std::copy(token.begin() + at + 2, token.begin() + n, token.begin() + at + 1);
        std::copy(rank.begin() + at + 2, rank.begin() + n, rank.begin() + at + 1);
        --n;
        rank[at] = at + 1 < n ? v.merged(token[at], token[at + 1]) : no_token;
        if (at > 0)
            rank[at - 1] = v.merged(token[at - 1], token[at]);
    }
    if (out)
        out->insert(out->end(), token.begin(), token.begin() + n);
    return static_cast<std::int64_t>(n);
}

/// A token in the list of those left; the list is linked by byte positions.
struct Node {
    std::uint32_t token;
    std::uint32_t rank; // of this token with the next; no_token: does not merge, or is itself merged away
    std::uint32_t previous;
    std::uint32_t next;
};

/// `nodes` and `heap` hold room for one entry per byte of the piece. A heap entry is rank, then position, so
/// equal ranks come leftmost first; entries whose rank is no longer the node's are stale and skipped.
std::int64_t merge_long(Vocabulary const& v, std::string_view piece, Node* nodes, std::uint64_t* heap,
                        std::vector<std::uint32_t>* out) {
    auto const n = static_cast<std::uint32_t>(piece.size());
    std::size_t heap_size = 0;
    for (std::uint32_t i = 0; i < n; ++i) {
        auto const rank = i + 1 < n ? byte_pair(v, piece, i) : no_token;
        nodes[i] = {v.byte_ids[static_cast<unsigned char>(piece[i])], rank, i - 1, i + 1};
        if (rank != no_token)
            heap[heap_size++] = std::uint64_t{rank} << 32 | i;
    }
    std::make_heap(heap, heap + heap_size, std::greater<>{});
    auto left = n;
    auto const rerank = [&](std::uint32_t i) {
        auto const next = nodes[i].next;
        auto const rank = next < n ? v.merged(nodes[i].token, nodes[next].token) : no_token;
        nodes[i].rank = rank;
        if (rank == no_token)
            return;
        heap[heap_size++] = std::uint64_t{rank} << 32 | i;
        std::push_heap(heap, heap + heap_size, std::greater<>{});
    };
    while (heap_size > 0) {
        std::pop_heap(heap, heap + heap_size, std::greater<>{});
        auto const top = heap[--heap_size];
        auto const i = static_cast<std::uint32_t>(top);
        auto& node = nodes[i];
        if (node.rank != top >> 32)
            continue;
        auto const eaten = node.next;
        node.token = node.rank;
        node.next = nodes[eaten].next;
        nodes[eaten].rank = no_token;
        if (node.next < n)
            nodes[node.next].previous = i;
        --left;
        rerank(i);
        if (i > 0)
            rerank(node.previous);
    }
    if (out)
        for (std::uint32_t i = 0; i < n; i = nodes[i].next)
            out->push_back(nodes[i].token);
    return left;
}

} // namespace

std::int64_t merge_piece(Vocabulary const& vocabulary, std::string_view piece,
                         std::vector<std::uint32_t>* out) {
    if (piece.size() <= short_max)
        return merge_short(vocabulary, piece, out);
    // Every merge removes a node and adds at most two heap entries after taking one: twice the bytes are
    // enough.
    constexpr std::size_t on_stack = 512;
    if (piece.size() <= on_stack) {
        std::array<Node, on_stack> nodes;
        std::array<std::uint64_t, on_stack * 2> heap;
        return merge_long(vocabulary, piece, nodes.data(), heap.data(), out);
    }
    std::int64_t tokens = 0;
    auto const room = std::min(piece.size(), piece_max);
    std::vector<Node> nodes(room);
    std::vector<std::uint64_t> heap(room * 2);
    for (std::size_t at = 0; at < piece.size(); at += piece_max)
        tokens += merge_long(vocabulary, piece.substr(at, piece_max), nodes.data(), heap.data(), out);
    return tokens;
}

} // namespace tollgate::metering
