#include "base/clock.hpp"

#include <chrono>
#include <ctime>
#include <fmt/format.h>

namespace tollgate {

Timestamp SystemClock::now() const noexcept {
    timespec ts{};
    clock_gettime(CLOCK_REALTIME, &ts);
    return Timestamp{static_cast<std::int64_t>(ts.tv_sec) * 1000 + ts.tv_nsec / 1'000'000};
}

std::int64_t SystemClock::steady_ns() const noexcept {
    timespec ts{};
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return static_cast<std::int64_t>(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
}

std::string format_rfc3339(Timestamp t) {
    using namespace std::chrono;
    sys_time<milliseconds> const at{milliseconds{t.ms}};
    auto const day = floor<days>(at);
    year_month_day const ymd{day};
    hh_mm_ss const hms{at - day};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(ymd.year()),
                       static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()), hms.hours().count(),
                       hms.minutes().count(), hms.seconds().count(), hms.subseconds().count());
}

namespace {
/// Reads exactly `digits` decimal digits at `at`, moving it on; -1 when they are not there.
int read_digits(std::string_view text, std::size_t& at, std::size_t digits) {
    if (at + digits > text.size()) return -1;
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        char const c = text[at + i];
        if (c < '0' || c > '9') return -1;
        value = value * 10 + (c - '0');
    }
    at += digits;
    return value;
}
bool take(std::string_view text, std::size_t& at, char c) {
    if (at >= text.size() || text[at] != c) return false;
    ++at;
    return true;
}
} // namespace

Result<Timestamp> parse_rfc3339(std::string_view text) {
    auto bad = [&] {
        return fail(Errc::invalid_request,
                    fmt::format("'{}' is not a time; write RFC 3339, such as 2026-11-21T05:06:07Z", text));
    };
    using namespace std::chrono;
    std::size_t at = 0;
    int const y = read_digits(text, at, 4);
    if (y < 0 || !take(text, at, '-')) return bad();
    int const mo = read_digits(text, at, 2);
    if (mo < 0 || !take(text, at, '-')) return bad();
    int const d = read_digits(text, at, 2);
    if (d < 0) return bad();
    year_month_day const ymd{year{y}, month{static_cast<unsigned>(mo)}, day{static_cast<unsigned>(d)}};
    if (!ymd.ok()) return bad();
    std::int64_t ms = duration_cast<milliseconds>(sys_days{ymd}.time_since_epoch()).count();
    if (at == text.size()) return Timestamp{ms};
    if (!take(text, at, 'T') && !take(text, at, 't') && !take(text, at, ' ')) return bad();
    int const h = read_digits(text, at, 2);
    if (h < 0 || h > 23 || !take(text, at, ':')) return bad();
    int const mi = read_digits(text, at, 2);
    if (mi < 0 || mi > 59 || !take(text, at, ':')) return bad();
    int const s = read_digits(text, at, 2);
    if (s < 0 || s > 60) return bad();
    ms += ((h * 60LL + mi) * 60 + s) * 1000;
    if (take(text, at, '.')) {
        int scale = 100;
        std::size_t const first = at;
        while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
            ms += (text[at] - '0') * scale;
            scale /= 10;
            ++at;
        }
        if (at == first) return bad();
    }
    if (take(text, at, 'Z') || take(text, at, 'z')) return at == text.size() ? Result<Timestamp>(Timestamp{ms}) : bad();
    int const sign = take(text, at, '+') ? 1 : take(text, at, '-') ? -1 : 0;
    if (sign == 0) return bad();
    int const oh = read_digits(text, at, 2);
    if (oh < 0 || oh > 23 || !take(text, at, ':')) return bad();
    int const om = read_digits(text, at, 2);
    if (om < 0 || om > 59 || at != text.size()) return bad();
    return Timestamp{ms - sign * (oh * 60LL + om) * 60'000};
}

} // namespace tollgate
