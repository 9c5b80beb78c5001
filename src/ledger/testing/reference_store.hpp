#pragma once
// The store as the ledger sees it, in plain maps: written apart from the real one, so that each checks the
// other, and able to be copied at any moment (a crash) and to fail on demand. For tests only.
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "ledger/ledger.hpp"
#include "ledger/wallets.hpp"
#include "store/account_store.hpp"
#include "store/ledger_store.hpp"
#include "store/store.hpp"

namespace tollgate::ledger::testing {

class ReferenceStore final : public store::LedgerStore, public store::AccountStore {
public:
    struct State {
        std::map<std::string, store::JournalMark> marks;
        std::map<Uuid, RequestRecord> records;
        std::vector<Uuid> order;
        std::map<Uuid, store::HoldRow> holds;
        std::map<AccountId, Money> balances;
        std::map<std::pair<AccountId, std::string>, store::TransactionRow> posted;
        std::vector<store::ReplayRow> replays;
        std::map<AccountId, store::AccountRow> accounts;
        std::uint64_t transactions = 0;
        std::int64_t duplicates = 0;
    };
    State state;
    std::deque<State> before; ///< states before the last commits of `apply`, newest last, if keep_before
    bool keep_before = false;
    bool away = false;          ///< every call throws
    bool lose_next_ack = false; ///< the next write commits, then throws
    std::string id = std::string(32, '5');

    Stores stores() { return Stores{*this, *this, id}; }
    void account(std::int64_t n, Money overdraft = {}, bool suspended = false) {
        store::AccountRow row;
        row.id = AccountId{n};
        row.overdraft = overdraft;
        row.suspended = suspended;
        state.accounts[row.id] = row;
    }

    // LedgerStore
    Result<store::TransactionRow> post_credit(store::CreditRequest const& r) override {
        reach();
        if (!r.reference.empty())
            if (auto const it = state.posted.find({r.account_id, r.reference}); it != state.posted.end()) {
                auto row = it->second;
                row.existed = true;
                return row;
            }
        Money const delta = r.kind == store::TransactionKind::refund ? -r.amount : r.amount;
        Money& balance = state.balances[r.account_id];
        if ((balance + delta).is_negative() && delta.is_negative())
            return fail(Errc::insufficient_credits, "the unspent credit does not cover it");
        store::TransactionRow row;
        row.id = TransactionId{static_cast<std::int64_t>(++state.transactions)};
        row.account_id = r.account_id;
        row.kind = r.kind;
        row.amount = delta;
        row.reference = r.reference;
        row.balance_before = balance;
        balance += delta;
        row.balance_after = balance;
        state.posted[{r.account_id, r.reference.empty() ? "#" + std::to_string(row.id.value) : r.reference}] =
            row;
        before.clear(); // a credit is durable when it is answered
        acknowledge();
        return row;
    }
    std::vector<store::TransactionRow> expire_grants(Timestamp) override { return {}; }
    store::Page<store::TransactionRow> transactions(store::PageRequest const&,
                                                    store::TransactionFilter const& f) override {
        reach();
        store::Page<store::TransactionRow> page;
        for (auto const& [key, row] : state.posted)
            if (key.first == f.account_id)
                page.rows.push_back(row);
        return page;
    }
    std::vector<store::GrantRow> grants(AccountId) override { return {}; }
    store::AccountBalance balance(AccountId id_) override {
        reach();
        Money spent;
        for (auto const& [request, record] : state.records)
            if (record.account_id == id_)
                spent += record.charge;
        return {id_, state.balances[id_], {}, spent};
    }
    std::vector<store::AccountBalance> balances() override {
        reach();
        std::vector<store::AccountBalance> rows;
        auto const copy = state.balances;
        for (auto const& [account_id, balance_] : copy)
            rows.push_back(balance(account_id));
        return rows;
    }
    Result<store::ApplyResult> apply(store::ApplyBatch const& batch) override {
        reach();
        store::JournalMark& mark_ = state.marks[batch.node];
        if (mark_ != batch.from)
            return store::ApplyResult{false, mark_, 0, 0};
        if (keep_before)
            before.push_back(state);
        if (before.size() > 3)
            before.pop_front();
        store::ApplyResult result;
        for (auto const& record : batch.records) {
            if (record.charge.is_negative())
                return fail(Errc::invalid_request, "negative charge");
            if (!state.records.emplace(record.request_id, record).second) {
                ++result.duplicates;
                ++state.duplicates;
                continue;
            }
            state.order.push_back(record.request_id);
            state.balances[record.account_id] -= record.charge;
            ++result.inserted;
        }
        for (auto const& hold : batch.holds)
            state.holds[hold.request_id] = hold;
        for (auto const& closed : batch.closed_holds)
            state.holds.erase(closed);
        for (auto const& replay : batch.replays)
            state.replays.push_back(replay);
        mark_ = batch.to;
        result.applied = true;
        result.mark = mark_;
        acknowledge();
        return result;
    }
    store::JournalMark mark(std::string const& node) override {
        reach();
        return state.marks[node];
    }
    std::vector<store::HoldRow> open_holds() override {
        reach();
        std::vector<store::HoldRow> rows;
        for (auto const& [id_, row] : state.holds)
            rows.push_back(row);
        return rows;
    }
    std::vector<store::KeySpend> key_spends(Timestamp now) override {
        reach();
        std::map<KeyId, store::KeySpend> spends;
        WindowIndex const current = window_index(now);
        for (auto const& [id_, record] : state.records) {
            auto& spend = spends[record.key_id];
            spend.key_id = record.key_id;
            WindowIndex const index = window_index(record.time);
            if (index.day == current.day)
                spend.day += record.charge;
            if (index.week == current.week)
                spend.week += record.charge;
            if (index.month == current.month)
                spend.month += record.charge;
            spend.total += record.charge;
        }
        std::vector<store::KeySpend> rows;
        for (auto const& [id_, spend] : spends)
            rows.push_back(spend);
        return rows;
    }
    store::KeySpend key_spend(KeyId key, Timestamp now) override {
        for (auto const& row : key_spends(now))
            if (row.key_id == key)
                return row;
        return {key, {}, {}, {}, {}};
    }

    // AccountStore
    Result<store::AccountRow> create(store::AccountRow const& row) override {
        return state.accounts[row.id] = row;
    }
    store::AccountRow find_or_create(store::AccountRow const& row, bool&) override { return row; }
    std::optional<store::AccountRow> get(AccountId) override { return std::nullopt; }
    std::optional<store::AccountRow> find_external(std::string_view) override { return std::nullopt; }
    store::Page<store::AccountRow> list(store::PageRequest const&, std::string_view) override { return {}; }
    Result<void> update(store::AccountRow const& row) override {
        state.accounts[row.id] = row;
        return {};
    }
    void for_each(std::function<void(store::AccountRow const&)> const& visit) override {
        reach();
        for (auto const& [id_, row] : state.accounts)
            visit(row);
    }

private:
    void reach() const {
        if (away)
            throw store::StoreUnavailable("simulated outage");
    }
    void acknowledge() {
        if (!std::exchange(lose_next_ack, false))
            return;
        throw store::StoreUnavailable("simulated: connection lost during commit");
    }
};

} // namespace tollgate::ledger::testing
