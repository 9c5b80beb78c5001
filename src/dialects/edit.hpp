#pragma once
// Changing a body without re-encoding it: a few splices over the caller's own bytes.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "dialects/ask.hpp"
#include "types/money.hpp"

namespace tollgate::dialects {

/// At most `edits_max` non-overlapping replacements over one body. The result is a gather list of pieces of the body
/// and of this object: both must outlive its use. Not copied (pieces would dangle); cheap to make per request.
class Edits {
public:
    static constexpr std::size_t edits_max = 8;
    static constexpr std::size_t pieces_max = 2 * edits_max + 1;

    explicit Edits(std::string_view body) : body_(body) {}
    Edits(Edits const&) = delete;
    Edits& operator=(Edits const&) = delete;

    /// Replaces `range` (empty = insert at range.begin) by `text`, which is copied. Ranges must not overlap; two
    /// insertions at one place keep the order of the calls. A ninth edit or an overlap is a bug (TOLLGATE_CHECK).
    void replace(Range range, std::string_view text);

    bool empty() const { return count_ == 0; }
    /// Bytes of the edited body.
    std::size_t size() const { return size_delta_ + body_.size(); }
    /// Calls `piece(std::string_view)` for each part of the edited body, in order, empty parts left out; at most
    /// pieces_max calls. Views into the body and into this object.
    template <class F>
    void for_each(F&& piece) const {
        std::size_t at = 0;
        for (std::size_t i = 0; i < count_; ++i) {
            Edit const& e = edits_[i];
            if (e.begin > at) piece(body_.substr(at, e.begin - at));
            if (e.text_size != 0) piece(std::string_view(text_).substr(e.text_begin, e.text_size));
            at = e.end;
        }
        if (at < body_.size()) piece(body_.substr(at));
    }
    /// The edited body in one string; for tests and for surfaces that need it whole.
    std::string apply() const;

private:
    struct Edit {
        std::size_t begin, end;
        std::uint32_t text_begin, text_size;
    };
    std::string_view body_;
    Edit edits_[edits_max];
    std::size_t count_ = 0;
    std::size_t size_delta_ = 0; // modular arithmetic: the sum with the body's size is never negative
    std::string text_;
};

/// Replaces the model by the target's own id (escaped as needed). No edit when they are equal.
void set_model(Edits& edits, Ask const& ask, std::string_view provider_model);
/// Makes the provider report usage in the stream: adds or completes `stream_options`. No edit when the caller asked.
void add_include_usage(Edits& edits, Ask const& ask);
/// Removes our own `usage` option. No edit when it is not there.
void remove_usage_option(Edits& edits, Ask const& ask);
/// Adds an output limit where the caller named none (or null). Not to be called when `ask.max_tokens` is set.
void set_output_limit(Edits& edits, Ask const& ask, std::string_view provider_model, std::int64_t max_tokens);

/// Appends `text` as a JSON string with quotes (UTF-8 is passed through; control characters are escaped).
void append_json_string(std::string& out, std::string_view text);

} // namespace tollgate::dialects
