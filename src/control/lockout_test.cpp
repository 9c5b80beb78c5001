#include "control/lockout.hpp"

#include <gtest/gtest.h>

namespace tollgate::control {
namespace {
constexpr std::int64_t second = 1'000'000'000;

TEST(Lockout, DifferentGuessesLockTheAddressForAMinute) {
    Lockout lockout;
    for (std::size_t i = 0; i < Lockout::guesses_max; ++i) {
        EXPECT_EQ(lockout.locked_for_s("1.2.3.4", second), 0) << i;
        lockout.wrong_token("1.2.3.4", "guess" + std::to_string(i), second);
    }
    EXPECT_GT(lockout.locked_for_s("1.2.3.4", second), 0);
    EXPECT_EQ(lockout.locked_for_s("1.2.3.5", second), 0);
    EXPECT_EQ(lockout.locked_for_s("1.2.3.4", second + Lockout::window_ns), 0);
}
TEST(Lockout, RepeatsOfOneWrongTokenDoNotLock) {
    Lockout lockout;
    for (int i = 0; i < 1000; ++i) lockout.wrong_token("1.2.3.4", "old token of a script", second);
    EXPECT_EQ(lockout.locked_for_s("1.2.3.4", second), 0);
}
TEST(Lockout, SlowGuessesAreForgotten) {
    Lockout lockout;
    for (int i = 0; i < 200; ++i) lockout.wrong_token("1.2.3.4", std::to_string(i), second * 10 * i);
    EXPECT_EQ(lockout.locked_for_s("1.2.3.4", second * 2000), 0);
}
TEST(Lockout, IPv6IsLockedByNetwork) {
    EXPECT_EQ(lockout_group("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    EXPECT_EQ(lockout_group("2001:db8::5"), "2001:db8::/64");
    EXPECT_EQ(lockout_group("192.0.2.7"), "192.0.2.7");
    Lockout lockout;
    for (std::size_t i = 0; i < Lockout::guesses_max; ++i)
        lockout.wrong_token("2001:db8:1:2:3:4:5:" + std::to_string(i), std::to_string(i), second);
    EXPECT_GT(lockout.locked_for_s("2001:db8:1:2:ffff:1:1:1", second), 0);
}
TEST(Lockout, MemoryIsBounded) {
    Lockout lockout;
    for (std::size_t i = 0; i < Lockout::guesses_max; ++i) lockout.wrong_token("9.9.9.9", std::to_string(i), second);
    for (std::size_t i = 0; i < Lockout::addresses_max * 2; ++i)
        lockout.wrong_token("10." + std::to_string(i), "x", second);
    EXPECT_GT(lockout.locked_for_s("9.9.9.9", second), 0) << "a locked address is not forgotten to make room";
}
} // namespace
} // namespace tollgate::control
