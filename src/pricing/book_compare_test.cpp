// The whole book against the price library's own answers (tools/pricebook/compare.mjs writes the cases).
#include <cmath>
#include <fstream>
#include <map>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "pricing/book.hpp"
#include "pricing/rate.hpp"

namespace tollgate::pricing {
namespace {

namespace json = boost::json;

std::string text(json::value const& value) {
    auto const& s = value.as_string();
    return std::string(s.data(), s.size());
}

double number(json::value const& value) {
    return value.is_double() ? value.get_double() : static_cast<double>(value.as_int64());
}

class BookCompare : public testing::Test {
protected:
    static void SetUpTestSuite() {
        auto made = Book::builtin();
        ASSERT_TRUE(made) << made.error().message;
        book() = *made;
    }
    static std::shared_ptr<Book const>& book() {
        static std::shared_ptr<Book const> instance;
        return instance;
    }
    /// Calls `check` for every case of `type`; returns how many there were.
    template <class Check>
    static std::size_t for_each(std::string_view type, Check check) {
        std::ifstream file(TOLLGATE_COMPARE_FILE);
        std::string const prefix = "{\"t\":\"" + std::string(type) + "\"";
        std::size_t count = 0;
        for (std::string line; std::getline(file, line);) {
            if (!line.starts_with(prefix)) continue;
            ++count;
            auto const value = json::parse(line);
            check(value.as_object(), line);
            if (testing::Test::HasFailure()) break;
        }
        return count;
    }
    static BookModel const& model(json::object const& c) {
        auto const* provider = book()->find_provider(text(c.at("p")));
        return provider->models.at(static_cast<std::size_t>(c.at("i").as_int64()));
    }

    /// Compares one priced case; `rating` is ours (an unpriced model costs the library nothing).
    void compare(json::object const& c, std::string const& line, Result<Rating> const& rating) {
        auto const& total = c.at("total");
        ASSERT_EQ(rating.has_value(), !total.is_null())
            << line << "\n" << (rating ? "accepted" : rating.error().message);
        if (!rating) {
            ++refused_;
            return;
        }
        auto const deviation = std::abs(static_cast<double>(rating->amount.nanos()) - number(total) * 1e9);
        worst_ = std::max(worst_, deviation);
        ASSERT_LE(deviation, 1.0) << line << "\nours " << format_usd(rating->amount);
        auto const again = recompute(rating->lines, Multiplier{});
        ASSERT_TRUE(again);
        ASSERT_EQ(*again, rating->amount) << line;
    }

    std::size_t refused_ = 0;
    double worst_ = 0;
};

TEST_F(BookCompare, finds_the_provider_of_a_url_as_the_library_does) {
    auto const count = for_each("url", [](json::object const& c, std::string const& line) {
        auto const* found = book()->find_provider_by_url(text(c.at("url")));
        auto const expected = c.at("provider").is_null() ? std::string() : text(c.at("provider"));
        EXPECT_EQ(found == nullptr ? std::string() : found->id, expected) << line;
    });
    EXPECT_GT(count, 100u);
}

TEST_F(BookCompare, finds_models_as_the_library_does) {
    std::size_t found = 0;
    auto const count = for_each("find", [&](json::object const& c, std::string const& line) {
        auto const hit = book()->find(text(c.at("p")), text(c.at("m")));
        if (c.at("r").is_null()) {
            EXPECT_FALSE(hit) << line << "\nours " << hit.model->id;
            return;
        }
        ++found;
        ASSERT_TRUE(hit) << line;
        EXPECT_EQ(hit.provider->id, text(c.at("r").as_array()[0])) << line;
        EXPECT_EQ(hit.model->id, text(c.at("r").as_array()[1])) << line;
    });
    EXPECT_GT(count, 20'000u);
    EXPECT_GT(found, 10'000u);
    EXPECT_GT(count - found, 1'000u);
}

TEST_F(BookCompare, prices_library_units_within_a_nano_and_refuses_what_it_refuses) {
    auto const count = for_each("units", [&](json::object const& c, std::string const& line) {
        std::vector<UnitQuantity> usage;
        for (auto const& entry : c.at("u").as_object()) {
            auto const id = unit_from_usage_key({entry.key().data(), entry.key().size()});
            ASSERT_TRUE(id) << line;
            usage.push_back({*id, entry.value().as_int64()});
        }
        Timestamp const at{c.at("at").as_int64()};
        auto const& price = model(c).price;
        compare(c, line, price ? rate_units(*price, usage, at) : Result<Rating>(Rating{}));
    });
    EXPECT_GT(count, 30'000u);
    EXPECT_GT(refused_, 1'000u);
    RecordProperty("cases", static_cast<int>(count));
    std::printf("[ compared ] %zu cases, %zu refused by both, largest deviation %.3f nano-USD\n", count, refused_, worst_);
}

TEST_F(BookCompare, prices_buckets_within_a_nano) {
    auto const count = for_each("buckets", [&](json::object const& c, std::string const& line) {
        Usage usage;
        for (auto const& entry : c.at("b").as_object()) {
            auto const bucket = bucket_from_name({entry.key().data(), entry.key().size()});
            ASSERT_TRUE(bucket) << line;
            usage[*bucket] = entry.value().as_int64();
        }
        Timestamp const at{c.at("at").as_int64()};
        auto const& price = model(c).price;
        compare(c, line, price ? rate(*price, usage, at) : Result<Rating>(Rating{}));
        if (price) {
            auto const most = ceiling(*price, usage, at);
            ASSERT_GE(most, rate(*price, usage, at)->amount) << line;
        }
    });
    EXPECT_GT(count, 10'000u);
    std::printf("[ compared ] %zu cases, largest deviation %.3f nano-USD\n", count, worst_);
}

} // namespace
} // namespace tollgate::pricing
