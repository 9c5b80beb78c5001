#pragma once
// Structured logging: one JSON object (or one readable line on a terminal) per event, through spdlog.
#include <initializer_list>
#include <string>
#include <string_view>

namespace tollgate::log {

enum class Level { debug, info, warn, error };

/// A field of a log line. Values are text; secrets must never be put here (an end-to-end test runs the program with
/// known secrets and looks for them in its log).
struct Field {
    std::string_view key;
    std::string value;
};

/// `json` = one JSON object a line (for collectors), else readable text. `level` is the least that is written.
void init(Level level, bool json);
void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});

inline void debug(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::debug, m, f); }
inline void info(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::info, m, f); }
inline void warn(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::warn, m, f); }
inline void error(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::error, m, f); }

} // namespace tollgate::log
