#include "net/chunked.hpp"

#include <algorithm>
#include <limits>

namespace tollgate::net {
namespace {

constexpr std::uint32_t digits_max = 16;
constexpr std::uint32_t extension_bytes_max = 256;
constexpr std::uint32_t trailer_bytes_max = 8 * 1024;

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_control(char c) noexcept { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

} // namespace

ChunkedDecoder::Fed ChunkedDecoder::feed(std::string_view bytes, std::vector<std::string_view>& data) {
    std::size_t at = 0;
    while (at < bytes.size() && step_ != Step::done && step_ != Step::bad) {
        if (step_ == Step::data) {
            auto const n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
            data.push_back(bytes.substr(at, n));
            at += n;
            left_ -= n;
            if (left_ == 0) step_ = Step::data_cr;
        } else if (take_control(bytes[at])) {
            ++at;
        } else {
            step_ = Step::bad;
        }
    }
    auto const state = step_ == Step::done ? State::done : step_ == Step::bad ? State::bad : State::more;
    return {state, at};
}

/// One byte of framing. False: not allowed here.
bool ChunkedDecoder::take_control(char c) noexcept {
    switch (step_) {
    case Step::size_first:
        bounded_ = 0;
        left_ = 0;
        step_ = Step::size;
        if (hex_value(c) < 0) return false;
        [[fallthrough]];
    case Step::size:
        if (int const digit = hex_value(c); digit >= 0) {
            if (++bounded_ > digits_max) return false;
            if (left_ > (std::numeric_limits<std::uint64_t>::max() >> 5)) return false; // over 2^63−1 with this digit
            left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
            return true;
        }
        if (c == ';') bounded_ = 0;
        step_ = c == '\r' ? Step::size_lf : Step::extension;
        return c == '\r' || c == ';';
    case Step::extension:
        if (c == '\r') {
            step_ = Step::size_lf;
            return true;
        }
        return !is_control(c) && ++bounded_ <= extension_bytes_max;
    case Step::size_lf:
        bounded_ = 0;
        step_ = left_ > 0 ? Step::data : Step::trailer_start;
        return c == '\n';
    case Step::data_cr: step_ = Step::data_lf; return c == '\r';
    case Step::data_lf: step_ = Step::size_first; return c == '\n';
    case Step::trailer_start:
        step_ = c == '\r' ? Step::end_lf : Step::trailer;
        return c == '\r' || (!is_control(c) && c != ' ' && c != '\t' && c != ':' && ++bounded_ <= trailer_bytes_max);
    case Step::trailer:
        if (c == '\r') {
            step_ = Step::trailer_lf;
            return true;
        }
        return !is_control(c) && ++bounded_ <= trailer_bytes_max;
    case Step::trailer_lf: step_ = Step::trailer_start; return c == '\n';
    case Step::end_lf: step_ = Step::done; return c == '\n';
    case Step::data:
    case Step::done:
    case Step::bad: break;
    }
    return false;
}

} // namespace tollgate::net
