#include "net/wire/send_turns.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

namespace tollgate::net {
namespace {

using Log = std::vector<std::string>;

asio::awaitable<void> take_turn(SendTurns& turns, Log& log, std::string name) {
    log.push_back("seen " + name);
    co_await turns.next();
    log.push_back("sent " + name);
}

asio::awaitable<void> take_two_turns(SendTurns& turns, Log& log) {
    co_await turns.next();
    log.push_back("first");
    co_await turns.next();
    log.push_back("second");
}

asio::awaitable<void> hold_until_destroyed(SendTurns& turns, std::shared_ptr<int> held, bool& resumed) {
    co_await turns.next();
    resumed = true;
    static_cast<void>(held);
}

struct SendTurnsTest : testing::Test {
    asio::io_context io{1};
    SendTurns& turns = asio::use_service<SendTurns>(io);
    Log log;
};

TEST_F(SendTurnsTest, EventsAtHandAreSeenBeforeAnythingIsSentAndTheOrderIsKept) {
    asio::co_spawn(io, take_turn(turns, log, "a"), asio::detached);
    asio::co_spawn(io, take_turn(turns, log, "b"), asio::detached);
    asio::co_spawn(io, take_turn(turns, log, "c"), asio::detached);
    io.run();
    EXPECT_EQ(log, (Log{"seen a", "seen b", "seen c", "sent a", "sent b", "sent c"}));
}

TEST_F(SendTurnsTest, WhoeverWaitsAgainWaitsForTheNextTurn) {
    asio::co_spawn(io, take_two_turns(turns, log), asio::detached);
    asio::co_spawn(io, take_two_turns(turns, log), asio::detached);
    io.run();
    EXPECT_EQ(log, (Log{"first", "first", "second", "second"}));
}

TEST_F(SendTurnsTest, AfterATurnWithOneMessageTheNextOnesGoAtOnceForAWhile) {
    ASSERT_TRUE(turns.worthwhile());
    asio::co_spawn(io, take_turn(turns, log, "alone"), asio::detached);
    io.run();
    int direct = 0;
    while (direct < 1000 && !turns.worthwhile()) ++direct;
    EXPECT_EQ(direct, 15);
}

TEST_F(SendTurnsTest, AfterATurnWithSeveralMessagesTheNextOneWaitsToo) {
    asio::co_spawn(io, take_turn(turns, log, "a"), asio::detached);
    asio::co_spawn(io, take_turn(turns, log, "b"), asio::detached);
    io.run();
    EXPECT_TRUE(turns.worthwhile());
}

TEST(SendTurnsEnd, WhatStillWaitsIsDestroyedWithItsContext) {
    auto held = std::make_shared<int>(1);
    bool resumed = false;
    {
        asio::io_context io(1);
        auto& turns = asio::use_service<SendTurns>(io);
        asio::co_spawn(io, hold_until_destroyed(turns, held, resumed), asio::detached);
        io.run_one(); // up to the wait, not beyond
        ASSERT_EQ(held.use_count(), 2);
    }
    EXPECT_FALSE(resumed);
    EXPECT_EQ(held.use_count(), 1);
}

} // namespace
} // namespace tollgate::net
