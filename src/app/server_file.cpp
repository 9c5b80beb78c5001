#include "app/server_file.hpp"

#include <boost/json.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

namespace tollgate::app {
namespace {
std::string path_of(std::string const& data_dir) { return data_dir + "/server.json"; }
} // namespace

Result<void> write_server_file(std::string const& data_dir, ServerFile const& file) {
    boost::json::object const object{{"pid", file.pid},
                                     {"gateway", file.gateway},
                                     {"console", file.console},
                                     {"tls", file.tls},
                                     {"token", file.token.reveal()}};
    auto const text = boost::json::serialize(object) + "\n";
    auto const path = path_of(data_dir);
    auto const temporary = path + ".new";
    int const fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool const written = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (fd >= 0) ::close(fd);
    if (!written || ::rename(temporary.c_str(), path.c_str()) != 0)
        return fail(Errc::unavailable, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
    return {};
}

std::optional<ServerFile> read_server_file(std::string const& data_dir) {
    std::ifstream in(path_of(data_dir));
    if (!in) return std::nullopt;
    std::stringstream text;
    text << in.rdbuf();
    boost::system::error_code parse_error;
    auto const value = boost::json::parse(text.str(), parse_error);
    if (parse_error || !value.is_object()) return std::nullopt;
    auto const& object = value.get_object();
    auto field = [&](char const* name) {
        auto const* v = object.if_contains(name);
        return v && v->is_string() ? std::string(v->get_string()) : std::string();
    };
    ServerFile file;
    if (auto const* pid = object.if_contains("pid"); pid && pid->is_int64()) file.pid = static_cast<int>(pid->get_int64());
    file.gateway = field("gateway");
    file.console = field("console");
    if (auto const* tls = object.if_contains("tls")) file.tls = tls->is_bool() && tls->get_bool();
    file.token = Secret(field("token"));
    if (file.pid <= 0 || (::kill(file.pid, 0) != 0 && errno == ESRCH)) return std::nullopt;
    return file;
}

void remove_server_file(std::string const& data_dir) noexcept { ::unlink(path_of(data_dir).c_str()); }

} // namespace tollgate::app
