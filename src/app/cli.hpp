#pragma once

namespace tollgate::app {

/// The command line: serve, migrate, key, verify, doctor, version. Returns the exit code: 0 done, 1 failed (the reason is on
/// stderr), 2 wrong usage.
int run_cli(int argc, char** argv);

} // namespace tollgate::app
