#include "config/parse_config.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    tollgate::config::Sources sources;
    sources.file_name = "tollgate.toml";
    sources.file_text = std::string(as_text(data, size));
    auto const config = tollgate::config::parse_config(sources);
    if (!config) FUZZ_REQUIRE(!config.error().message.empty());
    return 0;
}
