#include "types/record_codec.hpp"

#include <chrono>
#include <cstdio>
#include <random>

#include <gtest/gtest.h>

namespace tollgate {
namespace {

RequestRecord typical() {
    RequestRecord r;
    r.request_id = make_uuid7(Timestamp{1'790'000'000'123});
    r.time = Timestamp{1'790'000'000'123};
    r.account_id.value = 12;
    r.team_id.value = 3;
    r.user_id.value = 4;
    r.key_id.value = 99'001;
    r.key_name = "production";
    r.surface = Surface::anthropic_messages;
    r.method = "POST";
    r.path = "/v1/messages";
    r.model = "claude-sonnet-4.5";
    r.provider = "anthropic";
    r.provider_model = "claude-sonnet-4-5-20250929";
    r.status = 200;
    r.outcome = Outcome::success;
    r.streamed = true;
    r.attempts = 1;
    r.latency_ms = 812;
    r.first_byte_ms = 230;
    r.upstream_ms = 800;
    r.overhead_us = 41;
    r.usage[Bucket::input] = 1234;
    r.usage[Bucket::output] = 567;
    r.usage_source = UsageSource::provider;
    r.price_version.value = 17;
    r.cost_price_version.value = 17;
    r.lines = {{0, 1234, 3'000'000, 1'000'000}, {6, 567, 15'000'000, 1'000'000}};
    r.multiplier = Multiplier::from_ppb(1'200'000'000);
    r.cost = Money::from_nanos(12'207'000);
    r.charge = Money::from_nanos(14'648'400);
    r.held = Money::from_nanos(99'000'000);
    r.client_ip = "203.0.113.7";
    r.country = "TW";
    r.user_agent = "anthropic-sdk-typescript/0.60.0";
    r.request_bytes = 4096;
    r.response_bytes = 8192;
    r.tags = {"team-a", "batch"};
    r.user = "u-1";
    r.session = "s-1";
    return r;
}

std::string encoded(RequestRecord const& r) {
    std::string out;
    encode_record(r, out);
    return out;
}

/// Equal in everything that is encoded: encoding is injective, so equal bytes mean equal records.
void expect_round_trip(RequestRecord const& r) {
    std::string const bytes = encoded(r);
    auto const back = decode_record(bytes);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(encoded(*back), bytes);
    EXPECT_EQ(back->request_id, r.request_id);
    EXPECT_EQ(back->charge, r.charge);
    EXPECT_EQ(back->lines, r.lines);
    EXPECT_EQ(back->cost_lines, r.cost_lines);
    EXPECT_EQ(back->usage, r.usage);
    EXPECT_EQ(back->tags, r.tags);
}

TEST(record_codec, every_field_survives) {
    RequestRecord const r = typical();
    expect_round_trip(r);
    auto const back = decode_record(encoded(r)).value();
    EXPECT_EQ(back.time, r.time);
    EXPECT_EQ(back.account_id, r.account_id);
    EXPECT_EQ(back.team_id, r.team_id);
    EXPECT_EQ(back.user_id, r.user_id);
    EXPECT_EQ(back.key_id, r.key_id);
    EXPECT_EQ(back.key_name, r.key_name);
    EXPECT_EQ(back.surface, r.surface);
    EXPECT_EQ(back.method, r.method);
    EXPECT_EQ(back.path, r.path);
    EXPECT_EQ(back.model, r.model);
    EXPECT_EQ(back.provider, r.provider);
    EXPECT_EQ(back.provider_model, r.provider_model);
    EXPECT_EQ(back.status, r.status);
    EXPECT_EQ(back.outcome, r.outcome);
    EXPECT_EQ(back.streamed, r.streamed);
    EXPECT_EQ(back.cached, r.cached);
    EXPECT_EQ(back.attempts, r.attempts);
    EXPECT_EQ(back.latency_ms, r.latency_ms);
    EXPECT_EQ(back.first_byte_ms, r.first_byte_ms);
    EXPECT_EQ(back.upstream_ms, r.upstream_ms);
    EXPECT_EQ(back.overhead_us, r.overhead_us);
    EXPECT_EQ(back.usage_source, r.usage_source);
    EXPECT_EQ(back.price_version, r.price_version);
    EXPECT_EQ(back.cost_price_version, r.cost_price_version);
    EXPECT_EQ(back.multiplier, r.multiplier);
    EXPECT_EQ(back.cost, r.cost);
    EXPECT_EQ(back.held, r.held);
    EXPECT_FALSE(back.has_provider_reported_cost);
    EXPECT_EQ(back.client_ip, r.client_ip);
    EXPECT_EQ(back.country, r.country);
    EXPECT_EQ(back.user_agent, r.user_agent);
    EXPECT_EQ(back.request_bytes, r.request_bytes);
    EXPECT_EQ(back.response_bytes, r.response_bytes);
    EXPECT_EQ(back.user, r.user);
    EXPECT_EQ(back.session, r.session);
}

TEST(record_codec, extremes_and_empty_survive) {
    expect_round_trip(RequestRecord{});
    RequestRecord r = typical();
    r.usage.anomaly = true;
    for (auto& q : r.usage.quantity)
        q = std::numeric_limits<std::int64_t>::max();
    r.lines.assign(price_lines_max, {255, std::numeric_limits<std::int64_t>::max(), -1, 1});
    r.cost_lines.assign(price_lines_max, {1, std::numeric_limits<std::int64_t>::min(), 0, 0});
    r.has_provider_reported_cost = true;
    r.provider_reported_cost = Money::from_nanos(std::numeric_limits<std::int64_t>::min());
    r.status = 599;
    r.cached = true;
    expect_round_trip(r);
}

TEST(record_codec, long_texts_are_cut_and_the_bound_holds) {
    RequestRecord r = typical();
    for (auto* text : {&r.key_name, &r.method, &r.path, &r.route, &r.model, &r.provider, &r.provider_model,
                       &r.error_type, &r.client_ip, &r.country, &r.user_agent, &r.user, &r.session})
        text->assign(5000, 'x');
    r.tags.assign(500, std::string(500, 't'));
    r.lines.assign(price_lines_max,
                   {255, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::max(),
                    std::numeric_limits<std::int64_t>::max()});
    r.cost_lines = r.lines;
    for (auto& q : r.usage.quantity)
        q = std::numeric_limits<std::int64_t>::max();
    std::string const bytes = encoded(r);
    EXPECT_LE(bytes.size() + 64, encoded_record_max);
    auto const back = decode_record(bytes);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->user_agent.size(), 512u);
    EXPECT_EQ(back->tags.size(), 64u);
}

TEST(record_codec, cuts_do_not_split_a_character) {
    RequestRecord r;
    r.country = std::string(15, 'a') + "\xE5\x8F\xB0"; // the limit of 16 falls inside
    EXPECT_EQ(decode_record(encoded(r))->country, std::string(15, 'a'));
}

TEST(record_codec, refuses_a_newer_version) {
    std::string bytes = encoded(typical());
    bytes[0] = 2;
    auto const back = decode_record(bytes);
    ASSERT_FALSE(back.has_value());
    EXPECT_NE(back.error().message.find("newer"), std::string::npos);
}

TEST(record_codec, refuses_every_truncation_and_trailing_bytes) {
    std::string const bytes = encoded(typical());
    for (std::size_t n = 0; n < bytes.size(); ++n)
        EXPECT_FALSE(decode_record(bytes.substr(0, n)).has_value()) << n;
    EXPECT_FALSE(decode_record(bytes + '\0').has_value());
}

TEST(record_codec, damaged_bytes_never_crash_or_give_an_unencodable_record) {
    std::mt19937 random(7);
    std::string const good = encoded(typical());
    for (int i = 0; i < 20'000; ++i) {
        std::string bytes = good;
        for (int k = 0; k < 1 + i % 4; ++k)
            bytes[random() % bytes.size()] = static_cast<char>(random());
        auto const back = decode_record(bytes);
        EXPECT_TRUE(!back || encoded(*back).size() <= encoded_record_max);
    }
}

TEST(progress_codec, round_trip_and_damage) {
    Progress p;
    p.usage[Bucket::output] = 256;
    p.usage_source = UsageSource::counted;
    p.lines = {{6, 256, 15'000'000, 1'000'000}};
    p.cost = Money::from_nanos(5);
    p.charge = Money::from_nanos(7);
    char buffer[encoded_progress_max];
    std::string_view const bytes(buffer, encode_progress(p, buffer));
    EXPECT_EQ(decode_progress(bytes).value(), p);
    for (std::size_t n = 0; n < bytes.size(); ++n)
        EXPECT_FALSE(decode_progress(bytes.substr(0, n)).has_value());
}

TEST(record_codec, speed) { // reported, not judged
    RequestRecord const r = typical();
    char buffer[encoded_record_max];
    std::size_t total = 0;
    auto const start = std::chrono::steady_clock::now();
    for (int i = 0; i < 200'000; ++i)
        total += encode_record(r, buffer);
    auto const ns = (std::chrono::steady_clock::now() - start).count() / 200'000;
    std::string const bytes = encoded(r);
    auto const start2 = std::chrono::steady_clock::now();
    for (int i = 0; i < 200'000; ++i)
        total += decode_record(bytes)->path.size();
    auto const ns2 = (std::chrono::steady_clock::now() - start2).count() / 200'000;
    std::printf("encode %ld ns, decode %ld ns, %zu bytes (%zu)\n", long(ns), long(ns2), bytes.size(), total);
}

} // namespace
} // namespace tollgate
