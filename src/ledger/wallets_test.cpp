#include "ledger/wallets.hpp"

#include <gtest/gtest.h>

namespace tollgate::ledger {
namespace {

Timestamp at(std::string_view text) {
    return parse_rfc3339(text).value();
}
Money usd(std::string_view text) {
    return parse_usd(text).value();
}

TEST(windows, days_weeks_and_months_begin_and_end_in_utc) {
    struct Row {
        char const *time, *day_end, *week_end, *month_end;
    };
    for (Row const& row :
         {Row{"2026-11-21T05:00:00Z", "2026-11-22", "2026-11-23", "2026-12-01"}, // a Saturday
          Row{"2026-11-22T23:59:59.999Z", "2026-11-23", "2026-11-23", "2026-12-01"},
          Row{"2026-11-23T00:00:00Z", "2026-11-24", "2026-11-30", "2026-12-01"}, // a Monday
          Row{"2024-02-28T12:00:00Z", "2024-02-29", "2024-03-04", "2024-03-01"},
          Row{"2024-02-29T12:00:00Z", "2024-03-01", "2024-03-04", "2024-03-01"},
          Row{"2026-12-31T23:00:00Z", "2027-01-01", "2027-01-04", "2027-01-01"},
          Row{"1970-01-01T00:00:00Z", "1970-01-02", "1970-01-05", "1970-02-01"}}) {
        Timestamp const t = at(row.time);
        EXPECT_EQ(window_end(Window::day, t), at(row.day_end)) << row.time;
        EXPECT_EQ(window_end(Window::week, t), at(row.week_end)) << row.time;
        EXPECT_EQ(window_end(Window::month, t), at(row.month_end)) << row.time;
        for (Window const w :
             {Window::day, Window::week, Window::month}) { // the end is the first moment of the next
            Timestamp const end = window_end(w, t);
            WindowIndex const last = window_index(Timestamp{end.ms - 1}), next = window_index(end);
            EXPECT_EQ(w == Window::day    ? next.day - last.day
                      : w == Window::week ? next.week - last.week
                                          : next.month - last.month,
                      1);
        }
    }
}

TEST(windows, spend_is_renewed_at_each_boundary_and_never_by_a_clock_going_back) {
    KeyPurse purse;
    purse.roll(window_index(at("2026-11-29T10:00:00Z"))); // a Sunday
    purse.add(usd("1"), window_index(at("2026-11-29T10:00:00Z")));
    purse.roll(window_index(at("2026-11-30T00:00:00Z"))); // Monday, same month
    EXPECT_EQ(purse.settled, (std::array<Money, 4>{Money{}, Money{}, usd("1"), usd("1")}));
    purse.add(usd("2"), window_index(at("2026-11-30T00:00:00Z")));
    purse.roll(window_index(at("2026-12-01T00:00:00Z")));
    EXPECT_EQ(purse.settled, (std::array<Money, 4>{Money{}, usd("2"), Money{}, usd("3")}));
    purse.add(usd("5"), window_index(at("2026-11-30T23:59:59Z"))); // arrived yesterday, settled today
    EXPECT_EQ(purse.settled, (std::array<Money, 4>{Money{}, usd("7"), Money{}, usd("8")}));
    purse.roll(window_index(at("2026-11-29T00:00:00Z")));
    EXPECT_EQ(purse.settled, (std::array<Money, 4>{Money{}, usd("7"), Money{}, usd("8")}));
}

TEST(windows, a_cap_refuses_only_what_goes_beyond_it_and_says_when_it_starts_anew) {
    KeyPurse purse;
    Timestamp const now = at("2026-11-21T05:00:00Z");
    purse.roll(window_index(now));
    purse.settled = {usd("1"), usd("2"), usd("3"), usd("4")};
    purse.held = usd("0.5");
    SpendingCaps caps;
    caps.day = usd("2");
    EXPECT_TRUE(purse.check(caps, usd("0.5"), now));
    auto const refused = purse.check(caps, usd("0.500000001"), now);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::cap_exceeded);
    EXPECT_NE(refused.error().message.find("daily"), std::string::npos);
    EXPECT_NE(refused.error().message.find("$0.5 left"), std::string::npos) << refused.error().message;
    EXPECT_NE(refused.error().message.find("2026-11-22T00:00:00.000Z"), std::string::npos);
    struct Row {
        std::optional<Money> SpendingCaps::*cap;
        char const *limit, *name;
    };
    for (Row const& row :
         {Row{&SpendingCaps::week, "2.6", "weekly"}, Row{&SpendingCaps::month, "3.6", "monthly"},
          Row{&SpendingCaps::total, "4.6", "lifetime"}}) {
        SpendingCaps one;
        one.*row.cap = usd(row.limit);
        EXPECT_TRUE(purse.check(one, usd("0.1"), now));
        auto const no = purse.check(one, usd("0.2"), now);
        ASSERT_FALSE(no) << row.name;
        EXPECT_EQ(no.error().param, row.name);
    }
}

TEST(shelf, addresses_stay) {
    Wallets wallets;
    EXPECT_EQ(wallets.find(AccountId{7}), nullptr);
    Wallet& first = wallets.at(AccountId{7});
    for (std::int64_t i = 1; i < 10'000; ++i)
        wallets.at(AccountId{i});
    EXPECT_EQ(&wallets.at(AccountId{7}), &first);
    EXPECT_EQ(wallets.find(AccountId{7}), &first);
}

} // namespace
} // namespace tollgate::ledger
