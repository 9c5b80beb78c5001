#include "metering/stream_meter.hpp"

#include <gtest/gtest.h>

namespace tollgate::metering {
namespace {

int extracted = 0; // events that reached the extractor

/// Stand-in for a dialect: the data is `channel:text`.
void plain_text(std::string_view data, TextSink& sink) {
    ++extracted;
    if (data.size() > 2 && data[1] == ':')
        sink.text(static_cast<std::uint32_t>(data[0] - '0'), data.substr(2));
}

std::string event(std::string_view text, char channel = '0') {
    return std::string("data: ") + channel + ':' + std::string(text) + "\n\n";
}
/// An event of the usual weight: some 150 bytes for one word.
std::string chunk(std::string_view text) {
    return ": " + std::string(130, '.') + "\n" + event(text);
}

class StreamMeterTest : public testing::Test {
protected:
    StreamMeterTest() { extracted = 0; }
    StreamMeter meter(std::string_view model = "gpt-4o") {
        return StreamMeter(tokenizer, encoding_for_model(model), plain_text, 0);
    }
    std::int64_t count(std::string_view text) { return tokenizer.count(Encoding::o200k_base, text); }
    Tokenizer tokenizer;
};

TEST_F(StreamMeterTest, ABurstThatEndsWithUsageIsHardlyRead) {
    auto m = meter();
    std::string last;
    for (int i = 0; i < 66; ++i)
        m.feed(last = chunk(" word"));
    EXPECT_FALSE(m.progress_due(1'000'000));
    EXPECT_TRUE(m.tail().ends_with(last));
    EXPECT_EQ(extracted, 1); // the sample
}

TEST_F(StreamMeterTest, CountsDeliveredTextExactlyHoweverItIsSplit) {
    std::string stream, text;
    for (int i = 0; i < 40; ++i) {
        auto const word = i % 3 ? " don" : "'t stop; 日本";
        stream += event(word);
        text += word;
    }
    stream += "data: [DONE]\n\n";
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        auto m = meter();
        m.feed(std::string_view(stream).substr(0, cut));
        if (cut % 2)
            m.progress(1);
        m.feed(std::string_view(stream).substr(cut));
        ASSERT_EQ(m.finish(), count(text)) << cut;
    }
}

TEST_F(StreamMeterTest, ChannelsAreTextsOfTheirOwn) {
    auto m = meter();
    m.feed(event("Hel", '0') + event("Wor", '1') + event("lo", '0') + event("ld", '1'));
    EXPECT_EQ(m.finish(), count("Hello") + count("World"));
}

TEST_F(StreamMeterTest, FoldsAnEndlessNumberOfChannels) {
    auto m = StreamMeter(
        tokenizer, encoding_for_model("gpt-4o"),
        [](std::string_view data, TextSink& sink) {
            for (std::uint32_t i = 0; i < 1000; ++i)
                sink.text(i * 7919, data);
        },
        0);
    m.feed("data: a b\n\n");
    EXPECT_GE(m.finish(), 1000);
    EXPECT_LT(m.memory_bytes(), 100'000u);
}

TEST_F(StreamMeterTest, ReadsTheFormatsOfEventStreams) {
    auto m = meter();
    m.feed(": comment\r\nevent: x\r\ndata:0:one\r\n\r\n"); // CRLF, no space
    m.feed("data: 0:\ndata: two\n\n");                     // two data lines are joined by a line end
    m.feed("id: 1\n\n");                                   // nothing to deliver
    m.feed("data: 0: three");                              // cut off without an empty line
    EXPECT_EQ(m.finish(), count("one\ntwo three"));
    EXPECT_EQ(extracted, 3);
}

TEST_F(StreamMeterTest, ProgressIsDueAfterItsTimeOnlyIfSomethingCame) {
    auto m = meter();
    EXPECT_FALSE(m.progress_due(600'000'000));
    m.feed(event("hello"));
    EXPECT_FALSE(m.progress_due(499'999'999));
    EXPECT_TRUE(m.progress_due(500'000'000));
    EXPECT_EQ(m.progress(500'000'000), 1);
    EXPECT_EQ(m.delivered_tokens(), 1);
    EXPECT_FALSE(m.progress_due(2'000'000'000));
    m.feed(event(" hello"));
    EXPECT_FALSE(m.progress_due(999'999'999));
    EXPECT_TRUE(m.progress_due(1'000'000'000));
    EXPECT_EQ(m.progress(1'000'000'000), 2);
}

// What one interval may deliver before the hold is extended: the bound that a customer's overdraft rests on.
TEST_F(StreamMeterTest, NoIntervalDeliversMuchMoreThanItsTokens) {
    std::int64_t const limit = 256;
    struct Shape {
        char const* name;
        std::size_t words_per_event;
        bool heavy_events;
        std::int64_t overshoot;
    };
    for (auto const& shape : {Shape{"a word an event", 1, true, 0}, Shape{"bare events", 1, false, 0},
                              Shape{"sentences", 20, false, 200}, Shape{"pages", 400, false, 900}}) {
        auto m = meter();
        std::string text;
        for (std::size_t i = 0; i < shape.words_per_event; ++i)
            text += " word";
        auto const piece = shape.heavy_events ? chunk(text) : event(text);
        std::int64_t delivered = 0, at_progress = 0, most = 0;
        while (delivered < 20'000) {
            m.feed(piece);
            delivered += static_cast<std::int64_t>(shape.words_per_event);
            if (!m.progress_due(0))
                continue;
            most = std::max(most, delivered - at_progress);
            at_progress = m.progress(0);
            EXPECT_EQ(at_progress, delivered) << shape.name;
        }
        EXPECT_GT(most, 0) << shape.name;
        EXPECT_LE(most, limit + shape.overshoot) << shape.name;
    }
}

TEST_F(StreamMeterTest, ParsesByItselfWhenNobodyAsks) {
    auto m = meter();
    for (int i = 0; i < 10'000; ++i)
        m.feed(chunk(" word"));
    EXPECT_GT(m.delivered_tokens(), 9'800);
    EXPECT_TRUE(m.progress_due(0));
    EXPECT_LE(m.memory_bytes(), 26u * 1024);
    EXPECT_EQ(m.finish(), 10'000);
    EXPECT_EQ(m.bytes_fed(), 10'000u * chunk(" word").size());
}

TEST_F(StreamMeterTest, KeepsTheBeginningAndTheEndOfALongStream) {
    auto m = meter();
    std::string const first = "event: message_start\ndata: {\"usage\":1}\n\n";
    m.feed(first.substr(0, 10));
    EXPECT_EQ(m.head(), "");
    m.feed(first.substr(10));
    EXPECT_EQ(m.head(), first);
    for (int i = 0; i < 5'000; ++i)
        m.feed(event(" word"));
    std::string const last(3'000, 'u');
    m.feed(event(last));
    EXPECT_EQ(m.head(), first);
    EXPECT_TRUE(m.tail().ends_with(event(last)));
    m.finish();
    EXPECT_EQ(m.head(), first);
    EXPECT_TRUE(m.tail().ends_with(event(last)));
    EXPECT_GE(m.tail().size(), StreamMeter::tail_max);
}

TEST_F(StreamMeterTest, AnEventOfAPageInOnePieceIsCounted) {
    auto m = meter();
    std::string text;
    for (int i = 0; i < 20'000; ++i)
        text += " word";
    m.feed(event(text));
    EXPECT_TRUE(m.progress_due(0));
    EXPECT_EQ(m.progress(0), 20'000);
    EXPECT_FALSE(m.estimated());
    EXPECT_LE(m.memory_bytes(), 64u * 1024); // given back
}

TEST_F(StreamMeterTest, AnOversizedEventIsSkippedAndSaidSo) {
    for (std::string const line_end : {"\n", "\r\n"}) {
        for (std::size_t step : {1000u, 16'000u, 100'000u}) {
            auto m = meter();
            auto const image = "data: 0:" + std::string(3 << 20, 'A') + line_end + line_end;
            m.feed("data: 0:before" + line_end + line_end);
            for (std::size_t at = 0; at < image.size(); at += step)
                m.feed(std::string_view(image).substr(at, step));
            m.feed("data: 0: after" + line_end + line_end);
            EXPECT_EQ(m.finish(), StreamMeter::oversized_event_tokens + count("before after"));
            EXPECT_TRUE(m.estimated());
            EXPECT_LE(m.memory_bytes(), 64u * 1024);
        }
    }
}

TEST_F(StreamMeterTest, OtherFamiliesAreScaledAndMarked) {
    auto m = meter("claude-sonnet-4-5");
    for (int i = 0; i < 100; ++i)
        m.feed(event(" word"));
    EXPECT_EQ(m.finish(), 135);
    EXPECT_TRUE(m.estimated());
    EXPECT_FALSE(meter().estimated());
}

TEST_F(StreamMeterTest, AnEmptyStreamDeliversNothing) {
    auto m = meter();
    m.feed("");
    EXPECT_EQ(m.finish(), 0);
    EXPECT_EQ(m.head(), "");
    EXPECT_EQ(m.tail(), "");
    EXPECT_LT(m.memory_bytes(), 64u);
}

TEST_F(StreamMeterTest, ProgressNeverGoesBack) {
    auto m = meter();
    std::int64_t before = 0;
    for (char c : std::string("tokenization of internationalisation counterproductively")) {
        m.feed(event(std::string(1, c)));
        auto const now = m.progress(0);
        EXPECT_GE(now, before);
        before = now;
    }
    EXPECT_EQ(m.finish(), count("tokenization of internationalisation counterproductively"));
}

} // namespace
} // namespace tollgate::metering
