// Streams: the same events whatever the splits, and a tap that loses, adds and reorders nothing.
#include <string>
#include <vector>

#include "dialects/deltas.hpp"
#include "dialects/sse.hpp"
#include "fuzz.hpp"

namespace {
using namespace tollgate;

std::vector<std::string> events(std::string_view text, std::size_t step) {
    dialects::SseScanner scanner;
    std::vector<std::string> out;
    dialects::SseEvent event;
    for (std::size_t at = 0; at < text.size(); at += step) {
        scanner.feed(text.substr(at, step));
        while (scanner.next(event)) out.push_back(std::string(event.event) + '\n' + std::string(event.data));
    }
    scanner.finish();
    while (scanner.next(event)) out.push_back(std::string(event.event) + '\n' + std::string(event.data));
    return out;
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size < 3) return 0;
    auto const surface = data[1] % 2 == 0 ? Surface::openai_chat : Surface::anthropic_messages;
    auto const text = as_text(data + 2, size - 2);
    std::size_t const step = data[0] % 61 + 1;
    auto const whole = events(text, text.size());
    FUZZ_REQUIRE(whole == events(text, step));
    for (auto const& event : whole)
        dialects::extract_deltas(surface, std::string_view(event).substr(event.find('\n') + 1), [](void*, std::string_view, std::uint32_t) {}, nullptr);
    for (auto const mode : {dialects::UsageTap::Mode::observe, dialects::UsageTap::Mode::intercept}) {
        dialects::UsageTap tap(surface, mode);
        std::string passed;
        for (std::size_t at = 0; at < text.size(); at += step) {
            auto const piece = text.substr(at, step);
            auto const out = tap.feed(piece);
            if (out.untouched) {
                passed += piece;
                continue;
            }
            FUZZ_REQUIRE(mode == dialects::UsageTap::Mode::intercept);
            passed += out.before;
            passed += out.middle;
            passed += out.usage_event;
            passed += out.after;
        }
        passed += tap.finish();
        // The one thing that may stay out is an unfinished last event that carries nothing but usage.
        FUZZ_REQUIRE(text.starts_with(passed) && (passed.size() == text.size() || tap.usage()));
        if (tap.usage())
            for (auto const quantity : tap.usage()->usage().quantity) FUZZ_REQUIRE(quantity >= 0);
    }
    return 0;
}
