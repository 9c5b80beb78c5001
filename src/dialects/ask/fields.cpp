#include <array>

#include "dialects/ask/reader.hpp"

namespace tollgate::dialects {
namespace {

struct FieldRow {
    std::string_view name;
    Field field;
};
// Grouped by length, so that a name is compared with the few of its own length only.
constexpr std::array rows{
    FieldRow{"n", Field::n},
    FieldRow{"user", Field::user},
    FieldRow{"model", Field::model}, FieldRow{"usage", Field::usage}, FieldRow{"input", Field::input},
    FieldRow{"tools", Field::tools}, FieldRow{"audio", Field::audio}, FieldRow{"route", Field::route},
    FieldRow{"speed", Field::speed},
    FieldRow{"stream", Field::stream}, FieldRow{"system", Field::system}, FieldRow{"prompt", Field::prompt},
    FieldRow{"models", Field::models}, FieldRow{"preset", Field::preset},
    FieldRow{"best_of", Field::best_of}, FieldRow{"plugins", Field::plugins},
    FieldRow{"messages", Field::messages}, FieldRow{"metadata", Field::metadata},
    FieldRow{"thinking", Field::thinking}, FieldRow{"provider", Field::provider},
    FieldRow{"functions", Field::functions}, FieldRow{"reasoning", Field::reasoning},
    FieldRow{"max_tokens", Field::max_tokens}, FieldRow{"modalities", Field::modalities},
    FieldRow{"prediction", Field::prediction},
    FieldRow{"mcp_servers", Field::mcp_servers},
    FieldRow{"service_tier", Field::service_tier},
    FieldRow{"enable_search", Field::enable_search}, FieldRow{"inference_geo", Field::inference_geo},
    FieldRow{"cache_control", Field::cache_control},
    FieldRow{"stream_options", Field::stream_options},
    FieldRow{"reasoning_effort", Field::reasoning_effort},
    FieldRow{"search_parameters", Field::search_parameters},
    FieldRow{"web_search_options", Field::web_search_options},
    FieldRow{"max_completion_tokens", Field::max_completion_tokens},
};
static_assert(rows.size() == static_cast<std::size_t>(Field::count_) - 1, "every field has its row");

constexpr std::size_t longest = 21;
struct Span {
    std::uint8_t begin = 0, end = 0;
};
constexpr auto by_length = [] {
    std::array<Span, longest + 1> table{};
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Span& span = table[rows[i].name.size()];
        if (span.begin == span.end) span.begin = static_cast<std::uint8_t>(i);
        span.end = static_cast<std::uint8_t>(i + 1);
    }
    return table;
}();
constexpr bool grouped = [] {
    for (std::size_t i = 1; i < rows.size(); ++i)
        if (rows[i].name.size() < rows[i - 1].name.size()) return false;
    return true;
}();
static_assert(grouped, "rows stand in order of length");

} // namespace

Field field_of(std::string_view name) noexcept {
    if (name.size() > longest) return Field::none;
    Span const span = by_length[name.size()];
    for (std::size_t i = span.begin; i < span.end; ++i)
        if (rows[i].name == name) return rows[i].field;
    return Field::none;
}

} // namespace tollgate::dialects
