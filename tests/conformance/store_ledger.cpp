#include "backends.hpp"

namespace tollgate::conformance {
namespace {

using store::TransactionKind;

class LedgerStore : public StoreTest {
protected:
    Result<store::TransactionRow> post(AccountId id, TransactionKind kind, std::string const& amount) {
        store::CreditRequest r;
        r.account_id = id;
        r.kind = kind;
        r.amount = usd(amount);
        r.now = t0;
        return store->ledger().post_credit(r);
    }
};
INSTANTIATE_TEST_SUITE_P(Backends, LedgerStore, every_backend, backend_name);

TEST_P(LedgerStore, PurchaseRaisesTheBalance) {
    auto const a = account();
    EXPECT_EQ(balance(a), Money{});
    auto const t = credit(a, "10", "order-1");
    EXPECT_TRUE(t.id);
    EXPECT_EQ(t.kind, TransactionKind::purchase);
    EXPECT_EQ(t.amount, usd("10"));
    EXPECT_EQ(t.balance_before, usd("0"));
    EXPECT_EQ(t.balance_after, usd("10"));
    EXPECT_EQ(t.reference, "order-1");
    EXPECT_EQ(store::transaction_public_id(t), format_id(t.id));
    EXPECT_EQ(balance(a), usd("10"));
    EXPECT_EQ(store->ledger().balance(a).earned, usd("10"));
}

TEST_P(LedgerStore, TheSameReferenceReturnsTheFirstTransaction) {
    auto const a = account("a"), b = account("b");
    auto const first = credit(a, "10", "order-1");
    auto const second = credit(a, "99", "order-1", TransactionKind::bonus);
    EXPECT_FALSE(first.existed);
    EXPECT_TRUE(second.existed);
    EXPECT_EQ(second.id, first.id);
    EXPECT_EQ(second.amount, usd("10"));
    EXPECT_EQ(balance(a), usd("10"));
    credit(b, "1", "order-1");
    EXPECT_EQ(balance(b), usd("1")) << "references are the account's own";
    credit(b, "1");
    credit(b, "1");
    EXPECT_EQ(balance(b), usd("3")) << "without a reference every credit is its own";
}

TEST_P(LedgerStore, RefusesWhatMakesNoSense) {
    auto const a = account();
    EXPECT_EQ(post(AccountId{99}, TransactionKind::purchase, "1").error().code, Errc::not_found);
    EXPECT_EQ(post(a, TransactionKind::purchase, "0").error().code, Errc::invalid_request);
    EXPECT_EQ(post(a, TransactionKind::purchase, "-1").error().code, Errc::invalid_request);
    EXPECT_EQ(post(a, TransactionKind::refund, "-1").error().code, Errc::invalid_request);
    EXPECT_EQ(post(a, TransactionKind::usage, "1").error().code, Errc::invalid_request);
    EXPECT_EQ(post(a, TransactionKind::expiry, "1").error().code, Errc::invalid_request);
    EXPECT_EQ(store->ledger().post_credit({.account_id = a, .amount = usd("1"), .reference = std::string(256, 'x'), .now = t0})
                  .error().code, Errc::invalid_request);
    EXPECT_TRUE(store->ledger().transactions({}, {.account_id = a}).rows.empty());
}

TEST_P(LedgerStore, RefundsAtMostTheUnspentPaidPart) {
    auto const a = account();
    credit(a, "5", "", TransactionKind::bonus);
    credit(a, "10");
    auto const too_much = post(a, TransactionKind::refund, "10.000000001");
    ASSERT_FALSE(too_much);
    EXPECT_EQ(too_much.error().code, Errc::insufficient_credits);
    EXPECT_NE(too_much.error().message.find("10 USD"), std::string::npos) << too_much.error().message;
    auto const refund = post(a, TransactionKind::refund, "4");
    ASSERT_TRUE(refund);
    EXPECT_EQ(refund->amount, usd("-4"));
    EXPECT_EQ(refund->balance_after, usd("11"));
    EXPECT_TRUE(post(a, TransactionKind::refund, "6"));
    EXPECT_FALSE(post(a, TransactionKind::refund, "0.01"));
    EXPECT_EQ(balance(a), usd("5"));
}

TEST_P(LedgerStore, AdjustmentsGoBothWays) {
    auto const a = account();
    EXPECT_TRUE(post(a, TransactionKind::adjustment, "3"));
    EXPECT_EQ(post(a, TransactionKind::adjustment, "-4").error().code, Errc::insufficient_credits);
    auto const down = post(a, TransactionKind::adjustment, "-3");
    ASSERT_TRUE(down);
    EXPECT_EQ(down->amount, usd("-3"));
    EXPECT_EQ(balance(a), usd("0"));
    EXPECT_TRUE(store->ledger().grants(a).empty());
}

TEST_P(LedgerStore, GrantsBurnByPriorityThenExpiryThenAge) {
    auto const a = account();
    auto const k = key(a, 1).id;
    auto const grant = [&](std::string const& amount, TransactionKind kind, std::string const& reference,
                           std::optional<Timestamp> expires, std::optional<int> priority = {}) {
        store::CreditRequest r;
        r.account_id = a;
        r.kind = kind;
        r.amount = usd(amount);
        r.reference = reference;
        r.expires_at = expires;
        r.priority = priority;
        r.now = t0;
        ASSERT_TRUE(store->ledger().post_credit(r));
    };
    grant("1", TransactionKind::purchase, "paid", {});
    grant("1", TransactionKind::bonus, "promo never", {});
    grant("1", TransactionKind::bonus, "promo late", Timestamp{t0.ms + 2 * day});
    grant("1", TransactionKind::bonus, "promo soon", Timestamp{t0.ms + day});
    grant("1", TransactionKind::adjustment, "goodwill", {});
    grant("1", TransactionKind::purchase, "first", {}, 1);
    auto const order = [&] {
        std::vector<std::string> out;
        for (auto const& g : store->ledger().grants(a)) out.push_back(g.reference);
        return out;
    };
    EXPECT_EQ(order(), (std::vector<std::string>{"first", "promo soon", "promo late", "promo never", "goodwill", "paid"}));
    apply({record(a, k, "1.5")});
    auto const grants = store->ledger().grants(a);
    ASSERT_EQ(grants.size(), 5U);
    EXPECT_EQ(grants[0].reference, "promo soon");
    EXPECT_EQ(grants[0].remaining, usd("0.5"));
    EXPECT_EQ(grants[0].amount, usd("1"));
    apply({record(a, k, "3.5")});
    EXPECT_EQ(order(), std::vector<std::string>{"paid"});
    EXPECT_EQ(balance(a), usd("1"));
}

TEST_P(LedgerStore, WhatExceedsTheGrantsBecomesOverdraftAndIsRepaidFirst) {
    auto const a = account();
    auto const k = key(a, 1).id;
    credit(a, "1");
    apply({record(a, k, "1.25")});
    EXPECT_EQ(balance(a), usd("-0.25"));
    EXPECT_TRUE(store->ledger().grants(a).empty());
    apply({record(a, k, "0.5")});
    EXPECT_EQ(balance(a), usd("-0.75"));
    auto const small = credit(a, "0.5");
    EXPECT_EQ(small.balance_before, usd("-0.75"));
    EXPECT_EQ(small.balance_after, usd("-0.25"));
    EXPECT_TRUE(store->ledger().grants(a).empty()) << "the whole credit went into the overdraft";
    credit(a, "10");
    EXPECT_EQ(balance(a), usd("9.75"));
    EXPECT_EQ(store->ledger().grants(a).at(0).remaining, usd("9.75"));
    EXPECT_EQ(post(a, TransactionKind::refund, "9.76").error().code, Errc::insufficient_credits);
}

TEST_P(LedgerStore, ExpiryTakesWhatIsLeftOnce) {
    auto const a = account();
    auto const k = key(a, 1).id;
    store::CreditRequest r;
    r.account_id = a;
    r.kind = TransactionKind::bonus;
    r.amount = usd("2");
    r.expires_at = Timestamp{t0.ms + hour};
    r.now = t0;
    ASSERT_TRUE(store->ledger().post_credit(r));
    credit(a, "1");
    apply({record(a, k, "0.5")});
    EXPECT_TRUE(store->ledger().expire_grants(Timestamp{t0.ms + hour - 1}).empty());
    auto const expired = store->ledger().expire_grants(Timestamp{t0.ms + hour});
    ASSERT_EQ(expired.size(), 1U);
    EXPECT_EQ(expired[0].kind, TransactionKind::expiry);
    EXPECT_EQ(expired[0].account_id, a);
    EXPECT_EQ(expired[0].amount, usd("-1.5"));
    EXPECT_EQ(balance(a), usd("1"));
    EXPECT_TRUE(store->ledger().expire_grants(Timestamp{t0.ms + day}).empty());
}

TEST_P(LedgerStore, TransactionsMergeCreditsAndUsageInBookingOrder) {
    auto const a = account("a"), b = account("b");
    auto const k1 = key(a, 1).id, k2 = key(a, 2).id, k3 = key(b, 3).id;
    credit(a, "10", "one");
    apply({record(a, k1, "1", 10), record(b, k3, "1", 15), record(a, k2, "0", 20), record(a, k2, "2", 30)});
    credit(a, "5", "two");
    apply({record(a, k1, "3", 40)});
    auto const page = store->ledger().transactions({}, {.account_id = a});
    std::vector<std::string> amounts;
    for (auto const& t : page.rows) amounts.push_back(format_usd(t.amount));
    EXPECT_EQ(amounts, (std::vector<std::string>{"-3", "5", "-2", "-1", "10"}));
    EXPECT_EQ(page.next, 0);
    for (std::size_t i = 0; i + 1 < page.rows.size(); ++i)
        EXPECT_EQ(page.rows[i].balance_before, page.rows[i + 1].balance_after) << i;
    EXPECT_EQ(page.rows[0].balance_after, usd("9"));
    EXPECT_EQ(page.rows[0].description, "demo/echo");
    EXPECT_EQ(page.rows[0].key_id, k1);
    EXPECT_TRUE(store::transaction_public_id(page.rows[0]).starts_with("use_"));

    std::vector<std::string> paged; // the same in pages of one
    store::PageRequest one{.limit = 1};
    do {
        auto const p = store->ledger().transactions(one, {.account_id = a});
        ASSERT_EQ(p.rows.size(), 1U);
        paged.push_back(format_usd(p.rows[0].amount));
        one.cursor = p.next;
    } while (one.cursor != 0);
    EXPECT_EQ(paged, amounts);

    auto const second = store->ledger().transactions({.limit = 2, .offset = 2}, {.account_id = a});
    EXPECT_EQ(second.rows.at(0).amount, usd("-2"));
    auto const by_key = store->ledger().transactions({}, {.account_id = a, .key_id = k1});
    EXPECT_EQ(by_key.rows.size(), 2U);
    EXPECT_EQ(store->ledger().transactions({}, {.account_id = {}, .key_id = k2}).rows.size(), 1U) << "a charge of 0 is none";
    auto const ranged = store->ledger().transactions({}, {.account_id = a, .key_id = {}, .start = Timestamp{t0.ms + 20},
                                                          .end = Timestamp{t0.ms + 40}});
    ASSERT_EQ(ranged.rows.size(), 1U);
    EXPECT_EQ(ranged.rows[0].amount, usd("-2"));
    EXPECT_EQ(store->ledger().balance(a).spent, usd("6"));
    EXPECT_EQ(store->ledger().balances().size(), 2U);
}

} // namespace
} // namespace tollgate::conformance
