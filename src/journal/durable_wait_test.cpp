#include "journal/durable_wait.hpp"

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "journal/sim_disk.hpp"

namespace tollgate::journal {
namespace {

namespace asio = boost::asio;

struct World {
    SimDisk disk;
    SystemClock clock;
    std::unique_ptr<Journal> journal;

    explicit World(Durability durability, bool threads = true) { start(disk, durability, threads); }
    void start(Disk& on, Durability durability, bool threads) {
        Options options;
        options.segment_bytes = 1024 * 1024;
        options.durability = durability;
        options.threads = threads;
        journal = Journal::open(on, clock, options, std::string(32, 'a')).value();
        EXPECT_TRUE(journal->start({}));
    }
};

/// Appends, waits, and notes how it went and on which thread.
asio::awaitable<void> append_and_wait(Journal& journal, int count, std::thread::id* where, int* good,
                                      int* bad) {
    for (int i = 0; i < count; ++i) {
        auto const position = journal.append_admitted(FrameType::terminal, "frame", 0);
        if (!position) {
            ++*bad;
            continue;
        }
        auto const durable = co_await wait_durable(journal, *position);
        *where = std::this_thread::get_id();
        if (durable)
            ++*good;
        else
            ++*bad;
        EXPECT_TRUE(!durable || journal.settled(*position));
    }
}

TEST(durable_wait, with_power_every_waiter_resumes_on_its_own_thread_after_a_group_commit) {
    char name[] = "/tmp/tollgate_durable_XXXXXX"; // a real disk: many append while it syncs
    std::string const dir = ::mkdtemp(name);
    auto disk = PosixDisk::open_directory(dir).value();
    World run(Durability::process, false);
    run.start(*disk, Durability::power, true);
    constexpr int coroutines = 50, each = 5;
    asio::io_context io;
    std::thread::id where[coroutines];
    int good[coroutines] = {}, bad[coroutines] = {};
    for (int i = 0; i < coroutines; ++i)
        asio::co_spawn(io, append_and_wait(*run.journal, each, &where[i], &good[i], &bad[i]), asio::detached);
    io.run(); // the waits keep it running
    for (int i = 0; i < coroutines; ++i) {
        EXPECT_EQ(good[i], each);
        EXPECT_EQ(bad[i], 0);
        EXPECT_EQ(where[i], std::this_thread::get_id());
    }
    EXPECT_EQ(run.journal->durable_seq(), static_cast<std::uint64_t>(coroutines * each));
    run.journal.reset();
    std::filesystem::remove_all(dir);
}

TEST(durable_wait, with_process_durability_nobody_waits) {
    World run(Durability::process, false);
    asio::io_context io;
    std::thread::id where;
    int good = 0, bad = 0;
    asio::co_spawn(io, append_and_wait(*run.journal, 3, &where, &good, &bad), asio::detached);
    io.run();
    EXPECT_EQ(good, 3);
    EXPECT_EQ(run.journal->durable_seq(), 0u);
}

TEST(durable_wait, a_failing_disk_wakes_everybody_with_an_error) {
    World run(Durability::power);
    run.disk.fail_sync = true;
    asio::io_context io;
    std::thread::id where;
    int good = 0, bad = 0;
    asio::co_spawn(io, append_and_wait(*run.journal, 3, &where, &good, &bad), asio::detached);
    io.run();
    EXPECT_EQ(good, 0);
    EXPECT_EQ(bad, 3);
}

TEST(durable_wait, closing_wakes_those_who_wait) {
    World run(Durability::power, false); // nobody syncs
    asio::io_context io;
    std::thread::id where;
    int good = 0, bad = 0;
    asio::co_spawn(io, append_and_wait(*run.journal, 1, &where, &good, &bad), asio::detached);
    io.poll(); // it waits now
    EXPECT_EQ(good + bad, 0);
    std::thread closer([&] { run.journal->close(); });
    closer.join();
    io.run();
    EXPECT_EQ(good, 1); // closing syncs once more
    EXPECT_EQ(bad, 0);
}

} // namespace
} // namespace tollgate::journal
