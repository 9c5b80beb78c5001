#include <set>

#include "backends.hpp"

namespace tollgate::conformance {
namespace {

class RecordStore : public StoreTest {
protected:
    /// 60 records of mixed kinds over 3 batches; every 6th failed, models and keys take turns.
    void fill() {
        a = account("a");
        b = account("b");
        for (int i = 0; i < 4; ++i) keys.push_back(key(i < 2 ? a : b, i).id);
        std::vector<RequestRecord> records;
        for (int i = 0; i < 60; ++i) {
            auto const which = static_cast<std::size_t>(i % 4);
            auto r = record(which < 2 ? a : b, keys[which], "0.01", i * minute);
            r.model = i % 3 == 0 ? "gpt" : "claude";
            r.provider = i % 5 == 0 ? "azure" : "demo";
            if (i % 7 == 0) r.route = "convert";
            if (i % 6 == 0) {
                r.status = 502;
                r.outcome = Outcome::upstream_error;
                r.charge = r.cost = Money{};
            }
            all.push_back(r);
            records.push_back(r);
            if (i % 20 == 19) apply(std::exchange(records, {}));
        }
    }
    /// What the filter must find, newest first, by brute force.
    std::vector<Uuid> expected(store::RecordFilter const& f) {
        std::vector<Uuid> out;
        for (auto r = all.rbegin(); r != all.rend(); ++r)
            if ((!f.account_id || r->account_id == f.account_id) && (!f.key_id || r->key_id == f.key_id) &&
                (!f.model || r->model == *f.model) && (!f.route || r->route == *f.route) &&
                (!f.provider || r->provider == *f.provider) && (!f.status || r->status == *f.status) &&
                (!f.outcome || r->outcome == *f.outcome) && (!f.start || r->time >= *f.start) && (!f.end || r->time < *f.end))
                out.push_back(r->request_id);
        return out;
    }
    std::vector<Uuid> listed(store::RecordFilter const& f, int limit) {
        std::vector<Uuid> out;
        store::PageRequest page{.limit = limit};
        do {
            auto const got = store->records().list(page, f);
            for (auto const& r : got.rows) out.push_back(r.record.request_id);
            EXPECT_TRUE(got.next == 0 || got.rows.size() == static_cast<std::size_t>(limit));
            page.cursor = got.next;
        } while (page.cursor != 0);
        return out;
    }
    AccountId a, b;
    std::vector<KeyId> keys;
    std::vector<RequestRecord> all;
};
INSTANTIATE_TEST_SUITE_P(Backends, RecordStore, every_backend, backend_name);

TEST_P(RecordStore, EveryCombinationOfFiltersFindsExactlyItsRecords) {
    fill();
    std::vector<std::optional<std::string>> const models{{}, "gpt", "nothing"}, providers{{}, "azure"}, routes{{}, "convert", ""};
    int combinations = 0;
    for (auto const& model : models)
        for (auto const& provider : providers)
            for (auto const& route : routes)
                for (int owner = 0; owner < 4; ++owner)
                    for (int result = 0; result < 4; ++result)
                        for (int range = 0; range < 2; ++range) {
                            store::RecordFilter f;
                            f.model = model;
                            f.provider = provider;
                            f.route = route;
                            if (owner & 1) f.account_id = a;
                            if (owner & 2) f.key_id = keys[0];
                            if (result == 1) f.status = 502;
                            if (result == 2) f.outcome = Outcome::upstream_error;
                            if (result == 3) f.status = 200, f.outcome = Outcome::success;
                            if (range) f.start = Timestamp{t0.ms + 10 * minute + 1}, f.end = Timestamp{t0.ms + 50 * minute};
                            ASSERT_EQ(listed(f, 7), expected(f)) << "combination " << combinations;
                            ++combinations;
                        }
    EXPECT_EQ(combinations, 3 * 2 * 3 * 4 * 4 * 2);
}

TEST_P(RecordStore, OffsetSkipsAndLimitIsClamped) {
    fill();
    store::RecordFilter const by_key{.account_id = {}, .key_id = keys[1]};
    auto const want = expected(by_key);
    auto const got = store->records().list({.limit = 3, .offset = 4}, by_key);
    ASSERT_EQ(got.rows.size(), 3U);
    EXPECT_EQ(got.rows[0].record.request_id, want[4]);
    auto const plain = store->records().list({.limit = 3, .offset = 58}, {});
    EXPECT_EQ(plain.rows.size(), 2U);
    EXPECT_EQ(store->records().list({.limit = 0}, {}).rows.size(), 1U);
    EXPECT_EQ(store->records().list({.limit = 5'000}, {}).rows.size(), 60U);
}

TEST_P(RecordStore, NewRecordsDoNotDisturbAPageWalk) {
    fill();
    auto const first = store->records().list({.limit = 10}, {});
    apply({record(a, keys[0], "1", 999 * minute)});
    auto const second = store->records().list({.cursor = first.next, .limit = 10}, {});
    EXPECT_EQ(second.rows.at(0).record.request_id, all[49].request_id);
}

TEST_P(RecordStore, LongStreamsAreFoundByTheTimeTheyBegan) {
    auto const owner = account();
    auto const k = key(owner, 1).id;
    auto const stream = record(owner, k, "1", 0); // began first, ended last
    apply({record(owner, k, "1", 30 * minute)});
    apply({record(owner, k, "1", 90 * minute), stream});
    store::RecordFilter const f{.account_id = owner, .key_id = {}, .start = t0, .end = Timestamp{t0.ms + minute}};
    auto const found = store->records().list({}, f);
    ASSERT_EQ(found.rows.size(), 1U);
    EXPECT_EQ(found.rows[0].record.request_id, stream.request_id);
}

TEST_P(RecordStore, ForEachStreamsEverythingOnceInOrder) {
    fill();
    std::set<std::string> ids;
    store::Cursor last = 0;
    store->records().for_each(0, [&](store::StoredRecord const& s) {
        EXPECT_GT(s.position, last);
        last = s.position;
        ids.insert(s.record.request_id.text());
        return true;
    });
    EXPECT_EQ(ids.size(), 60U);
    EXPECT_EQ(store->records().last_position(), last);
    int rest = 0;
    store->records().for_each(last - 5, [&](auto const&) { return ++rest < 3; });
    EXPECT_EQ(rest, 3);
}

TEST_P(RecordStore, MadeUpNamesStayOutOfTheDictionaryButInTheRecord) {
    auto const owner = account();
    auto r = record(owner, key(owner, 1).id, "0");
    r.status = 404;
    r.outcome = Outcome::refused;
    r.model = "no-such-model-\xff";
    r.provider = "";
    apply({r});
    EXPECT_EQ(store->records().get(r.request_id)->record.model, r.model);
    EXPECT_EQ(store->records().breakdown({}, store::BreakdownBy::model, 10).at(0).name, "");
    EXPECT_EQ(store->records().list({}, {.account_id = owner}).rows.size(), 1U);
}

} // namespace
} // namespace tollgate::conformance
