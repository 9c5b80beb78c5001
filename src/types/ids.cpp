#include "types/ids.hpp"

namespace tollgate {
std::int64_t parse_positive(std::string_view digits) noexcept {
    if (digits.empty() || digits.size() > 18 || digits[0] == '0') return 0;
    std::int64_t value = 0;
    for (char const c : digits) {
        if (c < '0' || c > '9') return 0;
        value = value * 10 + (c - '0');
    }
    return value;
}
} // namespace tollgate
