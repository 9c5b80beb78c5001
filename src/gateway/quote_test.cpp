#include "gateway/quote.hpp"

#include <gtest/gtest.h>
#include <string>

#include "gateway/counting.hpp"
#include "pricing/price_text.hpp"
#include "pricing/rate.hpp"

namespace tollgate::gateway {
namespace {

constexpr Timestamp at{1'790'000'000'000};
constexpr std::int64_t default_max = 4096;

/// A plan over hand-made targets; keeps what it points into.
struct TestPlan {
    std::vector<std::unique_ptr<routing::Target>> targets;
    std::vector<std::unique_ptr<routing::PriceEntry>> prices;
    Plan plan;
    void offer(std::string model, std::string_view price_json, std::int64_t context_window = 0) {
        auto target = std::make_unique<routing::Target>();
        target->provider_model = std::move(model);
        target->context_window = context_window;
        auto price = std::make_unique<routing::PriceEntry>();
        price->price = *pricing::parse_price_json(price_json);
        plan.candidates[plan.count++] = Offer{target.get(), price.get()};
        targets.push_back(std::move(target));
        prices.push_back(std::move(price));
    }
};

dialects::Ask ask(std::string const& body, Surface surface = Surface::openai_chat) { return *dialects::understand(surface, body); }

TEST(make_quote, holds_the_whole_maximum_of_a_whole_answer) {
    TestPlan p;
    p.offer("gpt-4o", R"({"input":"2.5","output":"10"})", 128'000);
    std::string const body = R"({"model":"m","max_tokens":1000,"n":3,"messages":[{"role":"user","content":"hi"}]})";
    auto const quote = make_quote(p.plan, ask(body), default_max, at);
    EXPECT_EQ(quote.output_max, 3'000);
    EXPECT_TRUE(quote.output_named);
    EXPECT_FALSE(quote.stepwise);
    EXPECT_GE(quote.input_bound, static_cast<std::int64_t>(body.size())) << "a byte is at least a token";
    EXPECT_GE(quote.amount.nanos(), 3'000 * 10'000) << "$10 per million is 10,000 nano per token";
}

TEST(make_quote, holds_a_stream_step_by_step_unless_output_is_unseen) {
    TestPlan p;
    p.offer("gpt-4o", R"({"input":"2.5","output":"10"})", 128'000);
    std::string const stream = R"({"model":"m","stream":true,"max_tokens":9000,"messages":[{"role":"user","content":"hi"}]})";
    auto const stepwise = make_quote(p.plan, ask(stream), default_max, at);
    EXPECT_TRUE(stepwise.stepwise);
    EXPECT_LT(stepwise.amount.nanos(), (512 + 400) * 10'000);
    TestPlan reasoning;
    reasoning.offer("o3-mini", R"({"input":"2.5","output":"10"})", 128'000);
    auto const whole = make_quote(reasoning.plan, ask(stream), default_max, at);
    EXPECT_FALSE(whole.stepwise);
    EXPECT_GE(whole.amount.nanos(), 9'000 * 10'000);
}

TEST(make_quote, takes_the_dearest_target) {
    TestPlan p;
    p.offer("cheap", R"({"input":"1","output":"1"})");
    p.offer("dear", R"({"input":"1","output":"100"})");
    std::string const body = R"({"model":"m","max_tokens":1000,"messages":[{"role":"user","content":"hi"}]})";
    EXPECT_GE(make_quote(p.plan, ask(body), default_max, at).amount.nanos(), 1'000 * 100'000);
}

TEST(make_quote, bounds_an_unnamed_maximum_by_the_context_window) {
    TestPlan p;
    p.offer("known", R"({"input":"1","output":"1"})", 32'000);
    std::string const body = R"({"model":"m","messages":[{"role":"user","content":"hi"}]})";
    auto const quote = make_quote(p.plan, ask(body), default_max, at);
    EXPECT_EQ(quote.output_max, 32'000);
    EXPECT_FALSE(quote.output_named);
}

TEST(make_quote, prices_images_and_one_hour_caching_at_their_dearer_rate) {
    TestPlan p;
    p.offer("claude", R"({"input":"3","output":"15","cache_write_1h":"6"})");
    std::string const plain = R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"hello there"}]}]})";
    std::string const cached = R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"hello there","cache_control":{"type":"ephemeral","ttl":"1h"}}]}]})";
    auto const of_plain = make_quote(p.plan, ask(plain, Surface::anthropic_messages), default_max, at);
    auto const of_cached = make_quote(p.plan, ask(cached, Surface::anthropic_messages), default_max, at);
    EXPECT_GE(of_cached.amount.nanos(), of_cached.input_bound * 6'000);
    EXPECT_GT(of_cached.amount, of_plain.amount);
    std::string const image = R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}]}]})";
    EXPECT_GT(make_quote(p.plan, ask(image, Surface::anthropic_messages), default_max, at).media_bound, 0);
}

TEST(affordable_output, is_covered_by_the_money_it_was_made_for) {
    TestPlan p;
    p.offer("a", R"({"input":"2.5","output":"10"})");
    p.offer("b", R"({"input":"2.5","output":"20"})");
    std::string const body = R"({"model":"m","n":2,"messages":[{"role":"user","content":"hi"}]})";
    auto const a = ask(body);
    auto const quote = make_quote(p.plan, a, default_max, at);
    for (std::int64_t const nanos : {2'000'000, 5'000'000, 40'000'000, 1'000'000'000}) {
        auto const n = affordable_output(p.plan, a, quote, Money::from_nanos(nanos), at);
        ASSERT_TRUE(n) << nanos;
        EXPECT_LE(dearest_ceiling(p.plan, bounded_usage(a, quote, *n * 2), at).nanos(), nanos);
    }
    EXPECT_FALSE(affordable_output(p.plan, a, quote, Money::from_nanos(1'000), at)) << "does not even cover the prompt";
}

TEST(count_prompt, counts_texts_and_not_syntax) {
    metering::Tokenizer const tokenizer;
    auto const how = metering::encoding_for_model("gpt-4o");
    auto const count = count_prompt(tokenizer, how, Surface::openai_chat, R"({"model":"gpt-4o","messages":[{"role":"user","content":"hello world"}]})");
    EXPECT_EQ(count.tokens, 3 + 1 + 2 + 3) << "a message, its role, its two tokens, and the reply's priming";
    EXPECT_FALSE(count.estimated);
    EXPECT_EQ(count_prompt(tokenizer, how, Surface::openai_embeddings, R"({"model":"m","input":["hello world","hello"]})").tokens, 3);
}

} // namespace
} // namespace tollgate::gateway
