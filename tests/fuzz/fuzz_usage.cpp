// Providers' replies: no figure below zero comes out of any of them.
#include "dialects/cost_splice.hpp"
#include "dialects/deltas.hpp"
#include "dialects/usage.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace tollgate;
    if (size < 1) return 0;
    auto const surface = data[0] % 2 == 0 ? Surface::openai_chat : Surface::anthropic_messages;
    auto const body = as_text(data + 1, size - 1);
    for (auto const& report : {dialects::find_usage_in_body(surface, body), dialects::usage_from_event(surface, body)})
        if (report)
            for (auto const quantity : report->usage().quantity) FUZZ_REQUIRE(quantity >= 0 && quantity <= 10'000'000'000'000);
    dialects::Edits edits(body);
    if (dialects::splice_cost_in_body(edits, surface, body, Money::from_nanos(123))) edits.apply();
    dialects::extract_reply_text(surface, body, [](void*, std::string_view, std::uint32_t) {}, nullptr);
    return 0;
}
