#include "journal/journal.hpp"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "journal/detail/segment.hpp"
#include "journal/sim_disk.hpp"

namespace tollgate::journal {

std::uint32_t crc32c_portable(std::uint32_t crc, std::string_view bytes) noexcept;

namespace {

std::string const store_a(32, 'a');
std::string const store_b(32, 'b');

Options small() {
    Options o;
    o.segment_bytes = 64 * 1024;
    o.keep_applied_bytes = 0;
    o.threads = false;
    return o;
}

struct World {
    std::unique_ptr<SimDisk> disk = std::make_unique<SimDisk>();
    ManualClock clock;
    std::mt19937_64 random{1};
    std::unique_ptr<Journal> journal;

    Result<void> open(Position applied = {}, Options options = small(), std::string const& store = store_a) {
        journal.reset();
        auto opened = Journal::open(*disk, clock, options, store);
        if (!opened)
            return Fail(opened.error());
        journal = std::move(*opened);
        return journal->start(applied);
    }
    void crash(Crash kind) {
        auto next = disk->crash(kind, random);
        journal.reset(); // the dead process writes to the disk that is gone
        disk = std::move(next);
    }
    /// Appends and prepares the next segment as the sync thread would.
    Position put(std::string const& payload) {
        auto const at = journal->append_admitted(FrameType::terminal, payload, 0);
        EXPECT_TRUE(at.has_value());
        EXPECT_TRUE(journal->prepare_next().has_value());
        return at.value_or(Position{});
    }
    std::vector<std::string> all(Position from = {}) {
        std::vector<std::string> found;
        auto reader = journal->read_from(from);
        EXPECT_TRUE(reader.has_value());
        Frame frame;
        for (;;) {
            auto const more = reader->next(frame);
            EXPECT_TRUE(more.has_value()) << (more ? "" : more.error().message);
            if (!more || !*more)
                return found;
            found.emplace_back(frame.payload);
        }
    }
};

std::vector<std::string> numbered(int n, std::size_t size = 900) {
    std::vector<std::string> list;
    for (int i = 0; i < n; ++i) {
        std::string text = std::to_string(i) + ":";
        text.resize(text.size() + size + static_cast<std::size_t>(i % 13), static_cast<char>('a' + i % 26));
        list.push_back(std::move(text));
    }
    return list;
}

TEST(crc32c, known_value_and_both_implementations_agree) {
    EXPECT_EQ(crc32c(0, "123456789"), 0xE3069283u);
    EXPECT_EQ(crc32c_portable(0, "123456789"), 0xE3069283u);
    std::string const text = "the quick brown fox jumps over the lazy dog";
    for (std::size_t n = 0; n <= text.size(); ++n) {
        EXPECT_EQ(crc32c(5, text.substr(0, n)), crc32c_portable(5, text.substr(0, n)));
        EXPECT_EQ(crc32c(crc32c(0, text.substr(0, n)), text.substr(n)), crc32c(0, text));
    }
}

TEST(journal, frames_come_back_in_order_across_segments) {
    World w;
    ASSERT_TRUE(w.open());
    auto const sent = numbered(500);
    std::uint64_t seq = 0;
    for (auto const& text : sent)
        EXPECT_EQ(w.put(text).seq, ++seq);
    EXPECT_GT(w.journal->end().segment, 5u);
    EXPECT_EQ(w.all(), sent);
}

TEST(journal, a_reader_follows_the_writer) {
    World w;
    ASSERT_TRUE(w.open());
    auto reader = w.journal->read_from({});
    ASSERT_TRUE(reader);
    Frame frame;
    EXPECT_FALSE(reader->next(frame).value());
    for (auto const& text : numbered(300)) {
        w.put(text);
        ASSERT_TRUE(reader->next(frame).value());
        EXPECT_EQ(frame.payload, text);
        EXPECT_FALSE(reader->next(frame).value());
    }
}

TEST(journal, reading_starts_after_any_position) {
    World w;
    ASSERT_TRUE(w.open());
    auto const sent = numbered(200);
    std::vector<Position> at;
    for (auto const& text : sent)
        at.push_back(w.put(text));
    for (std::size_t i = 0; i < sent.size(); i += 7) {
        auto const rest = w.all(at[i]);
        ASSERT_EQ(rest.size(), sent.size() - i - 1);
        EXPECT_TRUE(rest.empty() || rest.front() == sent[i + 1]);
        EXPECT_EQ(w.all(Position{0, 0, at[i].seq}), rest) << "without an offset";
    }
}

TEST(journal, killing_the_process_loses_nothing) {
    World w;
    ASSERT_TRUE(w.open());
    auto const sent = numbered(150);
    for (auto const& text : sent)
        w.put(text);
    w.crash(Crash::process);
    ASSERT_TRUE(w.open());
    EXPECT_EQ(w.all(), sent);
    w.put("later");
    EXPECT_EQ(w.all().back(), "later");
    EXPECT_EQ(w.journal->end().seq, 151u);
}

TEST(journal, a_power_cut_loses_only_an_unsynced_tail) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        World w;
        w.random.seed(seed);
        ASSERT_TRUE(w.open());
        std::vector<std::string> expected;
        std::size_t durable = 0;
        for (int life = 0; life < 4; ++life) {
            auto const more = numbered(static_cast<int>(w.random() % 150), w.random() % 2000);
            for (auto const& text : more) {
                w.put(text);
                expected.push_back(text);
                if (w.random() % 40 == 0) {
                    ASSERT_TRUE(w.journal->sync_now());
                    durable = expected.size();
                    EXPECT_EQ(w.journal->durable_seq(), w.journal->end().seq);
                }
            }
            w.crash(Crash::power);
            auto const opened = w.open();
            ASSERT_TRUE(opened) << seed << ": " << opened.error().message;
            auto const found = w.all();
            ASSERT_GE(found.size(), durable) << seed;
            ASSERT_LE(found.size(), expected.size());
            expected.resize(found.size());
            ASSERT_EQ(found, expected) << seed;
            durable = expected.size(); // opening makes what it found durable
        }
    }
}

TEST(journal, a_tail_torn_at_any_byte_ends_the_journal_there) {
    World w;
    ASSERT_TRUE(w.open());
    auto const sent = numbered(4, 30);
    std::vector<Position> at;
    for (auto const& text : sent)
        at.push_back(w.put(text));
    std::string const name = segment_name(at[0].segment);
    w.crash(Crash::process);
    std::vector<char> const whole = *w.disk->bytes(name);
    for (std::uint64_t cut = at[2].offset; cut < at[3].offset; ++cut) {
        World torn;
        torn.disk = w.disk->crash(Crash::process, w.random);
        auto& bytes = *torn.disk->bytes(name);
        std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(cut), bytes.end(), '\0');
        // Trailing zeros of the frame itself (padding) are no loss.
        bool const lost = !std::equal(whole.begin(), whole.end(), bytes.begin());
        ASSERT_TRUE(torn.open()) << cut;
        ASSERT_EQ(torn.all().size(), lost ? 3u : 4u) << cut;
        torn.put("next");
        torn.crash(Crash::process);
        ASSERT_TRUE(torn.open());
        ASSERT_EQ(torn.all().back(), "next");
    }
}

TEST(journal, a_flipped_bit_in_a_durable_frame_refuses_to_open_and_names_the_place) {
    World w;
    ASSERT_TRUE(w.open());
    std::vector<Position> at;
    for (auto const& text : numbered(20, 30))
        at.push_back(w.put(text));
    ASSERT_TRUE(w.journal->sync_now());
    w.put("tail");
    ASSERT_TRUE(w.journal->sync_now()); // stores the mark of the sync before it
    std::string const name = segment_name(at[0].segment);
    w.crash(Crash::process);
    for (std::uint64_t place = header_bytes; place < at[18].offset; place += 3) {
        World bad;
        bad.disk = w.disk->crash(Crash::process, w.random);
        (*bad.disk->bytes(name))[place] ^= 0x10;
        auto const opened = bad.open();
        // Flips in padding change nothing that is stored.
        if (opened) {
            EXPECT_EQ(bad.all().size(), 21u) << place;
            continue;
        }
        EXPECT_NE(opened.error().message.find(name), std::string::npos) << opened.error().message;
        EXPECT_NE(opened.error().message.find("offset"), std::string::npos);
    }
}

TEST(journal, damage_in_an_earlier_segment_is_never_taken_for_a_torn_tail) {
    World w;
    ASSERT_TRUE(w.open());
    std::vector<Position> at;
    for (auto const& text : numbered(200))
        at.push_back(w.put(text));
    ASSERT_TRUE(w.journal->sync_now());
    w.put("x");
    ASSERT_TRUE(w.journal->sync_now());
    std::string const name = segment_name(at[10].segment);
    w.crash(Crash::power);
    (*w.disk->bytes(name))[at[10].offset + 20] ^= 1;
    auto const opened = w.open();
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().message.find("damaged"), std::string::npos);
}

TEST(journal, missing_segments_refuse_to_start) {
    World w;
    ASSERT_TRUE(w.open());
    std::vector<Position> at;
    for (auto const& text : numbered(200))
        at.push_back(w.put(text));
    w.crash(Crash::process);
    World first;
    first.disk = w.disk->crash(Crash::process, w.random);
    ASSERT_TRUE(first.disk->remove(segment_name(at[0].segment)));
    auto opened = first.open();
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().message.find("missing"), std::string::npos);
    World middle;
    middle.disk = w.disk->crash(Crash::process, w.random);
    ASSERT_TRUE(middle.disk->remove(segment_name(at[100].segment)));
    EXPECT_FALSE(middle.open(at[0]));
    World applied; // the store has it all: nothing is missing
    applied.disk = w.disk->crash(Crash::process, w.random);
    ASSERT_TRUE(applied.disk->remove(segment_name(at[0].segment)));
    EXPECT_TRUE(applied.open(at[150]));
    World lost;
    lost.disk = w.disk->crash(Crash::process, w.random);
    auto const names = lost.disk->list().value();
    for (auto const& name : names)
        EXPECT_TRUE(segment_number(name) == 0 || lost.disk->remove(name));
    EXPECT_FALSE(lost.open(at[150]));
}

TEST(journal, a_store_ahead_of_the_journal_is_followed) {
    World w;
    ASSERT_TRUE(w.open());
    for (auto const& text : numbered(10))
        w.put(text);
    auto const end = w.journal->end();
    w.crash(Crash::process);
    ASSERT_TRUE(
        w.open(Position{end.segment, end.offset + 500, end.seq + 5})); // power cut took five applied frames
    EXPECT_EQ(w.put("next").seq, end.seq + 6);
    EXPECT_EQ(w.all(Position{end.segment, end.offset + 500, end.seq + 5}), std::vector<std::string>{"next"});
    w.crash(Crash::process);
    ASSERT_TRUE(w.open(Position{end.segment, end.offset + 500, end.seq + 5}));
    EXPECT_EQ(w.all(Position{end.segment, end.offset + 500, end.seq + 5}), std::vector<std::string>{"next"});
}

TEST(journal, belongs_to_one_store_and_one_process) {
    World w;
    ASSERT_TRUE(w.open());
    auto second = Journal::open(*w.disk, w.clock, small(), store_a);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::conflict);
    w.crash(Crash::process);
    auto const other = w.open({}, small(), store_b);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, Errc::conflict);
    EXPECT_NE(other.error().message.find("another store"), std::string::npos);
}

TEST(journal, applied_segments_are_deleted) {
    World w;
    ASSERT_TRUE(w.open());
    for (auto const& text : numbered(300))
        w.put(text);
    auto const before = w.disk->list()->size();
    w.journal->release(w.journal->end());
    EXPECT_LT(w.disk->list()->size(), before);
    EXPECT_EQ(w.journal->metrics().unapplied_bytes, 0u);
    EXPECT_FALSE(w.journal->read_from({}).has_value());
    w.put("more");
    w.crash(Crash::process);
    ASSERT_TRUE(w.open(Position{0, 0, 300}));
    EXPECT_EQ(w.all(Position{0, 0, 300}), std::vector<std::string>{"more"});
}

TEST(journal, admissions_stop_early_and_reserved_frames_still_fit_on_a_full_disk) {
    World w;
    w.disk->capacity_bytes = 3 * 64 * 1024;
    ASSERT_TRUE(w.open());
    std::string const payload(200, 'h');
    int admitted = 0;
    for (int i = 0; i < 10'000; ++i) {
        if (!w.journal->append_admission(FrameType::hold, payload, 2048))
            break;
        ++admitted;
        (void)w.journal->prepare_next();
    }
    EXPECT_GT(admitted, 20);
    EXPECT_LT(admitted, 100);
    EXPECT_TRUE(w.journal->metrics().full);
    EXPECT_FALSE(w.journal->append_optional(FrameType::terminal, payload).has_value());
    for (int i = 0; i < admitted; ++i)
        EXPECT_TRUE(w.journal->append_admitted(FrameType::terminal, std::string(2000, 't'), 2048).has_value())
            << i;
    EXPECT_EQ(w.journal->metrics().reserved_bytes, 0u);
    EXPECT_EQ(w.all().size(), static_cast<std::size_t>(2 * admitted));
}

TEST(journal, too_far_ahead_of_the_store_refuses_admissions_until_it_catches_up) {
    World w;
    Options options = small();
    options.max_unapplied_bytes = 100'000;
    ASSERT_TRUE(w.open({}, options));
    std::string const payload(1000, 'h');
    int admitted = 0;
    while (w.journal->append_admission(FrameType::hold, payload, 0)) {
        ++admitted;
        (void)w.journal->prepare_next();
        ASSERT_LT(admitted, 200);
    }
    EXPECT_GT(admitted, 80);
    EXPECT_TRUE(w.journal->append_admitted(FrameType::terminal, payload, 0).has_value());
    w.journal->release(w.journal->end());
    (void)w.journal->prepare_next();
    EXPECT_TRUE(w.journal->append_admission(FrameType::hold, payload, 0).has_value());
}

TEST(journal, a_failed_sync_fails_for_good_but_admitted_requests_are_still_written) {
    World w;
    ASSERT_TRUE(w.open());
    w.put("a");
    w.disk->fail_sync = true;
    EXPECT_FALSE(w.journal->sync_now().has_value());
    w.disk->fail_sync = false;
    EXPECT_FALSE(w.journal->sync_now().has_value()); // never tried again
    EXPECT_TRUE(w.journal->failed());
    EXPECT_FALSE(w.journal->append_admission(FrameType::hold, "h", 0).has_value());
    EXPECT_TRUE(w.journal->append_admitted(FrameType::terminal, "t", 0).has_value());
    bool told = true;
    w.journal->when_durable(w.journal->end(), [&](bool durable) { told = durable; });
    EXPECT_FALSE(told);
    EXPECT_FALSE(w.journal->metrics().failure.empty());
}

TEST(journal, waiters_are_told_when_their_frame_is_durable) {
    World w;
    ASSERT_TRUE(w.open());
    int durable = 0, given_up = 0;
    auto const count = [&](bool good) { ++(good ? durable : given_up); };
    w.journal->when_durable(w.put("a"), count);
    EXPECT_EQ(durable, 0);
    ASSERT_TRUE(w.journal->sync_now());
    EXPECT_EQ(durable, 1);
    w.journal->when_durable(w.put("b"), count);
    w.journal->close();
    EXPECT_EQ(durable, 2);
    EXPECT_FALSE(w.journal->append_admitted(FrameType::terminal, "late", 0).has_value());
    EXPECT_EQ(given_up, 0);
}

struct TempDir {
    std::string path;
    TempDir() {
        char name[] = "/tmp/tollgate_journal_XXXXXX";
        path = ::mkdtemp(name);
    }
    ~TempDir() { std::filesystem::remove_all(path); }
};

TEST(journal, on_a_real_disk_many_threads_append_and_nothing_is_lost) {
    TempDir dir;
    SystemClock clock;
    auto disk = PosixDisk::open_directory(dir.path + "/a/journal").value();
    Options options;
    options.segment_bytes = 1024 * 1024;
    constexpr int threads = 4, each = 5000;
    {
        auto journal = Journal::open(*disk, clock, options, store_a).value();
        ASSERT_TRUE(journal->start({}));
        auto again = Journal::open(*disk, clock, options, store_a);
        ASSERT_FALSE(again);
        EXPECT_NE(again.error().message.find("pid " + std::to_string(::getpid())), std::string::npos);
        std::vector<std::thread> writers;
        for (int t = 0; t < threads; ++t)
            writers.emplace_back([&, t] {
                for (int i = 0; i < each; ++i)
                    ASSERT_TRUE(journal->append_admitted(FrameType::terminal,
                                                         std::to_string(t) + std::string(300, 'x'), 0));
            });
        for (auto& writer : writers)
            writer.join();
    }
    auto journal = Journal::open(*disk, clock, options, store_a).value();
    ASSERT_TRUE(journal->start({}));
    auto reader = journal->read_from({}).value();
    Frame frame;
    std::array<int, threads> seen{};
    while (reader.next(frame).value())
        ++seen[static_cast<std::size_t>(frame.payload[0] - '0')];
    for (int const n : seen)
        EXPECT_EQ(n, each);
}

TEST(journal, speed) { // reported, not judged
    TempDir dir;
    SystemClock clock;
    auto disk = PosixDisk::open_directory(dir.path).value();
    auto journal = Journal::open(*disk, clock, Options{}, store_a).value();
    ASSERT_TRUE(journal->start({}));
    std::string const payload(280, 'x');
    constexpr int n = 400'000;
    auto const start = std::chrono::steady_clock::now();
    for (int i = 0; i < n; ++i)
        ASSERT_TRUE(journal->append_admitted(FrameType::terminal, payload, 0));
    auto const ns = (std::chrono::steady_clock::now() - start).count() / n;
    std::printf("append of 280 bytes: %ld ns\n", long(ns));
}

} // namespace
} // namespace tollgate::journal
