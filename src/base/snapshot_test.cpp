#include "base/snapshot.hpp"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>

namespace tollgate {
namespace {

TEST(snapshot, shows_readers_each_published_value_and_keeps_what_they_hold) {
    Snapshot<int> snapshot(std::make_shared<int const>(1));
    Snapshot<int>::Reader reader(snapshot);
    EXPECT_EQ(reader.current(), 1);
    auto const held = reader.hold();
    snapshot.publish(std::make_shared<int const>(2));
    EXPECT_EQ(reader.current(), 2);
    EXPECT_EQ(*held, 1);
}

TEST(snapshot, never_goes_back_for_a_reader_while_a_writer_publishes) {
    Snapshot<int> snapshot(std::make_shared<int const>(0));
    std::atomic<bool> done{false};
    std::thread reader_thread([&] {
        Snapshot<int>::Reader reader(snapshot);
        int last = 0;
        while (!done.load()) {
            int const now = reader.current();
            ASSERT_GE(now, last);
            last = now;
        }
    });
    for (int i = 1; i <= 20'000; ++i) snapshot.publish(std::make_shared<int const>(i));
    done = true;
    reader_thread.join();
    EXPECT_EQ(*snapshot.get(), 20'000);
}

} // namespace
} // namespace tollgate
