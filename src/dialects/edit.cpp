#include "dialects/edit.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace tollgate::dialects {

void Edits::replace(Range range, std::string_view text) {
    TOLLGATE_CHECK(count_ < edits_max, "too many edits of one body");
    TOLLGATE_CHECK(range.begin <= range.end && range.end <= body_.size(), "edit outside of the body");
    Edit const edit{range.begin, range.end, static_cast<std::uint32_t>(text_.size()),
                    static_cast<std::uint32_t>(text.size())};
    text_.append(text);
    // Insertions at one place keep their order, and stand before what replaces the bytes that follow.
    std::size_t at = count_;
    while (at > 0 && (edits_[at - 1].begin > edit.begin ||
                      (edits_[at - 1].begin == edit.begin && edits_[at - 1].end > edit.end)))
        --at;
    TOLLGATE_CHECK(at == 0 || edits_[at - 1].end <= edit.begin, "edits overlap");
    TOLLGATE_CHECK(at == count_ || edit.end <= edits_[at].begin, "edits overlap");
    std::move_backward(edits_ + at, edits_ + count_, edits_ + count_ + 1);
    edits_[at] = edit;
    ++count_;
    size_delta_ += text.size() - range.size();
}

std::string Edits::apply() const {
    std::string out;
    out.reserve(size());
    for_each([&out](std::string_view piece) { out.append(piece); });
    return out;
}

namespace {
void insert_member(Edits& edits, Ask const& ask, std::string_view name, std::string_view value) {
    std::string member;
    member.reserve(name.size() + value.size() + 4);
    member.append("\"").append(name).append("\":").append(value).append(",");
    edits.replace(Range{ask.object_open.end, ask.object_open.end}, member);
}
} // namespace

void set_model(Edits& edits, Ask const& ask, std::string_view provider_model) {
    if (!ask.model_escaped && ask.model() == provider_model) return;
    std::string quoted;
    quoted.reserve(provider_model.size() + 2);
    append_json_string(quoted, provider_model);
    edits.replace(ask.model_range, quoted);
}

void add_include_usage(Edits& edits, Ask const& ask) {
    if (ask.include_usage) return;
    constexpr std::string_view whole = "{\"include_usage\":true}";
    if (ask.stream_options.empty()) return insert_member(edits, ask, "stream_options", whole);
    if (ask.stream_options_null) return edits.replace(ask.stream_options, whole);
    if (!ask.include_usage_value.empty()) return edits.replace(ask.include_usage_value, "true");
    std::size_t const inside = ask.stream_options.begin + 1;
    edits.replace(Range{inside, inside},
                  ask.stream_options_has_members ? "\"include_usage\":true," : "\"include_usage\":true");
}

void remove_usage_option(Edits& edits, Ask const& ask) {
    if (!ask.usage_member.empty()) edits.replace(ask.usage_member, {});
}

void set_output_limit(Edits& edits, Ask const& ask, std::string_view provider_model, std::int64_t max_tokens) {
    std::string_view const field = output_limit_field(ask.surface, provider_model);
    std::string const value = std::to_string(max_tokens);
    if (!ask.max_tokens_null.empty() && ask.max_tokens_null_field == field)
        return edits.replace(ask.max_tokens_null, value);
    insert_member(edits, ask, field, value);
}

void append_json_string(std::string& out, std::string_view text) {
    constexpr char hex[] = "0123456789abcdef";
    out.push_back('"');
    std::size_t plain = 0; // first byte not yet appended
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto const c = static_cast<unsigned char>(text[i]);
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        out.append(text.substr(plain, i - plain));
        plain = i + 1;
        switch (c) {
        case '"': out.append("\\\""); break;
        case '\\': out.append("\\\\"); break;
        case '\n': out.append("\\n"); break;
        case '\r': out.append("\\r"); break;
        case '\t': out.append("\\t"); break;
        default:
            out.append("\\u00");
            out.push_back(hex[c >> 4]);
            out.push_back(hex[c & 15]);
        }
    }
    out.append(text.substr(plain));
    out.push_back('"');
}

} // namespace tollgate::dialects
