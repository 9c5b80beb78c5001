#include "metering/tokenizer.hpp"

#include "metering/pieces.hpp"
#include "metering/utf8.hpp"

namespace tollgate::metering {
namespace {

std::int64_t count_valid(Encoding encoding, std::string_view text) {
    auto const& file = vocabulary_file();
    auto const& v = file.of(encoding);
    auto const* const end = text.data() + text.size();
    Splitter splitter(file.classes, end);
    std::int64_t tokens = 0;
    for_each_piece(encoding, text, splitter, [&](char const* p, char const* e) {
        tokens += count_piece(v, p, e, end);
        return true;
    });
    return tokens;
}

} // namespace

Tokenizer::Tokenizer() {
    vocabulary_file();
}

std::int64_t Tokenizer::count(Encoding encoding, std::string_view utf8) const {
    if (valid_utf8_prefix(utf8) == utf8.size())
        return count_valid(encoding, utf8);
    return count_valid(encoding, replace_invalid_utf8(utf8));
}

std::int64_t Tokenizer::count(ModelEncoding how, std::string_view utf8) const {
    return scaled(how, count(how.encoding, utf8));
}

std::vector<std::uint32_t> Tokenizer::encode(Encoding encoding, std::string_view utf8) const {
    std::string replaced;
    if (valid_utf8_prefix(utf8) != utf8.size())
        utf8 = replaced = replace_invalid_utf8(utf8);
    auto const& file = vocabulary_file();
    auto const& v = file.of(encoding);
    auto const* const end = utf8.data() + utf8.size();
    Splitter splitter(file.classes, end);
    std::vector<std::uint32_t> tokens;
    for_each_piece(encoding, utf8, splitter, [&](char const* p, char const* e) {
        auto const length = static_cast<std::size_t>(e - p);
        auto const whole = v.find(p, length, end);
        if (whole != no_token)
            tokens.push_back(whole);
        else
            merge_piece(v, {p, length}, &tokens);
        return true;
    });
    return tokens;
}

std::string_view Tokenizer::token_bytes(Encoding encoding, std::uint32_t token) const noexcept {
    auto const& v = vocabulary_file().of(encoding);
    return token < v.size() ? v.token(token) : std::string_view{};
}

} // namespace tollgate::metering
