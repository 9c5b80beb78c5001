#include "pricing/book.hpp"

#include <algorithm>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "pricing/detail/match.hpp"
#include "pricing/detail/price_json.hpp"

namespace tollgate::pricing {

namespace generated {
extern std::string_view const book_json;
}

namespace detail {

/// What finds a provider and its models; in the order of Book::providers().
struct ProviderRules {
    Regex api_pattern;
    Match model_match;
    Match provider_match;
    std::vector<std::size_t> fallback; ///< indexes of providers
    std::vector<Match> models;
};

struct BookData {
    std::string source;
    std::vector<BookProvider> providers;
    std::vector<ProviderRules> rules;

    std::size_t index_of(BookProvider const& provider) const {
        return static_cast<std::size_t>(&provider - providers.data());
    }
    BookModel const* match_model(std::size_t provider, std::string_view id) const {
        auto const& models = rules[provider].models;
        auto const lower = to_lower(id);
        for (std::size_t i = 0; i < models.size(); ++i)
            if (models[i].matches(id, lower)) return &providers[provider].models[i];
        return nullptr;
    }
    BookModel const* match_with_fallback(std::size_t provider, std::string_view id) const {
        if (auto const* model = match_model(provider, id)) return model;
        for (auto const other : rules[provider].fallback)
            if (auto const* model = match_model(other, id)) return model;
        return nullptr;
    }
};

} // namespace detail

namespace {

namespace json = boost::json;

Fail broken(std::string_view what) { return fail(Errc::internal, fmt::format("price book: {}", what)); }

std::string text_of(json::object const& object, json::string_view key) {
    auto const* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return {};
    auto const& text = value->get_string();
    return std::string(text.data(), text.size());
}

Result<void> check_units(json::object const& root) {
    auto const* list = root.if_contains("units");
    if (list == nullptr || !list->is_array()) return broken("no unit list");
    for (auto const& value : list->get_array()) {
        if (!value.is_object()) return broken("a unit is not an object");
        auto const key = text_of(value.get_object(), "usage_key");
        auto const id = unit_from_usage_key(key);
        if (!id) return broken(fmt::format("unit '{}' is not in pricing/units.hpp", key));
        auto const* per = value.get_object().if_contains("per");
        if (per == nullptr || !per->is_int64() || per->get_int64() != unit(*id).per ||
            text_of(value.get_object(), "price_key") != unit(*id).price_key)
            return broken(fmt::format("unit '{}' has changed", key));
    }
    return {};
}

Result<detail::Match> optional_match(json::object const& object, json::string_view key) {
    auto const* value = object.if_contains(key);
    if (value == nullptr) return detail::Match{};
    if (!value->is_object()) return broken("a match clause is not an object");
    return detail::match_from_json(value->get_object());
}

Result<void> read_model(json::value const& value, BookProvider& provider, detail::ProviderRules& rules) {
    if (!value.is_object()) return broken("a model is not an object");
    auto const& object = value.get_object();
    BookModel model;
    model.id = text_of(object, "id");
    model.name = text_of(object, "name");
    if (model.id.empty()) return broken("a model without id");
    if (auto const* window = object.if_contains("context_window"); window != nullptr && window->is_int64())
        model.context_window = window->get_int64();
    model.deprecated = object.contains("deprecated");
    if (auto const* price = object.if_contains("price")) {
        if (!price->is_object()) return broken(model.id + ": a price is not an object");
        auto spec = detail::spec_from_json(price->get_object());
        if (!spec) return broken(fmt::format("{}: {}", model.id, spec.error().message));
        auto made = Price::make(std::move(*spec));
        if (!made) return broken(fmt::format("{}: {}", model.id, made.error().message));
        model.price = std::move(*made);
    }
    auto match = optional_match(object, "match");
    if (!match) return Fail(match.error());
    provider.models.push_back(std::move(model));
    rules.models.push_back(std::move(*match));
    return {};
}

Result<void> read_provider(json::object const& object, detail::BookData& data) {
    BookProvider provider;
    detail::ProviderRules rules;
    provider.id = text_of(object, "id");
    provider.name = text_of(object, "name");
    // The library anchors the pattern at the start of the URL only.
    auto pattern = detail::Regex::make(fmt::format("^(?:{})", text_of(object, "api_pattern")));
    if (!pattern) return Fail(pattern.error());
    rules.api_pattern = std::move(*pattern);
    auto model_match = optional_match(object, "model_match");
    if (!model_match) return Fail(model_match.error());
    rules.model_match = std::move(*model_match);
    auto provider_match = optional_match(object, "provider_match");
    if (!provider_match) return Fail(provider_match.error());
    rules.provider_match = std::move(*provider_match);
    auto const* models = object.if_contains("models");
    if (provider.id.empty() || models == nullptr || !models->is_array()) return broken("a provider without id or models");
    for (auto const& value : models->get_array())
        if (auto ok = read_model(value, provider, rules); !ok) return ok;
    data.providers.push_back(std::move(provider));
    data.rules.push_back(std::move(rules));
    return {};
}

void link_fallbacks(json::array const& list, detail::BookData& data) {
    for (std::size_t i = 0; i < list.size(); ++i) {
        auto const* fallback = list[i].get_object().if_contains("fallback");
        if (fallback == nullptr || !fallback->is_array()) continue;
        for (auto const& name : fallback->get_array()) {
            if (!name.is_string()) continue;
            auto const& text = name.get_string();
            for (std::size_t j = 0; j < data.providers.size(); ++j)
                if (data.providers[j].id == std::string_view(text.data(), text.size()))
                    data.rules[i].fallback.push_back(j);
        }
    }
}

} // namespace

Book::Book() : data_(std::make_unique<detail::BookData>()) {}
Book::~Book() = default;

Result<std::shared_ptr<Book const>> Book::builtin() { return parse(generated::book_json); }

Result<std::shared_ptr<Book const>> Book::parse(std::string_view text) {
    json::error_code error;
    json::monotonic_resource memory; // the parsed tree lives only here
    auto const value = json::parse({text.data(), text.size()}, error, &memory);
    if (error || !value.is_object()) return broken("not a JSON object");
    auto const& root = value.get_object();
    if (auto ok = check_units(root); !ok) return Fail(ok.error());
    std::shared_ptr<Book> book(new Book());
    book->data_->source = text_of(root, "source");
    auto const* providers = root.if_contains("providers");
    if (providers == nullptr || !providers->is_array()) return broken("no providers");
    for (auto const& entry : providers->get_array()) {
        if (!entry.is_object()) return broken("a provider is not an object");
        if (auto ok = read_provider(entry.get_object(), *book->data_); !ok) return Fail(ok.error());
    }
    link_fallbacks(providers->get_array(), *book->data_);
    return book;
}

std::span<BookProvider const> Book::providers() const { return data_->providers; }
std::string_view Book::source() const { return data_->source; }

BookProvider const* Book::find_provider(std::string_view id_or_name) const {
    auto const name = detail::to_lower(detail::trim(id_or_name));
    for (auto const& provider : data_->providers)
        if (provider.id == name) return &provider;
    for (std::size_t i = 0; i < data_->rules.size(); ++i)
        if (data_->rules[i].provider_match.matches(name, name)) return &data_->providers[i];
    return nullptr;
}

BookProvider const* Book::find_provider_by_url(std::string_view base_url) const {
    for (std::size_t i = 0; i < data_->rules.size(); ++i)
        if (data_->rules[i].api_pattern.search(base_url)) return &data_->providers[i];
    return nullptr;
}

BookProvider const* Book::find_provider_by_model(std::string_view model_id) const {
    auto const id = detail::to_lower(detail::trim(model_id));
    for (std::size_t i = 0; i < data_->rules.size(); ++i)
        if (data_->rules[i].model_match.matches(id, id)) return &data_->providers[i];
    return nullptr;
}

BookHit Book::find(BookProvider const& provider, std::string_view model_id) const {
    auto const id = detail::to_lower(detail::trim(model_id));
    auto const index = data_->index_of(provider);
    auto const* model = data_->match_with_fallback(index, id);
    if (model == nullptr) {
        auto const dashed = detail::with_dashed_dates(id);
        if (dashed != id) model = data_->match_with_fallback(index, dashed);
    }
    return BookHit{&provider, model};
}

BookHit Book::find(std::string_view provider_id, std::string_view model_id) const {
    auto id = detail::to_lower(detail::trim(model_id));
    auto name = detail::to_lower(detail::trim(provider_id));
    // LiteLLM names the provider inside the model: "litellm" + "anthropic/claude-…".
    if (name == "litellm") {
        auto const slash = id.find('/');
        if (slash != std::string::npos && slash > 0 && slash + 1 < id.size() &&
            find_provider(std::string_view(id).substr(0, slash)) != nullptr) {
            name = id.substr(0, slash);
            id.erase(0, slash + 1);
        }
    }
    auto const* provider = name.empty() ? find_provider_by_model(id) : find_provider(name);
    if (provider == nullptr && name == "litellm") provider = find_provider_by_model(id);
    return provider == nullptr ? BookHit{} : find(*provider, id);
}

BookHit Book::find_by_provider_model_id(std::string_view id) const {
    auto const slash = id.find('/');
    if (slash == std::string_view::npos) return find(std::string_view(), id);
    if (auto const* provider = find_provider(id.substr(0, slash)))
        if (auto const hit = find(*provider, id.substr(slash + 1))) return hit;
    return find(std::string_view(), id); // a model whose own name has a slash
}

} // namespace tollgate::pricing
