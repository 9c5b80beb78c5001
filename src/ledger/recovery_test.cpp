// Dying at every boundary of a request's life: whatever the moment, the next start finds exactly one terminal
// record and exact balances.
#include <gtest/gtest.h>

#include "journal/sim_disk.hpp"
#include "ledger/applier.hpp"
#include "ledger/ledger.hpp"
#include "ledger/testing/reference_store.hpp"

namespace tollgate::ledger {
namespace {

using testing::ReferenceStore;

Money usd(std::string_view text) {
    return parse_usd(text).value();
}

/// One process on one disk and store; `crash` gives the next one a copy of both as they stand.
struct World {
    ManualClock clock;
    std::mt19937_64 random{3};
    std::unique_ptr<ReferenceStore> store = std::make_unique<ReferenceStore>();
    std::unique_ptr<journal::SimDisk> disk = std::make_unique<journal::SimDisk>();
    std::unique_ptr<Ledger> ledger;
    std::optional<Hold> open;
    RequestRecord draft;

    World() {
        store->account(1);
        EXPECT_TRUE(start());
        store::CreditRequest r;
        r.account_id = AccountId{1};
        r.amount = usd("1");
        EXPECT_TRUE(ledger->credit(r));
        draft.request_id = make_uuid7(clock.now());
        draft.time = clock.now();
        draft.account_id = AccountId{1};
        draft.key_id = KeyId{7};
        draft.model = "m";
    }
    ~World() { open.reset(); }
    Result<void> start() {
        Options options;
        options.threads = false;
        options.journal.segment_bytes = 64 * 1024;
        options.journal.keep_applied_bytes = 0;
        auto opened = Ledger::open(*disk, clock, store->stores(), options);
        if (!opened)
            return Fail(opened.error());
        ledger = std::move(*opened);
        return {};
    }
    void crash() {
        auto next_disk = disk->crash(journal::Crash::process, random);
        auto next_store = std::make_unique<ReferenceStore>();
        next_store->state = store->state;
        open.reset(); // the dead process: what it writes now goes nowhere
        ledger.reset();
        disk = std::move(next_disk);
        store = std::move(next_store);
    }
    void hold() { open.emplace(std::move(ledger->hold({draft, usd("0.5"), {}}).value())); }
    void progress(std::string_view charge) {
        Progress p;
        p.charge = usd(charge);
        p.usage[Bucket::output] = 3;
        open->progress(p);
    }
    void settle(std::string_view charge) {
        RequestRecord record = draft;
        record.charge = usd(charge);
        record.outcome = Outcome::success;
        open->settle(std::move(record));
    }
    void apply() { ASSERT_TRUE(ledger->flush()); }
};

struct Boundary {
    char const* name;
    void (*live)(World&);
    char const* charge; ///< of the one record; null = there is none
    Outcome outcome;
};

Boundary const boundaries[] = {
    {"before the hold", [](World&) {}, nullptr, {}},
    {"after the hold", [](World& w) { w.hold(); }, "0", Outcome::recovered},
    {"after the hold was applied",
     [](World& w) {
         w.hold();
         w.apply();
     },
     "0", Outcome::recovered},
    {"after progress",
     [](World& w) {
         w.hold();
         w.progress("0.1");
     },
     "0.1", Outcome::recovered},
    {"after two",
     [](World& w) {
         w.hold();
         w.progress("0.1");
         w.progress("0.2");
     },
     "0.2", Outcome::recovered},
    {"progress, the hold applied",
     [](World& w) {
         w.hold();
         w.apply();
         w.progress("0.1");
     },
     "0.1", Outcome::recovered},
    {"progress applied",
     [](World& w) {
         w.hold();
         w.progress("0.1");
         w.apply();
     },
     "0.1", Outcome::recovered},
    {"after extend",
     [](World& w) {
         w.hold();
         (void)w.open->extend(usd("0.2"));
         w.progress("0.6");
     },
     "0.6", Outcome::recovered},
    {"after terminal",
     [](World& w) {
         w.hold();
         w.settle("0.3");
     },
     "0.3", Outcome::success},
    {"terminal, the hold applied",
     [](World& w) {
         w.hold();
         w.apply();
         w.settle("0.3");
     },
     "0.3", Outcome::success},
    {"terminal, progress applied",
     [](World& w) {
         w.hold();
         w.progress("0.1");
         w.apply();
         w.settle("0.3");
     },
     "0.3", Outcome::success},
    {"after apply",
     [](World& w) {
         w.hold();
         w.settle("0.3");
         w.apply();
     },
     "0.3", Outcome::success},
    {"applied without an answer",
     [](World& w) {
         w.hold();
         w.settle("0.3");
         w.store->lose_next_ack = true;
         EXPECT_THROW((void)w.ledger->applier().catch_up(), store::StoreUnavailable);
     },
     "0.3", Outcome::success},
    {"after a drop",
     [](World& w) {
         w.hold();
         w.progress("0.1");
         w.open.reset();
     },
     "0.1", Outcome::client_closed},
};

void expect_books(World& w, Boundary const& b) {
    Money const charge = b.charge ? usd(b.charge) : Money{};
    ASSERT_EQ(w.store->state.records.size(), b.charge ? 1u : 0u) << b.name;
    if (b.charge) {
        EXPECT_EQ(w.store->state.records.begin()->second.charge, charge) << b.name;
        EXPECT_EQ(w.store->state.records.begin()->second.outcome, b.outcome) << b.name;
        EXPECT_EQ(w.store->state.records.begin()->second.model, "m") << b.name;
    }
    EXPECT_TRUE(w.store->state.holds.empty()) << b.name;
    EXPECT_EQ(w.store->state.duplicates, 0) << b.name;
    EXPECT_EQ(w.store->state.balances[AccountId{1}], usd("1") - charge) << b.name;
    EXPECT_EQ(w.ledger->wallet(AccountId{1}).balance, usd("1") - charge) << b.name;
    EXPECT_EQ(w.ledger->wallet(AccountId{1}).held, Money{}) << b.name;
    EXPECT_EQ(w.ledger->key_spend(KeyId{7}).total, charge) << b.name;
    EXPECT_EQ(w.ledger->key_spend(KeyId{7}).day, charge) << b.name;
}

TEST(recovery, dying_at_any_boundary_leaves_one_terminal_record_and_exact_balances) {
    for (Boundary const& b : boundaries) {
        World w;
        b.live(w);
        w.crash();
        ASSERT_TRUE(w.start()) << b.name;
        expect_books(w, b);
        EXPECT_EQ(w.ledger->recovery().recovered_holds, b.charge && b.outcome == Outcome::recovered ? 1u : 0u)
            << b.name;
        for (int again = 0; again < 2; ++again) { // replaying twice = once
            w.crash();
            ASSERT_TRUE(w.start()) << b.name;
            expect_books(w, b);
        }
    }
}

TEST(recovery, dying_again_while_recovering_changes_nothing) {
    for (Boundary const& b : boundaries) {
        World w;
        b.live(w);
        w.crash();
        // The store goes away in the middle of the start: after the replay, after the terminal frames.
        for (int calls = 0; calls < 2; ++calls) {
            w.store->lose_next_ack = true;
            try {
                (void)w.start();
            } catch (store::StoreUnavailable const&) {
            }
            w.crash();
        }
        ASSERT_TRUE(w.start()) << b.name;
        expect_books(w, b);
    }
}

TEST(recovery, many_dead_requests_are_all_ended) {
    World w;
    std::vector<Hold> holds;
    for (int i = 0; i < 25; ++i) {
        RequestRecord d = w.draft;
        d.request_id = make_uuid7(w.clock.now());
        auto hold = w.ledger->hold({d, usd("0.01"), {}});
        ASSERT_TRUE(hold) << i;
        Progress p;
        p.charge = usd("0.004");
        hold->progress(p);
        holds.push_back(std::move(*hold));
        ASSERT_TRUE(w.ledger->journal().prepare_next());
    }
    EXPECT_EQ(w.ledger->wallet(AccountId{1}).held, usd("0.25"));
    auto next_disk = w.disk->crash(journal::Crash::process, w.random);
    auto next_store = std::make_unique<ReferenceStore>();
    next_store->state = w.store->state;
    holds.clear();
    w.ledger.reset();
    w.disk = std::move(next_disk);
    w.store = std::move(next_store);
    ASSERT_TRUE(w.start());
    EXPECT_EQ(w.ledger->recovery().recovered_holds, 25u);
    EXPECT_EQ(w.ledger->recovery().recovered_charge, usd("0.1"));
    EXPECT_EQ(w.ledger->wallet(AccountId{1}).balance, usd("0.9"));
}

TEST(recovery, a_journal_of_another_store_is_refused) {
    World w;
    w.hold();
    w.crash();
    w.store->id = std::string(32, '6');
    auto const started = w.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::conflict);
}

TEST(recovery, a_store_older_than_the_journal_is_refused) {
    World w;
    auto const backup = w.store->state;
    for (int i = 0; i < 400; ++i) {
        w.draft.request_id = make_uuid7(w.clock.now());
        w.hold();
        w.settle("0.0001");
        w.open.reset();
        w.apply();
        ASSERT_TRUE(w.ledger->journal().prepare_next());
    }
    w.crash();
    w.store->state = backup; // restored: its mark lies before the segments that are left
    auto const started = w.start();
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().message.find("missing"), std::string::npos) << started.error().message;
}

} // namespace
} // namespace tollgate::ledger
