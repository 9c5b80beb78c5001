#include "app/existing_store.hpp"

#include <filesystem>
#include <fmt/format.h>

namespace tollgate::app {

Result<void> require_existing_store(config::Config const& config) {
    std::error_code error;
    auto const file = std::filesystem::path(config.data) / "tollgate.db";
    if (config.store.url != "sqlite:" || std::filesystem::exists(file, error)) return {};
    return fail(Errc::not_found,
                fmt::format("there is no store at {}: name its folder with --data, or its address with --store", file.string()));
}

} // namespace tollgate::app
