#pragma once
// The built-in price book: what providers charge, as kept by the price library and extracted at build time.
// Look-ups walk lists and patterns (microseconds): for building snapshots and the control side, not per request.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pricing/price.hpp"

namespace tollgate::pricing {

namespace detail {
struct BookData;
}

struct BookModel {
    std::string id;
    std::string name;                ///< for people; the id where the book has none
    std::int64_t context_window = 0; ///< tokens; 0 = not known
    bool deprecated = false;
    PricePtr price;                  ///< null: listed without a price, which is unset, not free
};

struct BookProvider {
    std::string id;
    std::string name;
    std::vector<BookModel> models;   ///< in the book's order, which decides between overlapping patterns
};

/// A model found: `model` is null when nothing matched. `provider` is the one asked for; the model may stand in the
/// list of one of its fallback providers. Both live as long as the Book.
struct BookHit {
    BookProvider const* provider = nullptr;
    BookModel const* model = nullptr;
    explicit operator bool() const { return model != nullptr; }
};

/// Immutable; safe to read from several threads.
class Book {
public:
    /// The book compiled into the program. Takes some milliseconds: make it once and share it.
    /// Errors (internal) only when the generated data does not fit this program.
    static Result<std::shared_ptr<Book const>> builtin();
    /// Parses generated data (tools/pricebook/extract.mjs describes it). Errors (internal) name the part.
    static Result<std::shared_ptr<Book const>> parse(std::string_view json);
    ~Book();
    Book(Book const&) = delete;
    Book& operator=(Book const&) = delete;

    std::span<BookProvider const> providers() const;
    std::string_view source() const; ///< "@pydantic/genai-prices 0.1.8"

    /// By id, else by the book's pattern for provider names ("google-vertex" → google). Null when unknown.
    BookProvider const* find_provider(std::string_view id_or_name) const;
    /// By the API's base URL ("https://api.openai.com/v1"). Null when unknown.
    BookProvider const* find_provider_by_url(std::string_view base_url) const;
    /// By the model's name alone ("claude-sonnet-4-5" → anthropic). Null when unknown.
    BookProvider const* find_provider_by_model(std::string_view model_id) const;

    /// The model an id means at this provider: case-insensitive patterns, first match in book order, then the
    /// fallback providers', then the same again with a date -20250929 read as -2025-09-29.
    BookHit find(std::string_view provider_id, std::string_view model_id) const;
    BookHit find(BookProvider const& provider, std::string_view model_id) const;
    /// "openai/gpt-4o", "openrouter/anthropic/claude-sonnet-4.5": provider before the first '/', its model after it;
    /// without a '/', the provider is guessed from the model.
    BookHit find_by_provider_model_id(std::string_view id) const;

private:
    Book();
    std::unique_ptr<detail::BookData> data_;
};

} // namespace tollgate::pricing
