// tollgate: arguments in, exit code out. Everything else is built in app/.
#include "app/cli.hpp"

int main(int argc, char** argv) { return tollgate::app::run_cli(argc, argv); }
