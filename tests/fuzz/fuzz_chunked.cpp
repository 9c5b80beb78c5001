// A chunked body means the same however its bytes are split.
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "net/chunked.hpp"

namespace {
struct Read {
    tollgate::net::ChunkedDecoder::State state;
    std::string data;
    std::size_t consumed = 0;
};

Read read_in_steps(std::string_view text, std::size_t step) {
    tollgate::net::ChunkedDecoder decoder;
    Read out{tollgate::net::ChunkedDecoder::State::more, {}, 0};
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < text.size() && out.state == tollgate::net::ChunkedDecoder::State::more; at += step) {
        pieces.clear();
        auto const fed = decoder.feed(text.substr(at, step), pieces);
        for (auto const piece : pieces) {
            FUZZ_REQUIRE(!piece.empty());
            out.data += piece;
        }
        out.state = fed.state;
        out.consumed += fed.consumed;
    }
    return out;
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size < 2) return 0;
    auto const text = as_text(data + 1, size - 1);
    auto const whole = read_in_steps(text, text.size());
    auto const stepped = read_in_steps(text, data[0] % 7 + 1);
    FUZZ_REQUIRE(whole.state == stepped.state);
    if (whole.state != tollgate::net::ChunkedDecoder::State::bad) {
        FUZZ_REQUIRE(whole.data == stepped.data);
        FUZZ_REQUIRE(whole.consumed == stepped.consumed);
    }
    return 0;
}
