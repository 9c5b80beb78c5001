#include "base/log.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace tollgate::log {
namespace {
bool as_json = false;

spdlog::level::level_enum to_spdlog(Level level) {
    switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warn: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
    }
    return spdlog::level::info;
}

void append_json_text(std::string& out, std::string_view text) {
    out += '"';
    for (char const c : text) {
        auto const u = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (u < 0x20) {
            out += fmt::format("\\u{:04x}", u);
        } else {
            out += c;
        }
    }
    out += '"';
}
} // namespace

void init(Level level, bool json) {
    as_json = json;
    auto logger = std::make_shared<spdlog::logger>("tollgate", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern(json ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    logger->set_level(to_spdlog(level));
    logger->flush_on(spdlog::level::debug);
    spdlog::set_default_logger(logger);
}

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
    auto* logger = spdlog::default_logger_raw();
    auto const at = to_spdlog(level);
    if (!logger->should_log(at)) return;
    std::string line;
    if (as_json) {
        auto const now = std::chrono::system_clock::now().time_since_epoch();
        line = fmt::format("{{\"time_ms\":{},\"level\":\"{}\",\"message\":",
                           std::chrono::duration_cast<std::chrono::milliseconds>(now).count(),
                           spdlog::level::to_string_view(at));
        append_json_text(line, message);
        for (auto const& field : fields) {
            line += ',';
            append_json_text(line, field.key);
            line += ':';
            append_json_text(line, field.value);
        }
        line += '}';
    } else {
        line = message;
        for (auto const& field : fields) line += fmt::format(" {}={}", field.key, field.value);
    }
    logger->log(at, fmt::runtime("{}"), line);
}

} // namespace tollgate::log
