#include "postgres_server.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <unistd.h>

namespace tollgate::conformance {
namespace {

constexpr char bin[] = "/usr/lib/postgresql/15/bin/";

/// Output of a shell command; throws with it when the command fails.
std::string shell(std::string const& command) {
    std::string out;
    auto* const pipe = ::popen((command + " 2>&1").c_str(), "r");
    if (!pipe) throw std::runtime_error("cannot run: " + command);
    std::array<char, 4096> buffer;
    while (auto const n = std::fread(buffer.data(), 1, buffer.size(), pipe)) out.append(buffer.data(), n);
    if (::pclose(pipe) != 0) throw std::runtime_error(command + "\n" + out);
    return out;
}

std::string as_postgres(std::string const& command) {
    return ::geteuid() == 0 ? "runuser -u postgres -- " + command : command;
}

} // namespace

PostgresServer& PostgresServer::instance() {
    static PostgresServer server;
    return server;
}

std::string PostgresServer::url() {
    if (url_.empty()) {
        if (char const* const given = std::getenv("TOLLGATE_TEST_POSTGRES"); given && *given)
            url_ = given;
        else
            start();
    }
    return url_;
}

void PostgresServer::start() {
    std::string name = "/tmp/tollgate-pg-XXXXXX";
    if (!::mkdtemp(name.data())) throw std::runtime_error("cannot make a folder in /tmp");
    folder_ = name;
    if (::geteuid() == 0) shell("chown postgres " + folder_);
    shell("cd / && " + as_postgres(std::string(bin) + "initdb -D " + folder_ + "/data -U postgres -A trust -E UTF8 --locale=C -N"));
    shell("cd / && " + as_postgres(std::string(bin) + "pg_ctl -D " + folder_ + "/data -l " + folder_ +
                                   "/log -w -o \"-c listen_addresses='' -c unix_socket_directories=" + folder_ +
                                   " -c fsync=off -c max_connections=200\" start >/dev/null"));
    own_ = true;
    url_ = "postgres:///postgres?host=" + folder_ + "&user=postgres";
}

std::string PostgresServer::sql(std::string const& statement) {
    return shell("psql -X -q -t -A -d '" + url() + "' -c \"" + statement + "\"");
}

std::string PostgresServer::fresh_schema() {
    auto const base = url();
    auto const schema = "t" + std::to_string(::getpid()) + "_" + std::to_string(++schemas_);
    sql("create schema " + schema);
    return base + (base.find('?') == std::string::npos ? "?" : "&") + "options=-csearch_path%3D" + schema;
}

void PostgresServer::drop_connections() {
    sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tollgate' and pid <> pg_backend_pid()");
}

void PostgresServer::stop() {
    if (!own_) return;
    own_ = false;
    try {
        shell("cd / && " + as_postgres(std::string(bin) + "pg_ctl -D " + folder_ + "/data -m immediate -w stop"));
    } catch (std::exception const& e) {
        std::fprintf(stderr, "%s\n", e.what());
    }
    std::filesystem::remove_all(folder_);
}

} // namespace tollgate::conformance
