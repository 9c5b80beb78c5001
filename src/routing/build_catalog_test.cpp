#include "routing/build_catalog.hpp"

#include <algorithm>
#include <chrono>
#include <gtest/gtest.h>
#include <set>
#include <thread>

#include "pricing/price_text.hpp"
#include "providers/demo/demo.hpp"
#include "routing/choose.hpp"

namespace tollgate::routing {
namespace {

constexpr Timestamp now{1'800'000'000'000};

class BuildCatalog : public testing::Test {
protected:
    TargetStates states;
    CatalogInput input;
    static std::shared_ptr<pricing::Book const> book() {
        static auto const shared = *pricing::Book::builtin();
        return shared;
    }
    void SetUp() override {
        input.book = book();
        input.states = &states;
        input.now = now;
        input.file_name = "tollgate.toml";
    }
    config::ProviderConfig& provider(std::string name, std::string kind = "openai", Source source = Source::file) {
        ProviderDeclaration p;
        p.source = source;
        p.config.name = std::move(name);
        p.config.kind = std::move(kind);
        p.config.api_key = Secret("sk-operator");
        p.config.line = 7;
        input.providers.push_back(std::move(p));
        return input.providers.back().config;
    }
    config::ModelConfig& model(std::string name, std::vector<config::TargetConfig> targets, Source source = Source::file) {
        ModelDeclaration m;
        m.source = source;
        m.id = ModelId{source == Source::api ? 5 : 0};
        m.config.name = std::move(name);
        m.config.targets = std::move(targets);
        m.config.line = 9;
        input.models.push_back(std::move(m));
        return input.models.back().config;
    }
    /// Kept until the test ends, as the models found in it are not owned by those who found them.
    std::shared_ptr<Catalog const> build(StorePrices const& store = {}) { return built.emplace_back(build_catalog(input, store)); }
    std::vector<std::shared_ptr<Catalog const>> built;
    /// The problems, one a line.
    static std::string problems(Catalog const& catalog) {
        std::string out;
        for (auto const& p : catalog.problems()) out += p.text() + "\n";
        return out;
    }
};

TEST_F(BuildCatalog, AModelOfTheFileCanBeCalled) {
    provider("openai");
    model("fast", {{"openai", "gpt-4o-mini"}}).multiplier = Multiplier::from_ppb(1'200'000'000);
    auto const catalog = build();
    EXPECT_EQ(problems(*catalog), "");
    auto const found = catalog->find("fast");
    ASSERT_TRUE(found);
    ASSERT_EQ(found->targets.size(), 1u);
    auto const& target = found->targets[0];
    EXPECT_EQ(target.provider->base_url, "https://api.openai.com/v1");
    EXPECT_EQ(target.provider->price_provider, "openai");
    EXPECT_TRUE(target.provider->head(Surface::openai_chat));
    EXPECT_FALSE(target.provider->head(Surface::anthropic_messages));
    EXPECT_EQ(target.provider_model, "gpt-4o-mini");
    EXPECT_EQ(target.context_window, book()->find("openai", "gpt-4o-mini").model->context_window);
    EXPECT_EQ(found->list_price(target, now)->price, book()->find("openai", "gpt-4o-mini").model->price);
    EXPECT_EQ(found->source, Source::file);
    EXPECT_EQ(catalog->find("Fast"), nullptr);
    EXPECT_EQ(catalog->find(""), nullptr);
    EXPECT_EQ(catalog->provider("openai")->name, "openai");
    EXPECT_EQ(catalog->provider("other"), nullptr);
}

TEST_F(BuildCatalog, AnOwnPriceReplacesTheBooksButTheCostStays) {
    provider("openai");
    model("m", {{"openai", "gpt-4o"}}).price = {{"input", "10"}, {"output", "20"}};
    auto const found = build()->find("m");
    auto const& target = found->targets[0];
    auto const* list = found->list_price(target, now);
    ASSERT_TRUE(list);
    EXPECT_NE(list->price, target.cost.price);
    EXPECT_EQ(target.cost.price, book()->find("openai", "gpt-4o").model->price);
}

TEST_F(BuildCatalog, ScheduledPricesComeIntoForceByTime) {
    provider("openai");
    model("m", {{"openai", "gpt-4o"}});
    auto price = [](char const* usd) {
        std::vector<pricing::PriceField> const fields{{"input", usd}};
        return *pricing::parse_price(fields);
    };
    input.models[0].versions = {{Timestamp{now.ms + 100}, price("2"), {}}, {Timestamp{now.ms}, price("1"), {}}};
    auto const found = build()->find("m");
    auto at = [&](std::int64_t ms) { return found->list_price(found->targets[0], Timestamp{ms})->price; };
    EXPECT_EQ(at(now.ms - 1), found->targets[0].cost.price); // the book's until then
    EXPECT_EQ(at(now.ms)->hash(), price("1")->hash());
    EXPECT_EQ(at(now.ms + 99)->hash(), price("1")->hash());
    EXPECT_EQ(at(now.ms + 100)->hash(), price("2")->hash());
}

TEST_F(BuildCatalog, WhosePriceIsDecidedByKindThenSettingThenAddress) {
    struct Case {
        std::string_view kind, price_provider, base_url, want;
    };
    for (auto const& [kind, price_provider, base_url, want] :
         {Case{"openai", "", "http://127.0.0.1:9/v1", "openai"}, Case{"anthropic", "", "", "anthropic"},
          Case{"openai_compatible", "", "https://api.groq.com/openai/v1", "groq"},
          Case{"openai_compatible", "mistral", "https://llm.internal/v1", "mistral"},
          Case{"openai_compatible", "", "https://llm.internal/v1", ""}}) {
        input.providers.clear();
        auto& config = provider("p", std::string(kind));
        config.price_provider = price_provider;
        config.base_url = base_url;
        auto const catalog = build();
        ASSERT_EQ(catalog->providers().size(), 1u) << problems(*catalog);
        EXPECT_EQ(catalog->providers()[0]->price_provider, want) << kind << " " << base_url;
    }
}

TEST_F(BuildCatalog, NoPriceIsUnsetNotFree) {
    provider("own", "openai_compatible").base_url = "https://llm.internal/v1";
    model("m", {{"own", "llama"}});
    auto const found = build()->find("m");
    EXPECT_EQ(found->list_price(found->targets[0], now), nullptr);
    EXPECT_EQ(choose(*found, Surface::openai_chat, now, 1).error().code, Errc::model_price_unset);
}

TEST_F(BuildCatalog, ExposeOffersPricedModelsByPattern) {
    provider("openai").expose = {"gpt-4o*", "o3"};
    auto const catalog = build();
    ASSERT_TRUE(catalog->find("gpt-4o"));
    EXPECT_EQ(catalog->find("gpt-4o")->source, Source::expose);
    EXPECT_TRUE(catalog->find("gpt-4o-mini"));
    EXPECT_TRUE(catalog->find("o3"));
    EXPECT_FALSE(catalog->find("gpt-4.1"));
    EXPECT_FALSE(catalog->find("no-such-model"));
    for (auto const& m : catalog->models()) {
        EXPECT_TRUE(m->name.starts_with("gpt-4o") || m->name == "o3") << m->name;
        EXPECT_TRUE(m->targets[0].cost.price) << m->name;
    }
    EXPECT_TRUE(std::is_sorted(catalog->models().begin(), catalog->models().end(),
                               [](auto const& a, auto const& b) { return a->name < b->name; }));
}

TEST_F(BuildCatalog, ExposedModelsAnswerToTheirDatedNamesToo) {
    provider("openai").expose = {"*"};
    auto const catalog = build([](auto const& uses) {
        std::vector<PriceVersionId> ids;
        for (std::size_t i = 0; i < uses.size(); ++i) ids.push_back({static_cast<std::int64_t>(i) + 1});
        return ids;
    });
    auto const dated = catalog->find("gpt-4o-mini-2024-07-18");
    ASSERT_TRUE(dated);
    EXPECT_EQ(dated->targets[0].provider_model, "gpt-4o-mini-2024-07-18"); // asked for as it was
    auto const plain = catalog->find("gpt-4o-mini");
    EXPECT_EQ(dated->targets[0].cost.price, plain->targets[0].cost.price);
    EXPECT_EQ(dated->targets[0].cost.version, plain->targets[0].cost.version);
    EXPECT_EQ(dated->targets[0].state, plain->targets[0].state);
    EXPECT_EQ(catalog->find("gpt-4o-mini-2024-07-18"), dated); // remembered
    for (int i = 0; i < 5000; ++i) EXPECT_FALSE(catalog->find("junk-" + std::to_string(i))); // and bounded
    EXPECT_TRUE(catalog->find("gpt-4o-mini-2024-07-18"));
    EXPECT_FALSE(catalog->find(std::string(1000, 'x')));
}

TEST_F(BuildCatalog, DeclaredModelsHideExposedOnesAndTheFirstProviderWins) {
    provider("first").expose = {"gpt-4o"};
    provider("second").expose = {"gpt-4o", "gpt-4o-mini"};
    model("gpt-4o-mini", {{"first", "gpt-4o"}});
    auto const catalog = build();
    EXPECT_EQ(catalog->find("gpt-4o")->targets[0].provider->name, "first");
    EXPECT_EQ(catalog->find("gpt-4o-mini")->targets[0].provider_model, "gpt-4o");
    EXPECT_EQ(problems(*catalog), "");
}

TEST_F(BuildCatalog, DisabledThingsAreListedButNotCalled) {
    provider("on");
    auto& off = provider("off");
    off.enabled = false;
    off.expose = {"gpt-4o"};
    model("m", {{"off", "gpt-4o"}, {"on", "gpt-4o"}});
    model("hidden", {{"on", "gpt-4o"}}).enabled = false;
    auto const catalog = build();
    EXPECT_EQ(problems(*catalog), "");
    EXPECT_EQ(catalog->find("m")->targets.size(), 1u);
    EXPECT_FALSE(catalog->find("hidden"));
    EXPECT_FALSE(catalog->find("gpt-4o"));
    EXPECT_EQ(catalog->models().size(), 2u);
    EXPECT_EQ(catalog->providers().size(), 2u);
}

TEST_F(BuildCatalog, TheDemoNeedsNothing) {
    input.demo_base_url = "http://127.0.0.1:1";
    config::UpstreamConfig upstream;
    upstream.proxy = "http://proxy.example:3128"; // the demo is never behind it
    input.upstream = upstream;
    auto const catalog = build();
    EXPECT_EQ(problems(*catalog), "");
    for (auto const name : {providers::demo::echo_model, providers::demo::stream_model, providers::demo::embed_model}) {
        auto const found = catalog->find(name);
        ASSERT_TRUE(found) << name;
        EXPECT_EQ(found->source, Source::builtin);
        EXPECT_TRUE(found->list_price(found->targets[0], now)) << name;
        EXPECT_FALSE(found->targets[0].provider->endpoint.proxy);
    }
    auto const echo = catalog->find("demo/echo");
    EXPECT_TRUE(choose(*echo, Surface::openai_chat, now, 1));
    EXPECT_TRUE(choose(*echo, Surface::anthropic_messages, now, 1));
    input.demo_base_url.clear();
    EXPECT_FALSE(build()->find("demo/echo"));
}

TEST_F(BuildCatalog, EveryDistinctPriceIsStoredOnceAndNumbered) {
    provider("openai").expose = {"gpt-4o", "gpt-4o-mini"};
    model("m", {{"openai", "gpt-4o"}}).price = {{"input", "1"}};
    model("n", {{"openai", "gpt-4o"}}).price = {{"input", "1"}};
    std::vector<PriceUse> stored;
    auto const catalog = build([&](auto const& uses) {
        stored = uses;
        std::vector<PriceVersionId> ids;
        for (std::size_t i = 0; i < uses.size(); ++i) ids.push_back({static_cast<std::int64_t>(i) + 100});
        return ids;
    });
    std::set<std::string> hashes, scopes;
    for (auto const& use : stored) {
        EXPECT_TRUE(hashes.insert(use.price->hash()).second);
        scopes.insert(use.scope);
    }
    EXPECT_TRUE(scopes.contains("book:openai/gpt-4o"));
    EXPECT_TRUE(scopes.contains("model:m"));
    auto number_of = [&](PriceEntry const& entry) {
        for (std::size_t i = 0; i < stored.size(); ++i)
            if (stored[i].price->hash() == entry.price->hash()) return static_cast<std::int64_t>(i) + 100;
        return std::int64_t{0};
    };
    for (auto const& m : catalog->models())
        for (auto const& target : m->targets) {
            EXPECT_EQ(target.cost.version.value, number_of(target.cost));
            auto const* list = m->list_price(target, now);
            EXPECT_EQ(list->version.value, number_of(*list));
            EXPECT_NE(list->version.value, 0);
        }
}

TEST_F(BuildCatalog, APriceThatIsNewerThanTheBookGoesFirst) {
    provider("openai").expose = {"gpt-4o"};
    std::vector<pricing::PriceField> const fields{{"input", "123"}};
    auto const newer = *pricing::parse_price(fields);
    input.newer_price = [&](std::string_view who, std::string_view what) {
        return who == "openai" && what == "gpt-4o" ? newer : nullptr;
    };
    EXPECT_EQ(build()->find("gpt-4o")->targets[0].cost.price, newer);
}

TEST_F(BuildCatalog, RuntimeStateOutlivesTheCatalog) {
    provider("openai");
    model("m", {{"openai", "gpt-4o"}}).limits.rpm = 5;
    auto const first = build()->find("m");
    auto const* state = first->targets[0].state;
    auto const number = first->limit_number;
    EXPECT_NE(number, 0);
    auto const again = build();
    EXPECT_EQ(again->find("m")->targets[0].state, state);
    EXPECT_EQ(again->find("m")->limit_number, number);
    EXPECT_EQ(again->find("m")->limits.rpm, 5);
}

TEST_F(BuildCatalog, AddressesSetByApiMustBePublic) {
    struct Case {
        std::string_view base_url;
        bool want;
    };
    for (auto const& [base_url, want] :
         {Case{"http://127.0.0.1:8080/v1", false}, Case{"http://169.254.169.254/v1", false}, Case{"http://[::1]/v1", false},
          Case{"http://localhost:1/v1", false}, Case{"http://10.0.0.1/v1", false}, Case{"https://llm.example.com/v1", true}}) {
        for (auto const source : {Source::api, Source::file}) {
            input.providers.clear();
            provider("p", "openai_compatible", source).base_url = base_url;
            auto const catalog = build();
            EXPECT_EQ(catalog->problems().empty(), want || source == Source::file) << base_url << problems(*catalog);
            if (!catalog->providers().empty()) {
                EXPECT_EQ(catalog->providers()[0]->endpoint.public_only, source == Source::api);
            }
        }
    }
    input.upstream.allow_private = true;
    input.providers.clear();
    provider("p", "openai_compatible", Source::api).base_url = "http://127.0.0.1:8080/v1";
    EXPECT_EQ(problems(*build()), "");
}

TEST_F(BuildCatalog, ProblemsSayWhereAndWhatAndTheRestIsBuilt) {
    provider("good");
    provider("typo", "opnai");
    provider("keyless").api_key = Secret();
    provider("nowhere", "openai_compatible");
    provider("good", "anthropic");
    provider("odd").options = {{"api_version", "1"}};
    provider("strange").price_provider = "anthropic";
    model("lost", {{"goood", "gpt-4o"}});
    model("half", {{"typo", "x"}, {"good", "gpt-4o"}});
    model("dear", {{"good", "gpt-4o"}}).price = {{"inputt", "1"}};
    model("empty", {});
    model("twice", {{"good", "gpt-4o"}});
    model("twice", {{"good", "o3"}}, Source::api);
    auto const catalog = build();
    auto const text = problems(*catalog);
    for (auto const* want :
         {"provider 'typo' (tollgate.toml:7): kind: ", "provider 'keyless' (tollgate.toml:7): kind 'openai' needs an api_key",
          "provider 'nowhere' (tollgate.toml:7): kind 'openai_compatible' needs a base_url",
          "provider 'good' (tollgate.toml:7): a provider of this name exists already",
          "provider 'odd' (tollgate.toml:7): unknown option 'api_version'",
          "provider 'strange' (tollgate.toml:7): kind 'openai' has the prices of 'openai'",
          "model 'lost' (tollgate.toml:9): a target names the provider 'goood', which is not declared or cannot be used; nearest is 'good'",
          "model 'half' (tollgate.toml:9): a target names the provider 'typo'", "model 'dear' (tollgate.toml:9): ",
          "model 'empty' (tollgate.toml:9): has no targets", "model 'twice': a model of this name exists already"})
        EXPECT_NE(text.find(want), std::string::npos) << want << "\nin\n" << text;
    EXPECT_EQ(catalog->problems().size(), 11u) << text;
    EXPECT_EQ(text.find("sk-operator"), std::string::npos);
    EXPECT_EQ(catalog->find("half")->targets.size(), 1u);
    EXPECT_FALSE(catalog->find("lost"));
    EXPECT_FALSE(catalog->find("dear")); // rather not offered than offered at another price
    EXPECT_EQ(catalog->find("twice")->source, Source::file);
}

TEST_F(BuildCatalog, ExtraHeadersAreSent) {
    provider("p").options = {{"header.OpenAI-Project", "proj_1"}};
    auto const catalog = build();
    EXPECT_EQ(problems(*catalog), "");
    std::string head;
    catalog->providers()[0]->head(Surface::openai_chat)->write({}, {}, 2, head);
    EXPECT_NE(head.find("OpenAI-Project: proj_1\r\n"), std::string::npos) << head;
    provider("bad").options = {{"header.X", "a\r\nHost: b"}};
    EXPECT_NE(problems(*build()).find("provider 'bad'"), std::string::npos);
}

TEST_F(BuildCatalog, ResolvingIsThreadSafe) {
    provider("openai").expose = {"*"};
    auto const catalog = build();
    std::vector<std::thread> pool;
    std::atomic<int> missing{0};
    for (int t = 0; t < 4; ++t)
        pool.emplace_back([&, t] {
            for (int i = 0; i < 500; ++i) {
                if (!catalog->find("gpt-4o-mini-2024-07-18")) missing.fetch_add(1);
                catalog->find("junk-" + std::to_string(t * 1000 + i));
            }
        });
    for (auto& thread : pool) thread.join();
    EXPECT_EQ(missing.load(), 0);
}

/// Prints figures; passes whatever they are.
TEST_F(BuildCatalog, Figures) {
    provider("openai").expose = {"*"};
    provider("openrouter", "openrouter").expose = {"*"};
    provider("anthropic", "anthropic").expose = {"*"};
    using clock = std::chrono::steady_clock;
    auto const ns = [](auto d) { return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(d).count()); };
    auto t0 = clock::now();
    auto const catalog = build();
    auto t1 = clock::now();
    std::printf("build of %zu models: %.1f ms\n", catalog->models().size(), ns(t1 - t0) / 1e6);
    constexpr int rounds = 200'000;
    std::size_t found = 0;
    t0 = clock::now();
    for (int i = 0; i < rounds; ++i) found += catalog->find("gpt-4o-mini") != nullptr;
    t1 = clock::now();
    std::printf("find: %.0f ns\n", ns(t1 - t0) / rounds);
    auto const m = catalog->find("gpt-4o-mini");
    t0 = clock::now();
    for (int i = 0; i < rounds; ++i) found += choose(*m, Surface::openai_chat, now, 1)->size();
    t1 = clock::now();
    std::printf("choose of one: %.0f ns\n", ns(t1 - t0) / rounds);
    EXPECT_EQ(found, static_cast<std::size_t>(2 * rounds));
}

} // namespace
} // namespace tollgate::routing
