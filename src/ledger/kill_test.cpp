// kill -9 with the real journal and the embedded store: what was acknowledged is there, once, to the
// nano-dollar.
#include <csignal>
#include <cstring>
#include <filesystem>
#include <map>
#include <random>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "ledger/applier.hpp"
#include "ledger/ledger.hpp"
#include "store/account_store.hpp"
#include "store/record_store.hpp"
#include "store/store.hpp"
#include "store/verify_store.hpp"

namespace tollgate::ledger {
namespace {

struct Process {
    SystemClock clock;
    std::unique_ptr<store::Store> store;
    std::unique_ptr<journal::PosixDisk> disk;
    std::unique_ptr<Ledger> ledger;

    explicit Process(std::string const& data) {
        store::StoreConfig config;
        config.data_dir = data;
        store = store::open_store(config).value();
        disk = journal::PosixDisk::open_directory(data + "/journal").value();
        Options options;
        options.journal.segment_bytes = 256 * 1024;
        options.journal.keep_applied_bytes = 256 * 1024;
        ledger =
            Ledger::open(*disk, clock, Stores{store->ledger(), store->accounts(), store->store_id()}, options)
                .value();
    }
};

enum class Step : std::int64_t { held = 1, progressed, settled };
/// What the child says on the pipe after each step returned.
struct Ack {
    Uuid id;
    Step step;
    std::int64_t charge;
};

constexpr std::size_t open_max = 20;

/// Serves requests until it is killed.
[[noreturn]] void serve(std::string const& data, int pipe, AccountId account) {
    Process p(data);
    std::mt19937_64 random(static_cast<std::uint64_t>(::getpid()));
    std::vector<std::pair<Hold, RequestRecord>> open;
    auto const tell = [&](Uuid const& id, Step step, std::int64_t charge) {
        Ack const ack{id, step, charge};
        if (::write(pipe, &ack, sizeof ack) != sizeof ack)
            ::_exit(1);
    };
    for (;;) {
        if (open.size() < open_max) {
            RequestRecord draft;
            draft.request_id = make_uuid7(p.clock.now());
            draft.time = p.clock.now();
            draft.account_id = account;
            draft.key_id = KeyId{1};
            draft.model = "m";
            auto hold = p.ledger->hold({draft, Money::from_nanos(1000), {}});
            if (!hold)
                continue; // a segment is just being prepared
            tell(draft.request_id, Step::held, 0);
            open.emplace_back(std::move(*hold), draft);
        }
        auto& [live, record] = open[random() % open.size()];
        std::int64_t const charge = static_cast<std::int64_t>(random() % 1000);
        if (random() % 2 == 0) {
            Progress progress;
            progress.charge = progress.cost = Money::from_nanos(charge);
            live.progress(progress);
            tell(record.request_id, Step::progressed, charge);
            continue;
        }
        record.charge = record.cost = Money::from_nanos(charge);
        record.outcome = Outcome::success;
        live.settle(RequestRecord(record));
        tell(record.request_id, Step::settled, charge);
        std::vector<std::pair<Hold, RequestRecord>> rest;
        for (auto& entry : open)
            if (!entry.first.done())
                rest.push_back(std::move(entry));
        open.swap(rest);
    }
}

TEST(kill, nothing_acknowledged_is_lost_or_doubled_by_sigkill) {
    char name[] = "/tmp/tollgate_kill_XXXXXX";
    std::string const data = ::mkdtemp(name);
    AccountId account;
    std::int64_t const credit = 1'000'000'000;
    {
        Process p(data);
        store::AccountRow row;
        row.name = "a";
        row.created_at = p.clock.now();
        account = p.store->accounts().create(row).value().id;
        store::CreditRequest r;
        r.account_id = account;
        r.amount = Money::from_nanos(credit);
        r.now = p.clock.now();
        ASSERT_TRUE(p.ledger->credit(r));
    }
    std::map<Uuid, Ack> acked; // the last one of each request
    for (int round = 0; round < 6; ++round) {
        int ends[2];
        ASSERT_EQ(::pipe(ends), 0);
        pid_t const child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            ::close(ends[0]);
            serve(data, ends[1], account);
        }
        ::close(ends[1]);
        Ack ack{};
        std::size_t seen = 0;
        while (::read(ends[0], &ack, sizeof ack) == static_cast<ssize_t>(sizeof ack)) {
            acked[ack.id] = ack;
            if (++seen == 2000 + 777u * static_cast<unsigned>(round))
                ::kill(child, SIGKILL); // and read what it still said
        }
        ::close(ends[0]);
        int status = 0;
        ::waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

        Process p(data);
        std::map<Uuid, RequestRecord> records;
        Money sum;
        p.store->records().for_each(0, [&](store::StoredRecord const& stored) {
            EXPECT_TRUE(records.emplace(stored.record.request_id, stored.record).second);
            sum += stored.record.charge;
            return true;
        });
        EXPECT_EQ(p.store->ledger().balance(account).balance.nanos(), credit - sum.nanos());
        EXPECT_EQ(p.ledger->wallet(account).balance.nanos(), credit - sum.nanos());
        EXPECT_TRUE(p.ledger->wallet(account).held.is_zero());
        EXPECT_TRUE(p.store->ledger().open_holds().empty());
        EXPECT_EQ(p.ledger->key_spend(KeyId{1}).total, sum);
        std::size_t untold = 0;
        for (auto const& [id, last] : acked) {
            auto const found = records.find(id);
            ASSERT_NE(found, records.end()) << "an acknowledged request is lost";
            if (last.step == Step::settled) {
                EXPECT_EQ(found->second.charge.nanos(), last.charge);
                EXPECT_EQ(found->second.outcome, Outcome::success);
            } else if (found->second.outcome == Outcome::recovered &&
                       found->second.charge.nanos() != last.charge) {
                ++untold;
            }
        }
        EXPECT_LE(untold, 1u + static_cast<std::size_t>(round))
            << "only the step at which it died may be unknown to us";
        for (auto const* check : {"ledger", "chains", "rollups"}) {
            auto& verify = p.store->verify();
            auto const findings = check[0] == 'l'   ? verify.check_ledger()
                                  : check[0] == 'c' ? verify.check_chains()
                                                    : verify.check_rollups();
            EXPECT_TRUE(findings.empty())
                << check << ": " << findings.front().row << " " << findings.front().message;
        }
    }
    std::filesystem::remove_all(data);
}

} // namespace
} // namespace tollgate::ledger
