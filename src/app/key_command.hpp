#pragma once
#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "config/parse_config.hpp"

namespace tollgate::app {

/// `tollgate key create|import|list|revoke`: through the running server, or on the data folder.
class KeyCommand {
public:
    explicit KeyCommand(CLI::App& key);
    int run(std::vector<config::Option> const& options);

private:
    CLI::App* create_;
    CLI::App* import_;
    CLI::App* list_;
    CLI::App* revoke_;
    bool json_ = false;
    std::string name_, account_, key_text_, user_, id_, expires_, cursor_;
    std::vector<std::string> models_, scopes_, ips_, tags_;
    std::string cap_day_, cap_week_, cap_month_, cap_total_;
    int rpm_ = 0, tpm_ = 0, concurrency_ = 0, limit_ = 50;
};

} // namespace tollgate::app
