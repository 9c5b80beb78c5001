#pragma once
// `<data>/server.json`: how the command line finds the server that runs on a data folder.
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace tollgate::app {

struct ServerFile {
    int pid = 0;
    std::string gateway;  ///< host:port as bound; empty when this process has no such listener
    std::string console;
    bool tls = false;
    Secret token;         ///< admits the command line of this machine's operator; new at every start
};

/// Writes it atomically with mode 0600. Errors: unavailable.
Result<void> write_server_file(std::string const& data_dir, ServerFile const& file);
/// None when no server runs there: no file, or its process is gone.
std::optional<ServerFile> read_server_file(std::string const& data_dir);
void remove_server_file(std::string const& data_dir) noexcept;

} // namespace tollgate::app
