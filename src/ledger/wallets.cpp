#include "ledger/wallets.hpp"

#include <string>
#include <string_view>

namespace tollgate::ledger {

namespace {

constexpr std::int64_t day_ms = 86'400'000;

std::int64_t floor_div(std::int64_t a, std::int64_t b) noexcept {
    return a / b - (a % b < 0 ? 1 : 0);
}

/// Civil month of a day since 1970-01-01, as year × 12 + month (0 … 11), in the proleptic Gregorian calendar.
std::int64_t month_of(std::int64_t day) noexcept {
    std::int64_t const z = day + 719'468; // days since 0000-03-01
    std::int64_t const era = floor_div(z, 146'097);
    std::int64_t const doe = z - era * 146'097;
    std::int64_t const yoe = (doe - doe / 1460 + doe / 36'524 - doe / 146'096) / 365;
    std::int64_t const doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    std::int64_t const mp = (5 * doy + 2) / 153; // 0 = March
    std::int64_t const month = mp < 10 ? mp + 2 : mp - 10;
    return (yoe + era * 400 + (month <= 1 ? 1 : 0)) * 12 + month;
}

/// Day on which a month begins; the inverse of month_of.
std::int64_t first_day(std::int64_t month_index) noexcept {
    std::int64_t year = floor_div(month_index, 12);
    std::int64_t const month = month_index - year * 12; // 0 … 11
    if (month <= 1)
        --year;
    std::int64_t const era = floor_div(year, 400);
    std::int64_t const yoe = year - era * 400;
    std::int64_t const mp = month >= 2 ? month - 2 : month + 10;
    std::int64_t const doy = (153 * mp + 2) / 5;
    std::int64_t const doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146'097 + doe - 719'468;
}

constexpr std::string_view window_names[window_count] = {"daily", "weekly", "monthly", "lifetime"};

} // namespace

WindowIndex window_index(Timestamp t) noexcept {
    std::int64_t const day = floor_div(t.ms, day_ms);
    return WindowIndex{day, floor_div(day + 3, 7), month_of(day)}; // 1970-01-01 was a Thursday
}

Timestamp window_end(Window window, Timestamp t) noexcept {
    WindowIndex const index = window_index(t);
    switch (window) {
    case Window::day:
        return Timestamp{(index.day + 1) * day_ms};
    case Window::week:
        return Timestamp{((index.week + 1) * 7 - 3) * day_ms};
    case Window::month:
        return Timestamp{first_day(index.month + 1) * day_ms};
    case Window::total:
        break;
    }
    return Timestamp{0};
}

void KeyPurse::roll(WindowIndex now) noexcept {
    auto const renew = [this](Window window, std::int64_t& mine, std::int64_t current) {
        if (current <= mine)
            return;
        mine = current;
        settled[static_cast<std::size_t>(window)] = Money{};
    };
    renew(Window::day, index.day, now.day);
    renew(Window::week, index.week, now.week);
    renew(Window::month, index.month, now.month);
}

void KeyPurse::add(Money charge, WindowIndex when) {
    if (when.day == index.day)
        settled[0] += charge;
    if (when.week == index.week)
        settled[1] += charge;
    if (when.month == index.month)
        settled[2] += charge;
    settled[3] += charge;
}

Result<void> KeyPurse::check(SpendingCaps const& caps, Money more, Timestamp now) const {
    std::optional<Money> const* const limits[window_count] = {&caps.day, &caps.week, &caps.month,
                                                              &caps.total};
    for (std::size_t i = 0; i < window_count; ++i) {
        if (!*limits[i] || settled[i] + held + more <= **limits[i])
            continue;
        Money left = **limits[i] - settled[i] - held;
        if (left.is_negative())
            left = Money{};
        auto const window = static_cast<Window>(i);
        std::string message = "the " + std::string(window_names[i]) + " spending cap of this key ($" +
                              format_usd(**limits[i]) + ") does not cover this request: $" +
                              format_usd(left) + " left, up to $" + format_usd(more) + " needed";
        Error error(Errc::cap_exceeded, {}, std::string(window_names[i]));
        if (window == Window::total) {
            message += "; raise the cap or use another key";
        } else {
            Timestamp const reset = window_end(window, now);
            message += "; it starts anew at " + format_rfc3339(reset);
        }
        error.message = std::move(message);
        return Fail(std::move(error));
    }
    return {};
}

} // namespace tollgate::ledger
