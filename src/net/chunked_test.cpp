#include "net/chunked.hpp"

#include <gtest/gtest.h>
#include <string>

#include "net/http.hpp"

namespace tollgate::net {
namespace {

std::string joined(std::vector<std::string_view> const& parts) {
    std::string out;
    for (auto const part : parts) out += part;
    return out;
}

TEST(ChunkedDecoder, YieldsTheSameForEverySplitInThree) {
    std::string const body = "4\r\nWiki\r\n6;name=\"v\"\r\npedia \r\n00E\r\nin \r\n\r\nchunks.\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n";
    std::string const bytes = body + "NEXT";
    for (std::size_t i = 0; i <= bytes.size(); ++i)
        for (std::size_t j = i; j <= bytes.size(); ++j) {
            ChunkedDecoder decoder;
            std::string payload;
            std::size_t consumed = 0;
            auto state = ChunkedDecoder::State::more;
            for (auto const& part : {bytes.substr(0, i), bytes.substr(i, j - i), bytes.substr(j)}) {
                if (state == ChunkedDecoder::State::done) break;
                std::vector<std::string_view> data;
                auto const fed = decoder.feed(part, data);
                payload += joined(data);
                consumed += fed.consumed;
                state = fed.state;
            }
            ASSERT_EQ(state, ChunkedDecoder::State::done) << i << " " << j;
            ASSERT_EQ(payload, "Wikipedia in \r\n\r\nchunks.") << i << " " << j;
            ASSERT_EQ(consumed, body.size()) << i << " " << j;
        }
}

TEST(ChunkedDecoder, RefusesWhatIsAmbiguous) {
    for (std::string const& bytes : {
             std::string("\r\n"), std::string("g\r\n"), std::string("-1\r\n"), std::string("+1\r\n"), std::string("0x1\r\n"),
             std::string(" 1\r\n"), std::string("1 \r\n"), std::string("1\n"), std::string("1\r\r\n"), std::string("1;a\nb\r\n"),
             std::string("1;a\0b\r\n", 7), std::string("1\r\nab"), std::string("1\r\na\n"), std::string("1\r\na\rx"),
             std::string("8000000000000000\r\n"), std::string("ffffffffffffffff\r\n"), std::string("00000000000000001\r\n"),
             std::string("0\r\n X: y\r\n\r\n"), std::string("0\r\n: y\r\n\r\n"), std::string("0\r\nX: y\n\r\n"),
             std::string("0\r\n\n"), "1;" + std::string(300, 'x') + "\r\n", "0\r\nX: " + std::string(9000, 'x') + "\r\n\r\n",
         }) {
        ChunkedDecoder decoder;
        std::vector<std::string_view> data;
        EXPECT_EQ(decoder.feed(bytes, data).state, ChunkedDecoder::State::bad) << bytes.substr(0, 40);
        EXPECT_EQ(decoder.feed("0\r\n\r\n", data).state, ChunkedDecoder::State::bad) << "stays bad";
    }
}

TEST(ChunkedDecoder, TakesTheLargestSize) {
    ChunkedDecoder decoder;
    std::vector<std::string_view> data;
    EXPECT_EQ(decoder.feed("7fffffffffffffff\r\nabc", data).state, ChunkedDecoder::State::more);
    EXPECT_EQ(joined(data), "abc");
}

TEST(ChunkedDecoder, ReadsWhatAppendChunkWrites) {
    std::string wire;
    append_chunk(wire, "hello");
    append_chunk(wire, "");
    append_chunk(wire, std::string(300, 'x'));
    wire += last_chunk;
    ChunkedDecoder decoder;
    std::vector<std::string_view> data;
    EXPECT_EQ(decoder.feed(wire, data).state, ChunkedDecoder::State::done);
    EXPECT_EQ(joined(data), "hello" + std::string(300, 'x'));
}

} // namespace
} // namespace tollgate::net
