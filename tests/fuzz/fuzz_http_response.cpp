#include "fuzz.hpp"
#include "net/http_parse.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace tollgate::net;
    auto const text = as_text(data, size);
    ResponseHead head;
    auto const parsed = parse_response_head(text, false, HeadLimits(), head);
    if (parsed.state != ParseState::complete) return 0;
    FUZZ_REQUIRE(parsed.consumed <= size);
    FUZZ_REQUIRE(head.status >= 100 && head.status <= 999);
    for (auto const& header : head.headers) {
        FUZZ_REQUIRE(is_token(header.name));
        FUZZ_REQUIRE(header.value.empty() || is_field_value(header.value));
    }
    return 0;
}
