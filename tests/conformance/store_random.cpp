// The books against a model of plain maps, under random credits, charges, refunds, expiries and repeats.
#include <map>
#include <random>

#include "backends.hpp"

namespace tollgate::conformance {
namespace {

using store::TransactionKind;

class RandomBooks : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Backends, RandomBooks, every_backend, backend_name);

/// Credit of one account as a list of grants in burn order of the model's own sorting.
struct ModelGrant {
    int priority;
    std::int64_t expires, id, left;
    bool paid;
};
struct ModelAccount {
    std::vector<ModelGrant> grants;
    std::int64_t owed = 0, spent = 0;
    std::int64_t balance() const {
        std::int64_t sum = -owed;
        for (auto const& g : grants) sum += g.left;
        return sum;
    }
    void sort() {
        std::sort(grants.begin(), grants.end(), [](auto const& x, auto const& y) {
            return std::tuple(x.priority, x.expires, x.id) < std::tuple(y.priority, y.expires, y.id);
        });
    }
    void charge(std::int64_t amount) {
        spent += amount;
        sort();
        for (auto& g : grants) {
            auto const part = std::min(amount, g.left);
            g.left -= part;
            amount -= part;
        }
        owed += amount;
    }
    void credit(ModelGrant g) {
        auto const repaid = std::min(owed, g.left);
        owed -= repaid;
        g.left -= repaid;
        grants.push_back(g);
    }
    bool refund(std::int64_t amount) {
        std::int64_t paid = 0;
        for (auto const& g : grants) paid += g.paid ? g.left : 0;
        if (paid < amount) return false;
        std::sort(grants.begin(), grants.end(), [](auto const& x, auto const& y) { return x.id > y.id; });
        for (auto& g : grants) {
            if (!g.paid) continue;
            auto const part = std::min(amount, g.left);
            g.left -= part;
            amount -= part;
        }
        return true;
    }
    void expire(std::int64_t now) {
        for (auto& g : grants)
            if (g.expires <= now) g.left = 0;
    }
};

TEST_P(RandomBooks, AgreeWithTheModelWhateverHappens) {
    constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
    std::mt19937_64 random(20261121);
    auto const below = [&](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };
    std::vector<AccountId> accounts;
    std::vector<KeyId> keys;
    std::map<std::int64_t, ModelAccount> model;
    for (int i = 0; i < 4; ++i) {
        accounts.push_back(account("r" + std::to_string(i)));
        keys.push_back(key(accounts.back(), i).id);
    }
    std::vector<RequestRecord> old;
    std::int64_t now = t0.ms, grant_id = 0;
    int const steps = GetParam() == Backend::postgres ? 120 : 400;
    for (int step = 0; step < steps; ++step) {
        now += below(1000);
        auto const who = static_cast<std::size_t>(below(4));
        auto& m = model[accounts[who].value];
        switch (below(6)) {
        case 0: case 1: { // credit
            store::CreditRequest r{.account_id = accounts[who], .amount = Money::from_nanos(1 + below(5000)), .now = Timestamp{now}};
            r.kind = below(2) ? TransactionKind::purchase : TransactionKind::bonus;
            bool const paid = r.kind == TransactionKind::purchase;
            if (below(3) == 0) r.expires_at = Timestamp{now + below(5000)};
            ASSERT_TRUE(store->ledger().post_credit(r));
            m.credit({paid ? 50 : 10, r.expires_at ? r.expires_at->ms : never, ++grant_id, r.amount.nanos(), paid});
            break;
        }
        case 2: { // refund
            auto const amount = 1 + below(3000);
            auto const refunded = store->ledger().post_credit({.account_id = accounts[who], .kind = TransactionKind::refund,
                                                              .amount = Money::from_nanos(amount), .now = Timestamp{now}});
            ASSERT_EQ(refunded.has_value(), m.refund(amount));
            break;
        }
        case 3: // expiry
            store->ledger().expire_grants(Timestamp{now});
            for (auto& [id, each] : model) each.expire(now);
            break;
        default: { // a batch, with repeats of older records
            std::vector<RequestRecord> records;
            for (auto n = below(12); n > 0; --n) {
                if (!old.empty() && below(5) == 0) {
                    records.push_back(old[static_cast<std::size_t>(below(old.size()))]);
                    continue;
                }
                auto const payer = static_cast<std::size_t>(below(4));
                auto r = record(accounts[payer], keys[payer], "0", now - t0.ms);
                r.charge = Money::from_nanos(below(4) ? below(800) : 0);
                model[accounts[payer].value].charge(r.charge.nanos());
                old.push_back(r);
                records.push_back(r);
            }
            apply(records);
        }
        }
        for (auto const id : accounts) ASSERT_EQ(balance(id).nanos(), model[id.value].balance()) << "step " << step;
    }
    for (auto const id : accounts) EXPECT_EQ(store->ledger().balance(id).spent.nanos(), model[id.value].spent);
    EXPECT_EQ(store->records().summary({}).requests, static_cast<std::int64_t>(old.size()));
}

} // namespace
} // namespace tollgate::conformance
