#pragma once
#include <array>
#include <cstddef>
#include <string_view>

namespace tollgate::metering {

/// A model's name without what providers wrap around it: lower case, last segment of a path
/// (`openai/gpt-4o`, `publishers/google/models/gemini-2.5-pro`), no `ft:` prefix, no region or vendor prefix
/// of Bedrock
/// (`us.anthropic.claude-…`). Names over 127 bytes are cut: only their beginning decides.
class ModelName {
public:
    explicit ModelName(std::string_view raw) noexcept {
        auto const slash = raw.rfind('/');
        if (slash != std::string_view::npos) {
            vendor_size_ = copy(raw.substr(0, slash), vendor_);
            raw.remove_prefix(slash + 1);
        }
        text_size_ = copy(raw, text_);
        begin_ = 0;
        if (text().substr(0, 3) == "ft:")
            begin_ += 3;
        for (std::string_view wrap :
             {"anthropic.", "amazon.", "meta.", "mistral.", "cohere.", "deepseek.", "openai."}) {
            auto const at = text().find(wrap);
            if (at != std::string_view::npos && at <= 7) { // nothing, or a region such as `apac.`, before it
                begin_ += at + wrap.size();
                break;
            }
        }
    }
    std::string_view text() const noexcept { return {text_.data() + begin_, text_size_ - begin_}; }
    std::string_view vendor() const noexcept { return {vendor_.data(), vendor_size_}; }

private:
    using Text = std::array<char, 127>;
    static std::size_t copy(std::string_view from, Text& to) noexcept {
        auto const n = from.size() < to.size() ? from.size() : to.size();
        for (std::size_t i = 0; i < n; ++i)
            to[i] = from[i] >= 'A' && from[i] <= 'Z' ? static_cast<char>(from[i] | 0x20) : from[i];
        return n;
    }
    Text text_;
    Text vendor_;
    std::size_t begin_ = 0;
    std::size_t text_size_ = 0;
    std::size_t vendor_size_ = 0;
};

} // namespace tollgate::metering
