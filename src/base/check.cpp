#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace tollgate {
void check_failed(char const* expression, char const* file, int line, std::string_view what) noexcept {
    std::fprintf(stderr, "tollgate: broken invariant at %s:%d: %s (%.*s)\n", file, line, expression,
                 static_cast<int>(what.size()), what.data());
    std::abort();
}
} // namespace tollgate
