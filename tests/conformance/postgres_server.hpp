#pragma once
#include <string>

namespace tollgate::conformance {

/// A PostgreSQL of our own for the length of the test program: fresh cluster in a temporary folder, Unix socket only,
/// run as user postgres when we are root. Started on first use.
class PostgresServer {
public:
    /// The one of this program.
    static PostgresServer& instance();
    /// URL of its `postgres` database (or of TOLLGATE_TEST_POSTGRES when that is set). Throws std::runtime_error
    /// saying why the server cannot be started.
    std::string url();
    /// A fresh, empty schema as a URL.
    std::string fresh_schema();
    /// Kills every session, as a crash of the server would look to a client.
    void drop_connections();
    void stop();

private:
    void start();
    std::string sql(std::string const& statement);
    std::string folder_, url_;
    bool own_ = false;
    int schemas_ = 0;
};

} // namespace tollgate::conformance
