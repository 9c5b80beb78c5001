#include "backends.hpp"

namespace tollgate::conformance {
namespace {

class Apply : public StoreTest {
protected:
    store::ApplyBatch batch(std::vector<RequestRecord> records) {
        store::ApplyBatch b;
        b.node = "n1";
        b.from = store->ledger().mark("n1");
        b.to = {b.from.segment + 1, 10, b.from.seq + records.size() + 1};
        b.records = std::move(records);
        b.now = t0;
        return b;
    }
};
INSTANTIATE_TEST_SUITE_P(Backends, Apply, every_backend, backend_name);

TEST_P(Apply, ARecordComesBackExactly) {
    auto const a = account();
    auto r = record(a, key(a, 1).id, "0.0001234");
    r.team_id = TeamId{5};
    r.user_id = UserId{6};
    r.surface = Surface::anthropic_messages;
    r.route = "cloudconvert";
    r.outcome = Outcome::upstream_partial;
    r.status = 502;
    r.error_type = "upstream_failed";
    r.streamed = true;
    r.cached = true;
    r.attempts = 3;
    r.upstream_ms = 77;
    r.overhead_us = 42;
    for (std::size_t i = 0; i < bucket_count; ++i) r.usage.quantity[i] = static_cast<std::int64_t>(i * i * 1000);
    r.usage.anomaly = true;
    r.price_version = PriceVersionId{11};
    r.cost_price_version = PriceVersionId{12};
    r.lines = {{0, 1000, 150'000, 1'000'000}, {9, 3, -5, 3'600}};
    r.cost_lines = {{1, 7, 9, 1}};
    r.multiplier = Multiplier::from_ppb(1'234'567'890);
    r.has_provider_reported_cost = true;
    r.provider_reported_cost = usd("0.00012");
    r.held = usd("0.5");
    r.client_ip = "2001:db8::1";
    r.country = "CH";
    r.user_agent = std::string("bytes \xff\xfe \0 not text", 20);
    r.request_bytes = 300;
    r.response_bytes = 5'000'000'000;
    r.tags = {"a", std::string(300, 'x')};
    r.user = "user-1";
    r.session = "session-1";
    credit(a, "1");
    apply({r});
    auto const got = store->records().get(r.request_id);
    ASSERT_TRUE(got);
    auto const& s = got->record;
    EXPECT_EQ(s.request_id, r.request_id);
    EXPECT_EQ(s.time, r.time);
    EXPECT_EQ(s.account_id, r.account_id);
    EXPECT_EQ(s.team_id, r.team_id);
    EXPECT_EQ(s.user_id, r.user_id);
    EXPECT_EQ(s.key_id, r.key_id);
    EXPECT_EQ(s.key_name, r.key_name);
    EXPECT_EQ(s.surface, r.surface);
    EXPECT_EQ(s.method, r.method);
    EXPECT_EQ(s.path, r.path);
    EXPECT_EQ(s.route, r.route);
    EXPECT_EQ(s.model, r.model);
    EXPECT_EQ(s.provider, r.provider);
    EXPECT_EQ(s.provider_model, r.provider_model);
    EXPECT_EQ(s.status, r.status);
    EXPECT_EQ(s.outcome, r.outcome);
    EXPECT_EQ(s.error_type, r.error_type);
    EXPECT_EQ(s.streamed, r.streamed);
    EXPECT_EQ(s.cached, r.cached);
    EXPECT_EQ(s.attempts, r.attempts);
    EXPECT_EQ(s.latency_ms, r.latency_ms);
    EXPECT_EQ(s.first_byte_ms, r.first_byte_ms);
    EXPECT_EQ(s.upstream_ms, r.upstream_ms);
    EXPECT_EQ(s.overhead_us, r.overhead_us);
    EXPECT_EQ(s.usage, r.usage);
    EXPECT_EQ(s.usage_source, r.usage_source);
    EXPECT_EQ(s.price_version, r.price_version);
    EXPECT_EQ(s.cost_price_version, r.cost_price_version);
    EXPECT_EQ(s.lines, r.lines);
    EXPECT_EQ(s.cost_lines, r.cost_lines);
    EXPECT_EQ(s.multiplier, r.multiplier);
    EXPECT_EQ(s.cost, r.cost);
    EXPECT_EQ(s.charge, r.charge);
    EXPECT_EQ(s.has_provider_reported_cost, r.has_provider_reported_cost);
    EXPECT_EQ(s.provider_reported_cost, r.provider_reported_cost);
    EXPECT_EQ(s.held, r.held);
    EXPECT_EQ(s.client_ip, r.client_ip);
    EXPECT_EQ(s.country, r.country);
    EXPECT_EQ(s.user_agent, r.user_agent);
    EXPECT_EQ(s.request_bytes, r.request_bytes);
    EXPECT_EQ(s.response_bytes, r.response_bytes);
    EXPECT_EQ(s.tags, r.tags);
    EXPECT_EQ(s.user, r.user);
    EXPECT_EQ(s.session, r.session);
    EXPECT_EQ(got->balance_before, usd("1"));
    EXPECT_EQ(got->balance_after, usd("0.9998766"));
}

TEST_P(Apply, TheSameBatchTwiceIsOnce) {
    auto const a = account();
    auto const b = batch({record(a, key(a, 1).id, "1")});
    auto const first = store->ledger().apply(b);
    ASSERT_TRUE(first && first->applied);
    EXPECT_EQ(first->mark, b.to);
    EXPECT_EQ(first->inserted, 1U);
    auto const again = store->ledger().apply(b);
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->applied);
    EXPECT_EQ(again->mark, b.to);
    EXPECT_EQ(balance(a), usd("-1"));
    EXPECT_EQ(store->records().list({}, {}).rows.size(), 1U);
}

TEST_P(Apply, ARequestIdIsChargedOnceWhateverBatchBringsIt) {
    auto const a = account();
    auto const k = key(a, 1).id;
    auto const r = record(a, k, "1"), other = record(a, k, "0.25");
    EXPECT_EQ(apply({r, other, r}).duplicates, 1U) << "inside one batch";
    auto const result = apply({other, record(a, k, "0.5"), r});
    EXPECT_EQ(result.duplicates, 2U) << "across batches";
    EXPECT_EQ(result.inserted, 1U);
    EXPECT_EQ(balance(a), usd("-1.75"));
    EXPECT_EQ(store->records().summary({}).requests, 3);
}

TEST_P(Apply, IdsThatShareTimeAndTailAreStillApart) {
    auto const a = account();
    auto const k = key(a, 1).id;
    auto first = record(a, k, "1"), second = record(a, k, "2"), third = record(a, k, "4");
    second.request_id = third.request_id = first.request_id;
    second.request_id.bytes[8] ^= 1; // neither time nor tail
    third.request_id.bytes[9] ^= 1;
    EXPECT_EQ(apply({first, second}).duplicates, 0U);
    EXPECT_EQ(apply({third}).duplicates, 0U);
    EXPECT_EQ(apply({third, first, second}).duplicates, 3U);
    EXPECT_EQ(store->records().get(first.request_id)->record.charge, usd("1"));
    EXPECT_EQ(store->records().get(second.request_id)->record.charge, usd("2"));
    EXPECT_EQ(store->records().get(third.request_id)->record.charge, usd("4"));
    auto nobody = first.request_id;
    nobody.bytes[10] ^= 1;
    EXPECT_FALSE(store->records().get(nobody));
}

TEST_P(Apply, BalancesAreGivenPerRecordInOrder) {
    auto const a = account();
    auto const k = key(a, 1).id;
    credit(a, "10");
    auto const one = record(a, k, "1"), free = record(a, k, "0"), two = record(a, k, "2");
    apply({one, free, two});
    EXPECT_EQ(store->records().get(one.request_id)->balance_after, usd("9"));
    EXPECT_EQ(store->records().get(free.request_id)->balance_before, usd("9"));
    EXPECT_EQ(store->records().get(free.request_id)->balance_after, usd("9"));
    EXPECT_EQ(store->records().get(two.request_id)->balance_before, usd("9"));
    EXPECT_EQ(store->records().get(two.request_id)->balance_after, usd("7"));
}

TEST_P(Apply, NegativeAmountsAreRefusedWhole) {
    auto const a = account();
    auto bad = record(a, key(a, 1).id, "1");
    bad.charge = usd("-1");
    auto const result = store->ledger().apply(batch({record(a, KeyId{1}, "1"), bad}));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::invalid_request);
    EXPECT_EQ(store->ledger().mark("n1"), store::JournalMark{});
    EXPECT_EQ(balance(a), usd("0"));
}

TEST_P(Apply, NodesHaveTheirOwnMarks) {
    auto b = batch({});
    b.node = "n2";
    EXPECT_TRUE(store->ledger().apply(b)->applied);
    EXPECT_EQ(store->ledger().mark("n2"), b.to);
    EXPECT_EQ(store->ledger().mark("n1"), store::JournalMark{});
}

TEST_P(Apply, HoldsAreKeptWhileOpen) {
    auto const a = account();
    auto const k = key(a, 1).id;
    auto const open = make_uuid7(t0), closed = make_uuid7(t0);
    auto b = batch({});
    b.holds = {{open, a, k, usd("0.5"), 7, std::string("dra\0ft", 6), ""}, {closed, a, k, usd("1"), 3, "", ""}};
    ASSERT_TRUE(store->ledger().apply(b)->applied);
    auto holds = store->ledger().open_holds();
    ASSERT_EQ(holds.size(), 2U);
    EXPECT_EQ(holds[0].request_id, closed) << "in journal order";
    b = batch({});
    b.holds = {{open, a, k, usd("0.75"), 7, "ignored", "progress"}};
    b.closed_holds = {closed, make_uuid7(t0)};
    ASSERT_TRUE(store->ledger().apply(b)->applied);
    holds = store->ledger().open_holds();
    ASSERT_EQ(holds.size(), 1U);
    EXPECT_EQ(holds[0].request_id, open);
    EXPECT_EQ(holds[0].account_id, a);
    EXPECT_EQ(holds[0].key_id, k);
    EXPECT_EQ(holds[0].amount, usd("0.75"));
    EXPECT_EQ(holds[0].seq, 7U);
    EXPECT_EQ(holds[0].draft, std::string("dra\0ft", 6));
    EXPECT_EQ(holds[0].progress, "progress");
}

TEST_P(Apply, ReplaysAreKeptUntilTheyExpire) {
    auto b = batch({});
    b.replays = {{KeyId{1}, "idem-\xff", "hash", std::string("\0sealed", 7), Timestamp{t0.ms + 10}}};
    ASSERT_TRUE(store->ledger().apply(b)->applied);
    auto const got = store->idempotency().replay(KeyId{1}, "idem-\xff", t0);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->sealed, std::string("\0sealed", 7));
    EXPECT_EQ(got->request_hash, "hash");
    EXPECT_FALSE(store->idempotency().replay(KeyId{2}, "idem-\xff", t0));
    EXPECT_FALSE(store->idempotency().replay(KeyId{1}, "idem-\xff", Timestamp{t0.ms + 10}));
    EXPECT_EQ(store->idempotency().replays(t0).size(), 1U);
    EXPECT_EQ(store->idempotency().purge(Timestamp{t0.ms + 10}), 1U);
}

TEST_P(Apply, KeySpendFollowsUtcWindows) {
    auto const a = account();
    auto const k = key(a, 1).id, other = key(a, 2).id;
    // t0 is Monday 21 September 2026, 14:13 UTC.
    apply({record(a, k, "1", 0), record(a, k, "2", -14 * hour), record(a, k, "4", -15 * hour), // the last is Sunday 20
           record(a, k, "8", -20 * day), record(a, k, "16", -21 * day), record(a, other, "0.5", 0)});
    auto const check = [&](store::KeySpend const& s) {
        EXPECT_EQ(s.day, usd("3"));
        EXPECT_EQ(s.week, usd("3"));
        EXPECT_EQ(s.month, usd("15"));
        EXPECT_EQ(s.total, usd("31"));
    };
    check(store->ledger().key_spend(k, t0));
    auto const all = store->ledger().key_spends(t0);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].key_id, k);
    check(all[0]);
    EXPECT_EQ(all[1].day, usd("0.5"));
    auto const tuesday = store->ledger().key_spend(k, Timestamp{t0.ms + day});
    EXPECT_EQ(tuesday.day, usd("0"));
    EXPECT_EQ(tuesday.week, usd("3"));
    auto const october = store->ledger().key_spend(k, Timestamp{t0.ms + 12 * day});
    EXPECT_EQ(october.month, usd("0"));
    EXPECT_EQ(october.total, usd("31"));
}

TEST_P(Apply, EverythingSurvivesReopening) {
    if (!persistent()) return;
    auto const a = account();
    auto const k = key(a, 1).id;
    credit(a, "5");
    auto const r = record(a, k, "1");
    apply({r});
    auto const id = store->store_id();
    EXPECT_EQ(id.size(), 32U);
    reopen();
    EXPECT_EQ(store->store_id(), id);
    EXPECT_EQ(balance(a), usd("4"));
    EXPECT_EQ(store->records().get(r.request_id)->record.model, "demo/echo");
    EXPECT_EQ(apply({r}).duplicates, 1U);
    EXPECT_EQ(apply({record(a, k, "1")}).inserted, 1U);
    EXPECT_EQ(balance(a), usd("3"));
}

} // namespace
} // namespace tollgate::conformance
