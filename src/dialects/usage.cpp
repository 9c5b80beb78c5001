#include "dialects/usage.hpp"

#include <algorithm>

#include "dialects/json/scan.hpp"

namespace tollgate::dialects {
namespace {

using Json = json::LooseScanner;
/// No provider serves a request of a trillion tokens: such a count is damage, not usage.
constexpr std::int64_t count_max = 1'000'000'000'000;

/// Reads the members of one usage object into a report.
class UsageReader {
public:
    UsageReader(Json& scan, UsageReport& report) : scan_(scan), report_(report) {}

    void object() {
        std::size_t const begin = scan_.offset();
        scan_.object([this](std::string_view name) {
            report_.dialect == Dialect::anthropic ? anthropic_member(name) : openai_member(name);
        });
        report_.span = Range{begin, scan_.offset()};
        if (!report_.cache_read) report_.cache_read = other_cache_read_;
    }
    bool any() const { return any_; }

private:
    void count(UsageReport::Count& into) {
        char const first = scan_.peek();
        if (first != '-' && (first < '0' || first > '9')) return scan_.skip(); // null or nonsense: not stated
        std::string_view const text = scan_.number();
        any_ = true;
        auto const value = json::plain_integer(text);
        if (value && *value >= 0 && *value <= count_max) [[likely]] into = *value;
        else odd_count(text, into);
    }
    /// Negative, not whole, or absurdly large.
    void odd_count(std::string_view text, UsageReport::Count& into) {
        if (text.starts_with('-')) {
            into = 0;
            report_.anomaly = true;
            return;
        }
        std::string_view const whole = text.substr(0, text.find_first_of(".eE"));
        auto const value = json::plain_integer(whole);
        into = std::min(value.value_or(count_max), count_max);
        bool const whole_number = text.substr(whole.size()).find_first_not_of(".0") == std::string_view::npos;
        report_.anomaly |= !value || *value > count_max || !whole_number;
    }
    template <class F>
    void nested(F&& member) {
        if (scan_.peek() != '{') return scan_.skip();
        scan_.object(member);
    }

    void openai_member(std::string_view name) {
        if (name == "prompt_tokens") return count(report_.input);
        if (name == "completion_tokens") return count(report_.output);
        if (name == "total_tokens") return count(report_.total);
        if (name == "prompt_tokens_details") return nested([this](std::string_view detail) {
            if (detail == "cached_tokens") count(report_.cache_read);
            else if (detail == "cache_write_tokens") count(report_.cache_write);
            else if (detail == "audio_tokens") count(report_.audio_in);
            else if (detail == "image_tokens") count(report_.image_in);
            else scan_.skip();
        });
        if (name == "completion_tokens_details") return nested([this](std::string_view detail) {
            if (detail == "reasoning_tokens") count(report_.reasoning);
            else if (detail == "audio_tokens") count(report_.audio_out);
            else if (detail == "image_tokens") count(report_.image_out);
            else scan_.skip();
        });
        // Older spellings of cached prompt tokens (DeepSeek, Moonshot), used when the details name none.
        if (name == "prompt_cache_hit_tokens" || name == "cached_tokens") return count(other_cache_read_);
        if (name == "cost") return cost();
        if (name == "server_tool_use" || name == "server_tool_use_details") return server_tools();
        scan_.skip();
    }

    void anthropic_member(std::string_view name) {
        if (name == "input_tokens") return count(report_.input);
        if (name == "output_tokens") return count(report_.output);
        if (name == "cache_read_input_tokens") return count(report_.cache_read);
        if (name == "cache_creation_input_tokens") return count(report_.cache_write);
        if (name == "cache_creation") return nested([this](std::string_view detail) {
            if (detail == "ephemeral_5m_input_tokens") count(report_.cache_write_5m);
            else if (detail == "ephemeral_1h_input_tokens") count(report_.cache_write_1h);
            else scan_.skip();
        });
        if (name == "output_tokens_details") return nested([this](std::string_view detail) {
            if (detail == "thinking_tokens") count(report_.reasoning);
            else scan_.skip();
        });
        if (name == "server_tool_use") return server_tools();
        if (name == "cost") return cost();
        scan_.skip();
    }

    void server_tools() {
        nested([this](std::string_view name) {
            if (name == "web_search_requests") count(report_.web_search);
            else scan_.skip();
        });
    }
    void cost() {
        char const first = scan_.peek();
        if (first != '-' && (first < '0' || first > '9')) return scan_.skip();
        auto const money = money_from_json_number(scan_.number());
        if (money && !money->is_negative()) report_.cost = money;
        else report_.anomaly = true;
    }

    Json& scan_;
    UsageReport& report_;
    UsageReport::Count other_cache_read_;
    bool any_ = false;
};

/// Reads the usage object (or null) that starts here; keeps an earlier one when this states no counts.
void read_usage(Json& scan, Dialect dialect, std::optional<UsageReport>& out) {
    if (scan.peek() != '{') return scan.skip();
    auto const earlier = out;
    UsageReport& report = out.emplace();
    report.dialect = dialect;
    UsageReader reader(scan, report);
    reader.object();
    if (!reader.any() || scan.failed()) out = earlier;
}

} // namespace

std::optional<UsageReport> find_usage_in_body(Surface surface, std::string_view body) {
    std::optional<UsageReport> found;
    Json scan(body);
    if (surface == Surface::anthropic_count_tokens || scan.peek() != '{') return found;
    Dialect const dialect = dialect_of(surface);
    scan.object([&](std::string_view name) {
        if (name == "usage") read_usage(scan, dialect, found);
        else scan.skip();
    });
    return found;
}

std::optional<UsageReport> usage_from_event(Surface surface, std::string_view event_data) {
    if (dialect_of(surface) != Dialect::anthropic) return find_usage_in_body(surface, event_data);
    std::optional<UsageReport> found;
    Json scan(event_data);
    if (scan.peek() != '{') return found;
    scan.object([&](std::string_view name) {
        if (name == "usage") return read_usage(scan, Dialect::anthropic, found);
        if (name != "message" || scan.peek() != '{') return scan.skip();
        scan.object([&](std::string_view inner) {
            if (inner == "usage") read_usage(scan, Dialect::anthropic, found);
            else scan.skip();
        });
    });
    return found;
}

void UsageReport::merge(UsageReport const& later) {
    if (later.dialect != Dialect::anthropic) {
        bool const seen = anomaly;
        *this = later;
        anomaly |= seen;
        return;
    }
    auto const take = [](Count& mine, Count const& theirs) {
        if (theirs) mine = theirs;
    };
    take(input, later.input);
    take(output, later.output);
    take(cache_read, later.cache_read);
    take(cache_write, later.cache_write);
    take(cache_write_5m, later.cache_write_5m);
    take(cache_write_1h, later.cache_write_1h);
    take(reasoning, later.reasoning);
    take(web_search, later.web_search);
    if (later.cost) cost = later.cost;
    anomaly |= later.anomaly;
    span = later.span;
}

namespace {

Usage anthropic_usage(UsageReport const& r) {
    Usage usage;
    usage[Bucket::input] = r.input.value_or(0);
    usage[Bucket::cache_read] = r.cache_read.value_or(0);
    std::int64_t const split_5m = r.cache_write_5m.value_or(0), split_1h = r.cache_write_1h.value_or(0);
    // The total may be stated without its split, or exceed it: what has no lifetime is billed as 5 minutes.
    usage[Bucket::cache_write_1h] = split_1h;
    usage[Bucket::cache_write_5m] = std::max(split_5m, r.cache_write.value_or(0) - split_1h);
    usage[Bucket::output] = r.output.value_or(0);
    usage[Bucket::reasoning] = std::min(r.reasoning.value_or(0), usage[Bucket::output]);
    usage[Bucket::web_search] = r.web_search.value_or(0);
    usage.anomaly = r.anomaly || (r.cache_write && split_5m + split_1h > *r.cache_write);
    return usage;
}

Usage openai_usage(UsageReport const& r) {
    Usage usage;
    usage.anomaly = r.anomaly;
    std::int64_t const total = r.total.value_or(0);
    std::int64_t const output_stated = r.output.value_or(0);
    std::int64_t prompt = r.input ? *r.input : std::max<std::int64_t>(total - output_stated, 0);
    // Takes a part out of what is left: parts that overlap (cached audio, say) are billed once, never twice.
    auto const part = [&usage](std::int64_t& left, UsageReport::Count const& stated) {
        std::int64_t const taken = std::min(left, stated.value_or(0));
        usage.anomaly |= taken < stated.value_or(0);
        left -= taken;
        return taken;
    };
    usage[Bucket::cache_read] = part(prompt, r.cache_read);
    usage[Bucket::cache_write_5m] = part(prompt, r.cache_write);
    usage[Bucket::audio_in] = part(prompt, r.audio_in);
    usage[Bucket::image_in] = part(prompt, r.image_in);
    usage[Bucket::input] = prompt;

    std::int64_t output = output_stated;
    std::int64_t const reasoning = r.reasoning.value_or(0);
    // Some providers (xAI) leave reasoning out of completion_tokens; their total tells.
    if (r.total && r.input && reasoning > 0 && total == *r.input + output + reasoning) output += reasoning;
    usage[Bucket::audio_out] = part(output, r.audio_out);
    usage[Bucket::image_out] = part(output, r.image_out);
    usage[Bucket::output] = output;
    usage[Bucket::reasoning] = std::min(reasoning, output);
    usage[Bucket::web_search] = r.web_search.value_or(0);
    return usage;
}

} // namespace

Usage UsageReport::usage() const {
    return dialect == Dialect::anthropic ? anthropic_usage(*this) : openai_usage(*this);
}

std::optional<Money> money_from_json_number(std::string_view text) {
    bool const negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    if (text.empty()) return std::nullopt;
    // digits × 10^exponent, in units of one nano: exponent starts at 9.
    constexpr __int128 digits_limit = static_cast<__int128>(1) << 120;
    __int128 digits = 0;
    int exponent = 9;
    bool sticky = false, point = false, any = false;
    std::size_t i = 0;
    for (; i < text.size(); ++i) {
        char const c = text[i];
        if (c == '.') {
            if (point) return std::nullopt;
            point = true;
            continue;
        }
        if (c < '0' || c > '9') break;
        any = true;
        if (digits < digits_limit / 10) {
            digits = digits * 10 + (c - '0');
            exponent -= point ? 1 : 0;
        } else { // beyond 36 digits only the direction of a tie can change
            sticky |= c != '0';
            exponent += point ? 0 : 1;
        }
    }
    if (!any) return std::nullopt;
    if (i < text.size()) {
        if ((text[i] | 0x20) != 'e') return std::nullopt;
        std::string_view power = text.substr(i + 1);
        if (power.starts_with('+')) power.remove_prefix(1);
        auto const e = json::plain_integer(power);
        if (!e || *e > 1000 || *e < -1000) return std::nullopt;
        exponent += static_cast<int>(*e);
    }
    for (; exponent > 0 && digits != 0; --exponent) {
        if (digits >= digits_limit / 10) return std::nullopt;
        digits *= 10;
    }
    for (; exponent < -20; ++exponent) { // far below a nano: keep the divisor within 128 bits
        sticky |= digits % 10 != 0;
        digits /= 10;
    }
    __int128 divisor = 1;
    for (; exponent < 0; ++exponent) divisor *= 10;
    if (digits / divisor > std::int64_t{9'000'000'000'000'000'000}) return std::nullopt;
    __int128 const doubled = digits % divisor * 2;
    std::int64_t nanos = static_cast<std::int64_t>(digits / divisor);
    if (doubled > divisor || (doubled == divisor && (sticky || nanos % 2 != 0))) ++nanos;
    return Money::from_nanos(negative ? -nanos : nanos);
}

} // namespace tollgate::dialects
