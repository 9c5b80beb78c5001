#include "dialects/cost_splice.hpp"

#include <algorithm>

#include "dialects/json/scan.hpp"
#include "dialects/sse.hpp"
#include "dialects/usage.hpp"

namespace tollgate::dialects {

bool splice_cost(Edits& edits, std::string_view json, Range span, Money charge) {
    if (span.empty() || span.end > json.size() || json[span.begin] != '{') return false;
    json::LooseScanner scan(json.substr(span.begin, span.size()));
    std::string const number = format_usd(charge);
    bool has_members = false, has_cost = false;
    int replaced = 0;
    scan.object([&](std::string_view name) {
        std::string_view const value = name == "cost"           ? std::string_view(number)
                                       : name == "cost_details" ? "null"
                                       : name == "is_byok"      ? "false"
                                                                : std::string_view();
        has_members = true;
        has_cost |= name == "cost";
        (void)scan.peek();
        Range range{span.begin + scan.offset(), 0};
        scan.skip();
        range.end = span.begin + scan.offset();
        // A provider does not repeat these; the bound only keeps a damaged reply from overfilling the edits.
        if (!value.empty() && ++replaced <= 6) edits.replace(range, value);
    });
    if (scan.failed() || has_cost) return !scan.failed();
    std::size_t const closing = span.end - 1;
    edits.replace(Range{closing, closing}, (has_members ? ",\"cost\":" : "\"cost\":") + number);
    return true;
}

bool splice_cost_in_body(Edits& edits, Surface surface, std::string_view body, Money charge) {
    auto const report = find_usage_in_body(surface, body);
    return report && splice_cost(edits, body, report->span, charge);
}

std::string splice_cost_in_event(Surface surface, std::string_view event, Money charge) {
    SseScanner scanner;
    scanner.feed(event);
    scanner.finish();
    SseEvent parsed;
    std::string out(event);
    while (scanner.next(parsed)) {
        auto const report = usage_from_event(surface, parsed.data);
        if (!report) continue;
        Edits edits(parsed.data);
        if (!splice_cost(edits, parsed.data, report->span, charge)) continue;
        std::string data = edits.apply();
        // Events of one data line are edited in place; a multi-line one is written again as one line.
        std::size_t const where = event.find(parsed.data);
        if (where != std::string_view::npos) {
            out.assign(event.substr(0, where)).append(data).append(event.substr(where + parsed.data.size()));
        } else {
            std::replace(data.begin(), data.end(), '\n', ' '); // between JSON tokens only: inside strings it is escaped
            out.clear();
            if (!parsed.event.empty()) out.append("event: ").append(parsed.event).append("\n");
            out.append("data: ").append(data).append("\n\n");
        }
        break;
    }
    return out;
}

} // namespace tollgate::dialects
