// A random life of the ledger against a model in plain maps: requests, credits, crashes, power cuts, lost
// store commits, outages, full disks. One seed decides everything; a failure prints it. TOLLGATE_SIM_SEEDS
// sets how many seeds run (default 300), TOLLGATE_SIM_FIRST the first one.
#include <cstdlib>
#include <list>
#include <map>

#include <gtest/gtest.h>

#include "journal/sim_disk.hpp"
#include "ledger/applier.hpp"
#include "ledger/ledger.hpp"
#include "ledger/testing/reference_store.hpp"

namespace tollgate::ledger {
namespace {

using testing::ReferenceStore;

/// What must be true of one request that got a hold.
struct Request {
    std::int64_t account = 0, key = 0;
    std::int64_t held = 0;
    std::int64_t charge = 0;                  ///< settled, or what its last journaled progress says
    std::uint64_t hold_seq = 0, last_seq = 0; ///< frames: first, and the one that decided `charge`
    std::vector<std::int64_t> earlier; ///< charges it may fall back to when a power cut takes later frames
    bool ended = false;
    bool gone = false; ///< a power cut took even its hold
};

class Simulation {
public:
    explicit Simulation(std::uint64_t seed) : random_(seed) {
        options_.threads = false;
        options_.batch_records = 1 + random_() % 20;
        options_.journal.segment_bytes = 64 * 1024;
        options_.journal.keep_applied_bytes = 128 * 1024;
        options_.journal.max_unapplied_bytes = 512 * 1024;
        store_->keep_before = true;
        for (std::int64_t a = 1; a <= accounts; ++a)
            store_->account(a);
        start();
    }
    ~Simulation() { holds_.clear(); }

    void run(int steps) {
        for (int i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) {
            step();
            check_live();
        }
        crash(journal::Crash::process);
        check_all();
    }

private:
    static constexpr std::int64_t accounts = 2, keys = 3;
    struct Live {
        Hold hold;
        Uuid id;
    };

    std::int64_t up_to(std::int64_t n) {
        return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
    }
    bool chance(int percent) { return up_to(100) < percent; }

    void step() {
        clock_.advance_ms(up_to(20) == 0 ? up_to(50'000'000) : up_to(1000));
        if (chance(60))
            (void)ledger_->journal().prepare_next();
        switch (up_to(20)) {
        case 0:
            return credit();
        case 1:
            return refund();
        case 2:
        case 3:
        case 4:
        case 5:
        case 6:
            return hold();
        case 7:
            return extend();
        case 8:
        case 9:
            return progress();
        case 10:
        case 11:
        case 12:
            return settle();
        case 13:
            return drop();
        case 14:
        case 15:
            return apply();
        case 16:
            return (void)ledger_->journal().sync_now();
        case 17:
            return faults();
        case 18:
            return (void)(chance(30) && (crash(journal::Crash::process), true));
        case 19:
            return (void)(chance(30) && (crash(journal::Crash::power), true));
        }
    }

    void credit() {
        store::CreditRequest r;
        r.account_id = AccountId{1 + up_to(accounts)};
        r.amount = Money::from_nanos(1 + up_to(50'000));
        r.reference = "credit-" + std::to_string(up_to(4) == 0 ? up_to(references_ + 1) : ++references_);
        post(r, r.amount.nanos());
    }
    void refund() {
        store::CreditRequest r;
        r.kind = store::TransactionKind::refund;
        r.account_id = AccountId{1 + up_to(accounts)};
        r.amount = Money::from_nanos(1 + up_to(20'000));
        r.reference = "refund-" + std::to_string(++references_);
        post(r, -r.amount.nanos());
    }
    void post(store::CreditRequest const& r, std::int64_t delta) {
        auto const key = std::make_pair(r.account_id.value, r.reference);
        store_->lose_next_ack = !store_->away && chance(10);
        for (int tries = 0; tries < 2; ++tries) // the caller repeats what nobody confirmed
            try {
                auto const row = ledger_->credit(r);
                if (row && posted_.emplace(key).second)
                    credits_[r.account_id.value] += delta;
                break;
            } catch (store::StoreUnavailable const&) {
            }
        store_->lose_next_ack = false;
    }
    void hold() {
        RequestRecord draft;
        for (auto& byte : draft.request_id.bytes)
            byte = static_cast<std::uint8_t>(random_());
        draft.time = clock_.now();
        draft.account_id = AccountId{1 + up_to(accounts)};
        draft.key_id = KeyId{1 + up_to(keys)};
        draft.user_agent.assign(static_cast<std::size_t>(up_to(400)), 'u');
        Money const amount = Money::from_nanos(up_to(10'000));
        bool const covered = live_available(draft.account_id.value) >= amount.nanos() || amount.is_zero();
        auto hold = ledger_->hold({draft, amount, {}});
        if (!hold) {
            ASSERT_TRUE(!covered || hold.error().code == Errc::unavailable) << hold.error().message;
            return;
        }
        ASSERT_TRUE(covered) << "held what is not there";
        Request& r = requests_[draft.request_id];
        r.account = draft.account_id.value;
        r.key = draft.key_id.value;
        r.held = amount.nanos();
        r.hold_seq = r.last_seq = hold->position().seq;
        holds_.push_back(Live{std::move(*hold), draft.request_id});
        drafts_[draft.request_id] = draft;
    }
    std::list<Live>::iterator pick() {
        auto it = holds_.begin();
        if (it != holds_.end())
            std::advance(it, up_to(static_cast<std::int64_t>(holds_.size())));
        return it;
    }
    void extend() {
        auto const it = pick();
        if (it == holds_.end())
            return;
        Request& r = requests_[it->id];
        std::int64_t const more = up_to(5'000);
        bool const covered = live_available(r.account) >= more || more == 0;
        bool const done = it->hold.extend(Money::from_nanos(more)).has_value();
        ASSERT_TRUE(!done || covered);
        ASSERT_TRUE(done || !covered || ledger_->journal().failed());
        if (done)
            r.held += more;
    }
    void progress() {
        auto const it = pick();
        if (it == holds_.end())
            return;
        Request& r = requests_[it->id];
        Progress p;
        p.charge = p.cost = Money::from_nanos(r.charge + up_to(std::max<std::int64_t>(1, r.held - r.charge)));
        auto const before = ledger_->journal().end().seq;
        it->hold.progress(p);
        fallback_[it->id] = p.charge.nanos(); // a drop uses it whether the journal took it or not
        if (ledger_->journal().end().seq == before)
            return;
        r.earlier.push_back(r.charge);
        r.charge = p.charge.nanos();
        r.last_seq = before + 1;
    }
    void settle() {
        auto const it = pick();
        if (it == holds_.end())
            return;
        RequestRecord record = drafts_[it->id];
        std::int64_t const above = chance(10) ? up_to(500) : 0;
        record.charge = Money::from_nanos(up_to(requests_[it->id].held + 1) + above);
        record.outcome = Outcome::success;
        auto const settled = it->hold.settle(RequestRecord(record));
        ASSERT_TRUE(settled.journaled);
        end(it, record.charge.nanos(), settled.position.seq);
    }
    void drop() {
        auto const it = pick();
        if (it == holds_.end())
            return;
        auto const id = it->id;
        auto const charge = fallback_.count(id) ? fallback_[id] : 0;
        Request& r = requests_[id];
        holds_.erase(it);
        r.earlier.push_back(r.charge);
        r.charge = charge;
        r.ended = true;
        r.last_seq = ledger_->journal().end().seq;
    }
    void end(std::list<Live>::iterator it, std::int64_t charge, std::uint64_t seq) {
        Request& r = requests_[it->id];
        r.earlier.push_back(r.charge);
        r.charge = charge;
        r.last_seq = seq;
        r.ended = true;
        holds_.erase(it);
    }
    void apply() {
        store_->lose_next_ack = chance(10);
        try {
            ASSERT_TRUE(chance(50) ? ledger_->applier().step().has_value()
                                   : ledger_->applier().catch_up().has_value());
        } catch (store::StoreUnavailable const&) {
        }
        store_->lose_next_ack = false;
    }
    void faults() {
        switch (up_to(5)) {
        case 0:
            store_->away = !store_->away;
            break;
        case 1:
            disk_->capacity_bytes = disk_->used_bytes() + static_cast<std::uint64_t>(up_to(100'000));
            break;
        case 2:
            disk_->capacity_bytes = ~std::uint64_t{0};
            break;
        case 3: // a failing disk; only a restart helps
            disk_->fail_sync = true;
            (void)ledger_->journal().sync_now();
            break;
        case 4: {
            RequestRecord refused;
            for (auto& byte : refused.request_id.bytes)
                byte = static_cast<std::uint8_t>(random_());
            refused.time = clock_.now();
            ledger_->record_refused(refused);
            break;
        }
        }
    }

    void crash(journal::Crash kind) {
        std::uint64_t const durable = ledger_->journal().durable_seq();
        auto next_disk = disk_->crash(kind, random_);
        auto next_store = std::make_unique<ReferenceStore>();
        next_store->state = store_->state;
        if (kind == journal::Crash::power && !store_->before.empty() &&
            chance(50)) // its last commits were not synced
            next_store->state = store_->before[static_cast<std::size_t>(
                up_to(static_cast<std::int64_t>(store_->before.size())))];
        std::uint64_t const kept = std::max(durable, next_store->state.marks[ledger_->node()].seq);
        auto const lost_doubts = next_store->state.posted; // a restart reads what the store has
        holds_.clear(); // the dead process goes on writing where nobody reads
        ledger_.reset();
        disk_ = std::move(next_disk);
        store_ = std::move(next_store);
        store_->keep_before = true;
        disk_->capacity_bytes = ~std::uint64_t{0}; // the operator made room
        credits_.clear();
        posted_.clear();
        for (auto const& [key, row] : lost_doubts) {
            posted_.emplace(key.first.value, key.second);
            credits_[key.first.value] += row.amount.nanos();
        }
        start();
        if (::testing::Test::HasFatalFailure())
            return;
        for (auto& [id, r] : requests_)
            adopt(id, r, kind, kept);
        fallback_.clear();
        check_all();
    }
    /// After a start every request is ended; a power cut may have taken what was neither synced nor applied.
    void adopt(Uuid const& id, Request& r, journal::Crash kind, std::uint64_t kept) {
        if (r.gone)
            return;
        auto const found = store_->state.records.find(id);
        bool const exact = kind == journal::Crash::process || r.last_seq <= kept;
        if (found == store_->state.records.end()) {
            ASSERT_FALSE(exact || r.hold_seq <= kept) << "a request was lost";
            r.gone = true;
            return;
        }
        std::int64_t const charge = found->second.charge.nanos();
        bool const earlier = std::count(r.earlier.begin(), r.earlier.end(), charge) > 0;
        ASSERT_TRUE(charge == r.charge || (!exact && (earlier || charge == 0)))
            << "charged " << charge << ", not " << r.charge;
        r.charge = charge;
        r.ended = true;
        r.last_seq = 0; // from here on it is in the store, and the start synced the journal
        r.hold_seq = 0;
    }

    void start() {
        auto opened = Ledger::open(*disk_, clock_, store_->stores(), options_);
        ASSERT_TRUE(opened) << opened.error().message;
        ledger_ = std::move(*opened);
    }

    std::int64_t live_available(std::int64_t account) {
        std::int64_t sum = credits_[account];
        for (auto const& [id, r] : requests_) {
            if (r.account != account || r.gone)
                continue;
            sum -= r.ended ? r.charge : r.held;
        }
        return sum;
    }
    void check_live() {
        if (::testing::Test::HasFatalFailure())
            return;
        for (std::int64_t a = 1; a <= accounts; ++a)
            ASSERT_EQ(ledger_->wallet(AccountId{a}).available().nanos(), live_available(a))
                << "account " << a;
    }
    void check_all() {
        if (::testing::Test::HasFatalFailure())
            return;
        check_live();
        ASSERT_EQ(store_->state.duplicates, 0);
        ASSERT_TRUE(store_->state.holds.empty());
        std::map<std::int64_t, std::int64_t> spent, key_total;
        for (auto const& [id, r] : requests_) {
            if (r.gone)
                continue;
            spent[r.account] += r.charge;
            key_total[r.key] += r.charge;
        }
        for (std::int64_t a = 1; a <= accounts; ++a) {
            std::int64_t const balance = credits_[a] - spent[a];
            ASSERT_EQ(store_->state.balances[AccountId{a}].nanos(), balance) << "books of account " << a;
            ASSERT_EQ(ledger_->wallet(AccountId{a}).balance.nanos(), balance);
            ASSERT_TRUE(ledger_->wallet(AccountId{a}).held.is_zero());
        }
        for (std::int64_t k = 1; k <= keys; ++k)
            ASSERT_EQ(ledger_->key_spend(KeyId{k}).total.nanos(), key_total[k]) << "key " << k;
    }

    std::mt19937_64 random_;
    ManualClock clock_;
    Options options_;
    std::unique_ptr<ReferenceStore> store_ = std::make_unique<ReferenceStore>();
    std::unique_ptr<journal::SimDisk> disk_ = std::make_unique<journal::SimDisk>();
    std::unique_ptr<Ledger> ledger_;
    std::list<Live> holds_;
    // The model.
    std::map<Uuid, Request> requests_;
    std::map<Uuid, RequestRecord> drafts_;
    std::map<Uuid, std::int64_t> fallback_;
    std::map<std::int64_t, std::int64_t> credits_;
    std::set<std::pair<std::int64_t, std::string>> posted_;
    std::int64_t references_ = 0;
};

std::uint64_t number_from(char const* name, std::uint64_t otherwise) {
    char const* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(simulation, no_seed_loses_or_doubles_a_charge) {
    std::uint64_t const first = number_from("TOLLGATE_SIM_FIRST", 1);
    std::uint64_t const count = number_from("TOLLGATE_SIM_SEEDS", 300);
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Simulation simulation(seed);
        if (!HasFatalFailure())
            simulation.run(250);
        if (HasFatalFailure())
            FAIL() << "repeat with TOLLGATE_SIM_FIRST=" << seed << " TOLLGATE_SIM_SEEDS=1";
    }
}

} // namespace
} // namespace tollgate::ledger
