#include "store/sql/time_range.hpp"

#include <chrono>

#include "store/sql/rollups.hpp"

namespace tollgate::store::sql {

PositionRange positions_in(Database& db, std::optional<Timestamp> start, std::optional<Timestamp> end) {
    PositionRange range;
    if (!start && !end) return range;
    auto query = db.prepare("select min(min_id), max(max_id) from record_minute where minute >= $1 and minute <= $2");
    query.bind(start ? floor_div(start->ms, ms_per_minute) : std::numeric_limits<std::int64_t>::min())
        .bind(end ? floor_div(end->ms, ms_per_minute) : std::numeric_limits<std::int64_t>::max());
    query.step();
    if (query.is_null(0)) return {1, 0};
    return {query.i64(0), query.i64(1)};
}

SpendWindows spend_windows(Timestamp now) {
    using namespace std::chrono;
    auto const day = floor_div(now.ms, ms_per_hour * hours_per_day);
    sys_days const date{days{day}};
    year_month_day const ymd(date);
    auto const since_monday = static_cast<std::int64_t>(weekday(date).iso_encoding()) - 1;
    return {day, day - since_monday, sys_days(ymd.year() / ymd.month() / 1).time_since_epoch().count()};
}

void add_spend(KeySpend& spend, SpendWindows const& w, std::int64_t day, std::int64_t charge) {
    auto const amount = Money::from_nanos(charge);
    if (day > w.day) return;
    if (day == w.day) spend.day += amount;
    if (day >= w.week) spend.week += amount;
    if (day >= w.month) spend.month += amount;
}

} // namespace tollgate::store::sql
