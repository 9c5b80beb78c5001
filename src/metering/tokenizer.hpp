#pragma once
// Exact token counts for OpenAI's encodings, and marked estimates for everybody else's.
//
// The vocabularies are compact hash tables made at build time and linked into the binary's read-only data:
// nothing is loaded or allocated at start, and only the pages that counting touches become resident.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tollgate::metering {

enum class Encoding : std::uint8_t { o200k_base = 0, cl100k_base };

/// How to count for a model. `exact`: the model's own encoding. Otherwise tokens = ⌈count × permille / 1000⌉,
/// an estimate that leans upwards; a figure made with it must be marked as estimated
/// (UsageSource::estimated).
struct ModelEncoding {
    Encoding encoding = Encoding::o200k_base;
    bool exact = true;
    std::int32_t permille = 1000;
    friend bool operator==(ModelEncoding const&, ModelEncoding const&) = default;
};

/// Decides by the model's name, as providers spell it: vendor prefixes (`openai/…`), fine-tune prefixes
/// (`ft:…`), suffixes (`:online`), dates and upper case do not matter. OpenAI families are exact (gpt-3.5,
/// gpt-4, gpt-4-turbo, text-embedding → cl100k_base; gpt-4o, gpt-4.1, gpt-5, o1, o3, o4, gpt-oss and later →
/// o200k_base); others, known or not, are estimates over o200k_base.
ModelEncoding encoding_for_model(std::string_view model) noexcept;

/// Applies the estimate's factor to an o200k/cl100k count, rounding up.
std::int64_t scaled(ModelEncoding how, std::int64_t tokens) noexcept;

/// Counts and encodes. Immutable, safe from any thread, a few bytes to copy; `app/` makes one and hands it
/// down.
///
/// Text is UTF-8. Invalid sequences count as U+FFFD, one per maximal subpart (what a JSON decoder or
/// TextEncoder would have sent). Special tokens (`<|endoftext|>` …) in the text are ordinary text, as in a
/// provider's own count of user content. No input fails and none is quadratic. One unbroken piece (a run with
/// no boundary at all, such as a megabyte of one letter) over 1 MiB is counted in 1 MiB parts, which may add
/// a token per part.
class Tokenizer {
public:
    Tokenizer();

    /// Tokens of `utf8`. Takes about 7 ns a byte for prose and code, 50 for CJK, 250 for one endless random
    /// word: keep texts over some KiB off the I/O threads.
    std::int64_t count(Encoding encoding, std::string_view utf8) const;
    /// The same with the model's factor applied.
    std::int64_t count(ModelEncoding how, std::string_view utf8) const;

    std::vector<std::uint32_t> encode(Encoding encoding, std::string_view utf8) const;
    /// The bytes of one token (not always whole UTF-8 characters); empty for an id outside the vocabulary.
    /// Valid for the life of the program.
    std::string_view token_bytes(Encoding encoding, std::uint32_t token) const noexcept;
};

} // namespace tollgate::metering
