#include "base/random.hpp"

#include <gtest/gtest.h>
#include <set>
#include <thread>
#include <vector>

namespace tollgate {
namespace {

TEST(uuid7, carries_its_time_version_and_variant_and_round_trips) {
    auto const id = make_uuid7(Timestamp{1795237567089});
    EXPECT_EQ(id.time_ms(), 1795237567089);
    auto const text = id.text();
    EXPECT_EQ(text[14], '7');
    EXPECT_NE(std::string_view("89ab").find(text[19]), std::string_view::npos);
    EXPECT_EQ(*parse_uuid(text), id);
}

TEST(uuid7, increases_on_a_thread_even_when_the_clock_steps_back) {
    auto last = make_uuid7(Timestamp{2'000'000'000'000});
    for (int i = 0; i < 10'000; ++i) {
        auto const next = make_uuid7(Timestamp{2'000'000'000'000 - i % 3});
        ASSERT_LT(last, next) << i;
        last = next;
    }
}

TEST(uuid7, never_repeats_across_threads) {
    std::vector<std::vector<Uuid>> made(4);
    std::vector<std::thread> threads;
    for (auto& mine : made)
        threads.emplace_back([&mine] {
            for (int i = 0; i < 20'000; ++i) mine.push_back(make_uuid7(Timestamp{1'900'000'000'000}));
        });
    for (auto& t : threads) t.join();
    std::set<Uuid> all;
    for (auto const& mine : made) all.insert(mine.begin(), mine.end());
    EXPECT_EQ(all.size(), 80'000u);
}

TEST(parse_uuid, refuses_other_shapes) {
    for (std::string_view const text : {"", "01a1fcd7-0765-72e2-b0b1-55125ce70b4", "01a1fcd7x0765-72e2-b0b1-55125ce70b4c",
                                        "01a1fcd7-0765-72e2-b0b1-55125ce70b4g"})
        EXPECT_FALSE(parse_uuid(text)) << text;
}

TEST(random_below, stays_below_and_reaches_every_value) {
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 2'000; ++i) {
        auto const value = random_below(7);
        ASSERT_LT(value, 7u);
        seen.insert(value);
    }
    EXPECT_EQ(seen.size(), 7u);
    EXPECT_EQ(random_below(1), 0u);
}

} // namespace
} // namespace tollgate
