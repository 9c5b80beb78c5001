#pragma once
#include <string_view>

namespace tollgate {
/// Aborts the process with file, line and `what`: for broken invariants only (a bug), never for bad input or a
/// failing environment. Stays on in release builds: a wrong ledger is worse than a stopped one.
[[noreturn]] void check_failed(char const* expression, char const* file, int line, std::string_view what) noexcept;
} // namespace tollgate

#define TOLLGATE_CHECK(expression, what) \
    ((expression) ? void(0) : ::tollgate::check_failed(#expression, __FILE__, __LINE__, (what)))
