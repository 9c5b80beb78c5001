#include "metering/incremental.hpp"

#include "metering/pieces.hpp"
#include "metering/utf8.hpp"

namespace tollgate::metering {

void IncrementalCounter::append(std::string_view utf8) {
    while (!utf8.empty()) { // in slices, so that the tail's memory stays small
        auto const slice = utf8.substr(0, tail_max);
        tail_.append(slice);
        if (tail_.size() >= settle_at_)
            settle();
        utf8.remove_prefix(slice.size());
    }
}

void IncrementalCounter::settle() {
    auto const incomplete = incomplete_utf8_suffix(tail_);
    auto complete = tail_.size() - incomplete;
    if (valid_utf8_prefix(std::string_view(tail_).substr(0, complete)) != complete) {
        auto const rest = tail_.substr(complete);
        tail_ = replace_invalid_utf8(std::string_view(tail_).substr(0, complete));
        complete = tail_.size();
        tail_ += rest;
    }
    auto const text = std::string_view(tail_).substr(0, complete);
    auto const& file = vocabulary_file();
    auto const& v = file.of(encoding_);
    auto const* const end = text.data() + text.size();
    auto const force = tail_.size() > tail_max;
    std::size_t done = 0;
    Splitter splitter(file.classes, end);
    for_each_piece(encoding_, text, splitter, [&](char const* p, char const* e) {
        if (splitter.looked_at_end && !(force && done == 0))
            return false;
        settled_ += count_piece(v, p, e, end);
        done = static_cast<std::size_t>(e - text.data());
        return true;
    });
    tail_.erase(0, done);
    // Doubling keeps a long piece that arrives in crumbs from being split again for each crumb.
    constexpr std::size_t step = 256;
    settle_at_ = tail_.size() * 2 < step ? step : tail_.size() * 2;
    if (settle_at_ > tail_max + step)
        settle_at_ = tail_max + step;
}

std::int64_t IncrementalCounter::count() const {
    return settled_ + tokenizer_.count(encoding_, tail_);
}

} // namespace tollgate::metering
