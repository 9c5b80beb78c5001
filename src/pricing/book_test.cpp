#include "pricing/book.hpp"

#include <set>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "pricing/detail/match.hpp"
#include "pricing/rate.hpp"

namespace tollgate::pricing {

namespace generated {
extern std::string_view const book_json;
}

namespace {

std::shared_ptr<Book const> const& book() {
    static auto const instance = Book::builtin().value();
    return instance;
}

TEST(Units, repeat_the_library_registry_exactly) {
    auto const root = boost::json::parse({generated::book_json.data(), generated::book_json.size()});
    auto const& list = root.at("units").as_array();
    std::set<std::string> seen;
    for (auto const& value : list) {
        auto const text = [&](char const* key) {
            auto const& s = value.at(key).as_string();
            return std::string(s.data(), s.size());
        };
        auto const key = text("usage_key");
        seen.insert(key);
        auto const id = unit_from_usage_key(key);
        ASSERT_TRUE(id) << "the library has a new unit '" << key << "': append it to pricing/units.hpp";
        EXPECT_EQ(unit(*id).price_key, text("price_key"));
        EXPECT_EQ(unit(*id).per, value.at("per").as_int64()) << key;
        auto const& dimensions = value.at("dimensions").as_object();
        auto const dimension = [&](char const* name) {
            auto const* found = dimensions.if_contains(name);
            return found == nullptr ? std::string() : std::string(found->as_string().c_str());
        };
        UnitDimensions const& ours = unit(*id).dimensions;
        EXPECT_EQ(ours.family, dimension("family")) << key;
        EXPECT_EQ(ours.direction, dimension("direction")) << key;
        EXPECT_EQ(ours.modality, dimension("modality")) << key;
        EXPECT_EQ(ours.token_type, dimension("token_type")) << key;
        EXPECT_EQ(ours.cache_ttl, dimension("cache_ttl")) << key;
        EXPECT_EQ(ours.tool_type, dimension("tool_type")) << key;
        EXPECT_EQ(ours.page_type, dimension("page_type")) << key;
        std::size_t set = 0;
        for (auto const part : {ours.family, ours.direction, ours.modality, ours.token_type, ours.cache_ttl,
                                ours.tool_type, ours.page_type})
            set += part.empty() ? 0U : 1U;
        EXPECT_EQ(set, dimensions.size()) << key << " has a dimension that units.hpp does not know";
    }
    for (std::size_t i = 0; i < library_unit_count; ++i)
        EXPECT_TRUE(seen.contains(std::string(units[i].usage_key))) << units[i].usage_key << " left the library";
}

TEST(Units, keep_their_stored_numbers) {
    EXPECT_EQ(static_cast<int>(UnitId::audio_seconds), 0);
    EXPECT_EQ(static_cast<int>(UnitId::cache_read_tokens), 9);
    EXPECT_EQ(static_cast<int>(UnitId::cache_write_1h_tokens), 18);
    EXPECT_EQ(static_cast<int>(UnitId::input_tokens), 34);
    EXPECT_EQ(static_cast<int>(UnitId::output_tokens), 50);
    EXPECT_EQ(static_cast<int>(UnitId::requests), 54);
    EXPECT_EQ(static_cast<int>(UnitId::web_searches), 58);
    EXPECT_EQ(static_cast<int>(UnitId::images), 59);
    EXPECT_EQ(static_cast<int>(UnitId::input_images), 60);
}

TEST(Units, know_their_ancestors_and_joins) {
    auto const ancestors = unit_ancestors(UnitId::cache_audio_write_5m_tokens);
    EXPECT_EQ(ancestors, unit_bit(UnitId::input_tokens) | unit_bit(UnitId::cache_write_tokens) |
                             unit_bit(UnitId::cache_write_5m_tokens) | unit_bit(UnitId::input_audio_tokens) |
                             unit_bit(UnitId::cache_audio_write_tokens));
    EXPECT_EQ(unit_ancestors(UnitId::input_tokens), 0u);
    EXPECT_EQ(unit_join(UnitId::cache_read_tokens, UnitId::input_audio_tokens), UnitId::cache_audio_read_tokens);
    EXPECT_EQ(unit_join(UnitId::cache_read_tokens, UnitId::cache_write_tokens), std::nullopt);
    EXPECT_EQ(unit_join(UnitId::input_tokens, UnitId::output_tokens), std::nullopt);
}

TEST(Book, every_price_is_complete_and_survives_storage) {
    std::size_t priced = 0;
    for (auto const& provider : book()->providers())
        for (auto const& model : provider.models) {
            if (!model.price) continue;
            ++priced;
            for (auto const& variant : model.price->spec().variants)
                EXPECT_EQ(coverage_problem(variant), "") << provider.id << '/' << model.id;
            auto const again = Price::from_canonical_json(model.price->canonical_json());
            ASSERT_TRUE(again) << again.error().message;
            EXPECT_EQ((*again)->spec(), model.price->spec());
            EXPECT_EQ((*again)->hash(), model.price->hash());
        }
    EXPECT_GT(priced, 1000u);
}

TEST(Book, knows_well_known_models) {
    auto const hit = book()->find("openai", "gpt-4o");
    ASSERT_TRUE(hit);
    EXPECT_EQ(hit.model->context_window, 128'000);
    Usage usage;
    usage[Bucket::input] = 1000;
    usage[Bucket::output] = 100;
    EXPECT_EQ(format_usd(rate(*hit.model->price, usage, Timestamp{1'795'219'200'000})->amount), "0.0035");
}

TEST(Book, reads_provider_model_ids) {
    struct Case {
        char const* id;
        char const* provider;
        char const* model;
    };
    for (auto const& c : {Case{"openai/gpt-4o", "openai", "gpt-4o"},
                          Case{"anthropic/claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5"},
                          Case{"openrouter/anthropic/claude-sonnet-4.5", "openrouter", "anthropic/claude-sonnet-4.5"},
                          Case{"gpt-4o", "openai", "gpt-4o"},
                          Case{"vertex/claude-sonnet-4-5@20250929", "google", "claude-sonnet-4-5"}}) {
        auto const hit = book()->find_by_provider_model_id(c.id);
        ASSERT_TRUE(hit) << c.id;
        EXPECT_EQ(hit.provider->id, c.provider);
        EXPECT_EQ(hit.model->id, c.model) << c.id;
    }
    EXPECT_FALSE(book()->find_by_provider_model_id("nobody/no-such-model"));
    EXPECT_FALSE(book()->find_by_provider_model_id(""));
    EXPECT_FALSE(book()->find_by_provider_model_id("/"));
    EXPECT_FALSE(book()->find("openai", "no-such-model"));
}

TEST(Book, lists_models_without_a_price_as_unset) {
    std::size_t unset = 0;
    for (auto const& provider : book()->providers())
        for (auto const& model : provider.models) unset += model.price ? 0U : 1U;
    EXPECT_GT(unset, 0u);
}

TEST(Book, refuses_data_it_does_not_understand) {
    for (auto const* bad :
         {"", "[]", "{}", R"({"units":[]})", R"({"units":[{"usage_key":"x"}],"providers":[]})",
          R"({"units":[],"providers":[{"id":"a","name":"A","api_pattern":"(","models":[]}]})",
          R"({"units":[],"providers":[{"id":"a","name":"A","api_pattern":"a","models":[{"id":"m","match":{"like":"x"}}]}]})",
          R"({"units":[],"providers":[{"id":"a","name":"A","api_pattern":"a","models":[{"id":"m","match":{"equals":"x"},"price":{"v":2}}]}]})"}) {
        auto const parsed = Book::parse(bad);
        ASSERT_FALSE(parsed) << bad;
        EXPECT_EQ(parsed.error().code, Errc::internal);
    }
}

TEST(DashedDates, only_real_dates_that_end_a_word_change) {
    using detail::with_dashed_dates;
    EXPECT_EQ(with_dashed_dates("claude-3-20250929"), "claude-3-2025-09-29");
    EXPECT_EQ(with_dashed_dates("m-20240229:free"), "m-2024-02-29:free");
    EXPECT_EQ(with_dashed_dates("m-20240229-20250101-x"), "m-2024-02-29-2025-01-01-x");
    for (auto const* same : {"m-20250231", "m-20251301", "m-19990101", "m20250929", "m-20250929x", "m-2025092", "-", ""})
        EXPECT_EQ(with_dashed_dates(same), same);
}

} // namespace
} // namespace tollgate::pricing
