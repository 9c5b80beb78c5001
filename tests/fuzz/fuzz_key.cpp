#include "fuzz.hpp"
#include "identity/api_key.hpp"
#include "identity/presented_key.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace tollgate::identity;
    auto const text = as_text(data, size);
    auto const normalized = normalize_key(text);
    FUZZ_REQUIRE(normalized.size() <= text.size());
    is_plausible_key(normalized);
    static_cast<void>(validate_imported_key(text));
    FUZZ_REQUIRE(key_prefix(text).size() <= 8);
    PresentedKey presented;
    auto const split = text.find('\n');
    presented.see_header("Authorization", text.substr(0, split));
    if (split != std::string_view::npos) presented.see_header("X-Api-Key", text.substr(split + 1));
    static_cast<void>(presented.get());
    return 0;
}
