#include "ledger/ledger.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <thread>
#include <time.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "journal/sim_disk.hpp"
#include "ledger/applier.hpp"
#include "ledger/testing/reference_store.hpp"

namespace tollgate::ledger {
namespace {

using testing::ReferenceStore;

Money usd(std::string_view text) {
    return parse_usd(text).value();
}

Options quiet() {
    Options o;
    o.threads = false;
    o.journal.segment_bytes = 256 * 1024;
    o.journal.keep_applied_bytes = 0;
    return o;
}

struct World {
    ManualClock clock;
    ReferenceStore store;
    std::unique_ptr<journal::SimDisk> disk = std::make_unique<journal::SimDisk>();
    std::unique_ptr<Ledger> ledger;
    SpendingCaps no_caps;
    Options options = quiet();

    explicit World(std::string_view credit = "1") {
        store.account(1);
        open();
        if (credit != "0")
            give(credit);
    }
    void open() {
        ledger.reset();
        auto opened = Ledger::open(*disk, clock, store.stores(), options);
        ASSERT_TRUE(opened) << opened.error().message;
        ledger = std::move(*opened);
    }
    void give(std::string_view amount, std::string reference = "") {
        store::CreditRequest r;
        r.account_id = AccountId{1};
        r.amount = usd(amount);
        r.reference = std::move(reference);
        ASSERT_TRUE(ledger->credit(r));
    }
    RequestRecord draft() {
        RequestRecord r;
        r.request_id = make_uuid7(clock.now());
        r.time = clock.now();
        r.account_id = AccountId{1};
        r.key_id = KeyId{7};
        r.model = "m";
        r.provider = "p";
        return r;
    }
    Result<Hold> hold(RequestRecord const& d, std::string_view amount) {
        return ledger->hold(HoldRequest{d, usd(amount), no_caps});
    }
    WalletView wallet() { return ledger->wallet(AccountId{1}); }
};

RequestRecord finished(RequestRecord record, std::string_view charge, Outcome outcome = Outcome::success) {
    record.charge = usd(charge);
    record.cost = usd(charge);
    record.outcome = outcome;
    record.status = 200;
    return record;
}
Progress delivered(std::string_view charge) {
    Progress p;
    p.charge = p.cost = usd(charge);
    p.usage[Bucket::output] = 10;
    p.usage_source = UsageSource::counted;
    return p;
}

TEST(ledger, hold_settle_and_the_books_follow) {
    World w("1");
    auto const d = w.draft();
    auto hold = w.hold(d, "0.4");
    ASSERT_TRUE(hold);
    EXPECT_EQ(w.wallet().held, usd("0.4"));
    EXPECT_EQ(w.wallet().available(), usd("0.6"));
    auto const settled = hold->settle(finished(d, "0.25"));
    EXPECT_TRUE(settled.journaled);
    EXPECT_EQ(settled.balance, usd("0.75"));
    EXPECT_EQ(w.wallet().held, Money{});
    EXPECT_EQ(w.ledger->key_spend(KeyId{7}).total, usd("0.25"));
    ASSERT_TRUE(w.ledger->flush());
    ASSERT_EQ(w.store.state.records.size(), 1u);
    auto const& record = w.store.state.records.begin()->second;
    EXPECT_EQ(record.charge, usd("0.25"));
    EXPECT_EQ(record.held, usd("0.4"));
    EXPECT_EQ(w.store.state.balances[AccountId{1}], usd("0.75"));
    EXPECT_TRUE(w.store.state.holds.empty());
}

TEST(ledger, a_refused_hold_leaves_nothing_behind_and_says_what_is_missing) {
    World w("1");
    auto const refused = w.hold(w.draft(), "1.000000001");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::insufficient_credits);
    EXPECT_NE(refused.error().message.find("$1 of credit"), std::string::npos) << refused.error().message;
    EXPECT_NE(refused.error().message.find("$1.000000001"), std::string::npos);
    EXPECT_EQ(w.wallet().held, Money{});
    EXPECT_TRUE(w.hold(w.draft(), "1"));
}

TEST(ledger, an_unknown_account_has_nothing_to_spend_but_free_calls_pass) {
    World w("0");
    RequestRecord d = w.draft();
    d.account_id = AccountId{99};
    EXPECT_FALSE(w.ledger->hold({d, Money::from_nanos(1), w.no_caps}));
    EXPECT_TRUE(w.ledger->hold({d, Money{}, w.no_caps}));
}

TEST(ledger, the_overdraft_that_was_granted_can_be_held_and_no_more) {
    World w("1");
    w.ledger->set_account(AccountId{1}, usd("0.5"), false);
    EXPECT_FALSE(w.hold(w.draft(), "1.500000001"));
    EXPECT_TRUE(w.hold(w.draft(), "1.5"));
}

TEST(ledger, a_suspended_account_gets_no_hold_and_open_ones_settle) {
    World w("1");
    auto const d = w.draft();
    auto hold = w.hold(d, "0.1");
    ASSERT_TRUE(hold);
    w.ledger->set_account(AccountId{1}, {}, true);
    EXPECT_EQ(w.hold(w.draft(), "0.1").error().code, Errc::forbidden);
    EXPECT_EQ(hold->extend(usd("0.1")).error().code, Errc::forbidden);
    EXPECT_EQ(hold->settle(finished(d, "0.1")).balance, usd("0.9"));
}

TEST(ledger, extend_is_all_or_nothing_over_credit_and_caps) {
    World w("1");
    SpendingCaps caps;
    caps.day = usd("0.6");
    auto const d = w.draft();
    auto hold = w.ledger->hold({d, usd("0.5"), caps});
    ASSERT_TRUE(hold);
    EXPECT_EQ(hold->extend(usd("0.2")).error().code, Errc::cap_exceeded);
    EXPECT_EQ(w.wallet().held, usd("0.5"));
    EXPECT_EQ(w.ledger->key_spend(KeyId{7}).held, usd("0.5"));
    EXPECT_TRUE(hold->extend(usd("0.1")));
    EXPECT_EQ(hold->amount(), usd("0.6"));
    EXPECT_EQ(hold->settle(finished(d, "0.55")).balance, usd("0.45"));
    auto const again = w.ledger->hold({w.draft(), usd("0.1"), caps});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::cap_exceeded);
    w.clock.advance_ms(86'400'000);
    EXPECT_TRUE(w.ledger->hold({w.draft(), usd("0.1"), caps}));
}

TEST(ledger, a_charge_above_the_hold_is_taken_whole) {
    World w("0.5");
    auto const d = w.draft();
    auto hold = w.hold(d, "0.5");
    ASSERT_TRUE(hold);
    EXPECT_EQ(hold->settle(finished(d, "0.6")).balance, usd("-0.1"));
    EXPECT_FALSE(w.hold(w.draft(), "0.000000001"));
    EXPECT_TRUE(w.hold(w.draft(), "0"));
}

TEST(ledger, a_dropped_hold_settles_at_its_last_progress) {
    World w("1");
    {
        auto hold = w.hold(w.draft(), "0.5");
        hold->progress(delivered("0.1"));
        hold->progress(delivered("0.2"));
        hold->set_fallback_outcome(Outcome::upstream_partial);
        Hold moved = std::move(*hold); // the one that was moved from writes nothing
    }
    EXPECT_EQ(w.wallet().balance, usd("0.8"));
    EXPECT_EQ(w.wallet().held, Money{});
    ASSERT_TRUE(w.ledger->flush());
    ASSERT_EQ(w.store.state.records.size(), 1u);
    auto const& record = w.store.state.records.begin()->second;
    EXPECT_EQ(record.outcome, Outcome::upstream_partial);
    EXPECT_EQ(record.charge, usd("0.2"));
    EXPECT_EQ(record.usage[Bucket::output], 10);
    EXPECT_EQ(record.model, "m");
}

TEST(ledger, a_hold_dropped_before_anything_was_delivered_costs_nothing) {
    World w("1");
    (void)w.hold(w.draft(), "0.5");
    EXPECT_EQ(w.wallet().balance, usd("1"));
    EXPECT_EQ(w.wallet().held, Money{});
    ASSERT_TRUE(w.ledger->flush());
    EXPECT_EQ(w.store.state.records.size(), 1u);
    EXPECT_EQ(w.store.state.records.begin()->second.outcome, Outcome::client_closed);
}

TEST(ledger, refused_requests_and_kept_answers_reach_the_store) {
    World w("1");
    auto record = w.draft();
    record.outcome = Outcome::refused;
    record.status = 402;
    w.ledger->record_refused(record);
    store::ReplayRow row{KeyId{7}, "idem-1", std::string(32, 'h'), std::string("sealed\0box", 10),
                         Timestamp{5}};
    ASSERT_TRUE(w.ledger->keep_replay(row));
    ASSERT_TRUE(w.ledger->flush());
    EXPECT_EQ(w.store.state.records.count(record.request_id), 1u);
    ASSERT_EQ(w.store.state.replays.size(), 1u);
    EXPECT_EQ(w.store.state.replays[0].sealed, row.sealed);
    EXPECT_EQ(w.store.state.replays[0].idempotency_key, "idem-1");
}

TEST(ledger, an_answer_from_the_cache_is_charged_at_once) {
    World w("1");
    auto const settled = w.ledger->charge_now(finished(w.draft(), "0.3", Outcome::cached), w.no_caps);
    ASSERT_TRUE(settled);
    EXPECT_EQ(settled->balance, usd("0.7"));
    EXPECT_EQ(w.ledger->charge_now(finished(w.draft(), "0.8", Outcome::cached), w.no_caps).error().code,
              Errc::insufficient_credits);
    EXPECT_EQ(w.wallet().held, Money{});
    ASSERT_TRUE(w.ledger->flush());
    EXPECT_EQ(w.store.state.balances[AccountId{1}], usd("0.7"));
}

TEST(ledger, the_same_reference_credits_once_even_when_the_first_answer_was_lost) {
    World w("0");
    w.give("1", "order-1");
    w.give("1", "order-1");
    EXPECT_EQ(w.wallet().balance, usd("1"));
    w.store.lose_next_ack = true;
    store::CreditRequest r;
    r.account_id = AccountId{1};
    r.amount = usd("2");
    r.reference = "order-2";
    EXPECT_THROW((void)w.ledger->credit(r), store::StoreUnavailable);
    EXPECT_TRUE(w.ledger->credit(r));
    EXPECT_TRUE(w.ledger->credit(r));
    EXPECT_EQ(w.wallet().balance, usd("3"));
    w.store.away = true; // repeated in an outage: it was booked long ago
    EXPECT_THROW((void)w.ledger->credit(r), store::StoreUnavailable);
    w.store.away = false;
    EXPECT_TRUE(w.ledger->credit(r));
    EXPECT_EQ(w.wallet().balance, usd("3"));
    EXPECT_EQ(w.store.state.balances[AccountId{1}], usd("3"));
}

TEST(ledger, a_refund_cannot_take_what_open_requests_hold) {
    World w("1");
    auto const d = w.draft();
    auto hold = w.hold(d, "0.7");
    store::CreditRequest r;
    r.account_id = AccountId{1};
    r.kind = store::TransactionKind::refund;
    r.amount = usd("0.4");
    r.reference = "refund-1";
    EXPECT_EQ(w.ledger->credit(r).error().code, Errc::insufficient_credits);
    hold->settle(finished(d, "0.6"));
    ASSERT_TRUE(w.ledger->credit(r));
    EXPECT_EQ(w.wallet().balance, Money{});
    EXPECT_EQ(w.wallet().held, Money{});
    auto const again = w.ledger->credit(r); // nothing is left, yet the first answer comes again
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->existed);
    EXPECT_EQ(w.wallet().balance, Money{});
    EXPECT_EQ(w.store.state.balances[AccountId{1}], Money{});
}

TEST(ledger, a_refund_that_the_store_refuses_gives_its_reservation_back) {
    World w("1");
    store::CreditRequest r;
    r.account_id = AccountId{1};
    r.kind = store::TransactionKind::refund;
    r.amount = usd("0.4");
    w.store.away = true;
    EXPECT_THROW((void)w.ledger->credit(r), store::StoreUnavailable);
    EXPECT_EQ(w.wallet().held, Money{});
    EXPECT_EQ(w.wallet().balance, usd("1"));
}

TEST(ledger, a_store_outage_stops_nothing_and_everything_arrives_after_it) {
    World w("1");
    w.store.away = true;
    for (int i = 0; i < 10; ++i) {
        auto const d = w.draft();
        auto hold = w.hold(d, "0.01");
        ASSERT_TRUE(hold);
        hold->settle(finished(d, "0.01"));
    }
    EXPECT_THROW((void)w.ledger->applier().step(), store::StoreUnavailable);
    w.store.away = false;
    w.store.lose_next_ack = true; // committed, but nobody says so
    EXPECT_THROW((void)w.ledger->applier().catch_up(), store::StoreUnavailable);
    ASSERT_TRUE(w.ledger->flush());
    EXPECT_EQ(w.store.state.records.size(), 10u);
    EXPECT_EQ(w.store.state.duplicates, 0);
    EXPECT_EQ(w.store.state.balances[AccountId{1}], usd("0.9"));
}

TEST(ledger, holds_open_at_the_end_of_a_batch_are_stored_and_removed_when_they_end) {
    World w("1");
    auto const d = w.draft();
    auto hold = w.hold(d, "0.5");
    hold->progress(delivered("0.1"));
    ASSERT_TRUE(w.ledger->flush());
    ASSERT_EQ(w.store.state.holds.size(), 1u);
    EXPECT_FALSE(w.store.state.holds.begin()->second.progress.empty());
    hold->settle(finished(d, "0.2"));
    ASSERT_TRUE(w.ledger->flush());
    EXPECT_TRUE(w.store.state.holds.empty());
}

TEST(ledger, draining_refuses_new_holds_and_lets_open_ones_end) {
    World w("1");
    auto const d = w.draft();
    auto hold = w.hold(d, "0.5");
    w.ledger->drain();
    EXPECT_EQ(w.hold(w.draft(), "0.1").error().code, Errc::unavailable);
    EXPECT_TRUE(hold->extend(usd("0.1")));
    EXPECT_EQ(hold->settle(finished(d, "0.2")).balance, usd("0.8"));
    EXPECT_FALSE(w.ledger->health().ok);
}

TEST(ledger, after_a_failed_sync_no_hold_is_given_and_open_ones_are_still_journaled) {
    World w("1");
    auto const d = w.draft();
    auto hold = w.hold(d, "0.5");
    w.disk->fail_sync = true;
    EXPECT_FALSE(w.ledger->journal().sync_now());
    EXPECT_EQ(w.hold(w.draft(), "0.1").error().code, Errc::unavailable);
    EXPECT_EQ(w.wallet().held, usd("0.5"));
    EXPECT_FALSE(hold->extend(usd("0.1")));
    EXPECT_TRUE(hold->settle(finished(d, "0.2")).journaled);
    EXPECT_FALSE(w.ledger->health().ok);
    EXPECT_NE(w.ledger->health().reason.find("failed"), std::string::npos);
}

TEST(ledger, eight_threads_race_for_the_last_cents_and_exactly_the_affordable_ones_win) {
    for (int round = 0; round < 20; ++round) {
        World w("0.10");
        std::atomic<int> won{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 8; ++t)
            threads.emplace_back([&] {
                for (int i = 0; i < 50; ++i) {
                    auto const d = w.draft();
                    auto hold = w.hold(d, "0.003");
                    if (!hold)
                        continue;
                    won.fetch_add(1);
                    hold->settle(finished(d, "0.003"));
                }
            });
        for (auto& thread : threads)
            thread.join();
        EXPECT_EQ(won.load(), 33);
        EXPECT_EQ(w.wallet().balance, usd("0.001"));
        EXPECT_EQ(w.wallet().held, Money{});
        ASSERT_TRUE(w.ledger->flush());
        EXPECT_EQ(w.store.state.records.size(), 33u);
        EXPECT_EQ(w.store.state.balances[AccountId{1}], usd("0.001"));
    }
}

TEST(ledger, with_its_threads_running_everything_arrives) {
    char name[] = "/tmp/tollgate_ledger_XXXXXX";
    std::string const dir = ::mkdtemp(name);
    {
        SystemClock clock;
        ReferenceStore store;
        store.account(1);
        auto disk = journal::PosixDisk::open_directory(dir).value();
        Options options;
        options.journal.segment_bytes = 1024 * 1024;
        auto ledger = Ledger::open(*disk, clock, store.stores(), options).value();
        store::CreditRequest r;
        r.account_id = AccountId{1};
        r.amount = usd("100");
        ASSERT_TRUE(ledger->credit(r));
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; ++t)
            threads.emplace_back([&] {
                for (int i = 0; i < 2000; ++i) {
                    RequestRecord d;
                    d.request_id = make_uuid7(clock.now());
                    d.time = clock.now();
                    d.account_id = AccountId{1};
                    d.key_id = KeyId{1};
                    auto hold = ledger->hold({d, usd("0.001"), {}});
                    ASSERT_TRUE(hold);
                    if (i % 3 == 0)
                        hold->progress(delivered("0.0005"));
                    if (i % 3 != 1)
                        hold->settle(finished(d, "0.001"));
                }
            });
        for (auto& thread : threads)
            thread.join();
        ASSERT_TRUE(ledger->flush(60'000));
        EXPECT_EQ(store.state.records.size(), 6000u);
        EXPECT_EQ(store.state.balances[AccountId{1}], ledger->wallet(AccountId{1}).balance);
        EXPECT_EQ(ledger->health().lag_bytes, 0u);
        ledger->close();
        EXPECT_EQ(ledger->hold({RequestRecord{}, Money{}, {}}).error().code, Errc::unavailable);
    }
    std::filesystem::remove_all(dir);
}

TEST(ledger, speed) { // reported, not judged
    char name[] = "/tmp/tollgate_ledger_XXXXXX";
    std::string const dir = ::mkdtemp(name);
    {
        SystemClock clock;
        ReferenceStore store;
        store.account(1);
        auto disk = journal::PosixDisk::open_directory(dir).value();
        Options options;
        auto ledger = Ledger::open(*disk, clock, store.stores(), options).value();
        store::CreditRequest r;
        r.account_id = AccountId{1};
        r.amount = usd("1000000");
        ASSERT_TRUE(ledger->credit(r));
        RequestRecord d;
        d.time = clock.now();
        d.account_id = AccountId{1};
        d.key_id = KeyId{1};
        d.key_name = "production";
        d.method = "POST";
        d.path = "/v1/chat/completions";
        d.model = "gpt-4o";
        d.provider = "openai";
        d.provider_model = "gpt-4o-2024-11-20";
        d.client_ip = "203.0.113.7";
        d.user_agent = "OpenAI/JS 5.0.0";
        d.request_id = make_uuid7(clock.now());
        SpendingCaps caps;
        caps.month = usd("1000000");
        RequestRecord done = finished(d, "0.0001");
        done.lines = {{0, 100, 2'500'000, 1'000'000}, {6, 20, 10'000'000, 1'000'000}};
        done.usage[Bucket::input] = 100;
        done.usage[Bucket::output] = 20;
        constexpr int n = 300'000;
        auto const cpu_ns = [] { // of this thread: the machine may be busy with other things
            timespec t{};
            ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
            return t.tv_sec * 1'000'000'000L + t.tv_nsec;
        };
        Money const amount = usd("0.001");
        store.away = true; // only our side is measured
        auto const start = cpu_ns();
        for (int i = 0; i < n; ++i) {
            d.request_id.bytes[0] = done.request_id.bytes[0] = static_cast<std::uint8_t>(i);
            d.request_id.bytes[1] = done.request_id.bytes[1] = static_cast<std::uint8_t>(i >> 8);
            auto hold = ledger->hold({d, amount, caps});
            hold->settle(std::move(done)); // does not consume it
        }
        std::printf("hold + settle, both journaled: %ld ns\n", (cpu_ns() - start) / n);
        ledger->close(0);
    }
    std::filesystem::remove_all(dir);
}

} // namespace
} // namespace tollgate::ledger
