#include "app/serve_command.hpp"

#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/app.hpp"
#include "app/first_start.hpp"
#include "app/server_file.hpp"
#include "app/unused_settings.hpp"
#include "base/log.hpp"

namespace tollgate::app {
namespace {

int complain(Error const& error) {
    fmt::print(stderr, "tollgate: {}\n", error.message);
    return 1;
}

log::Level level_of(config::LogLevel level) {
    switch (level) {
    case config::LogLevel::debug: return log::Level::debug;
    case config::LogLevel::info: return log::Level::info;
    case config::LogLevel::warn: return log::Level::warn;
    case config::LogLevel::error: return log::Level::error;
    }
    return log::Level::info;
}

/// Thousands of open streams need two descriptors each; the soft limit is often 1,024.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void reload(App& app, std::vector<config::Option> const& options) {
    auto const config = config::load_config(options, config::process_environment());
    if (!config) {
        log::error("the configuration was not reloaded; the old one stays in force", {{"reason", config.error().message}});
        return;
    }
    if (auto const done = app.reload(*config); !done)
        log::error("the configuration was not reloaded", {{"reason", done.error().message}});
    else
        log::info("providers, models, prices and certificates reloaded; other settings take effect at the next start");
}

} // namespace

int serve_command(std::vector<config::Option> const& options) {
    // Blocked before any thread starts, so that every thread inherits it and only sigwait below sees them.
    sigset_t signals;
    sigemptyset(&signals);
    for (int const s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, s);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();

    auto config = config::load_config(options, config::process_environment());
    if (!config) return complain(config.error());
    log::init(level_of(config->log.level), config->log.json);
    for (auto const& name : unused_settings(*config)) log::warn(unused_setting_text(name));
    bool const token_from_environment = !config->bootstrap.admin_token.empty();
    auto const data = config->data;
    auto opened = App::open(std::move(*config));
    if (!opened) return complain(opened.error());
    auto& app = **opened;
    if (auto const started = app.start(); !started) return complain(started.error());
    auto const first = make_first_key(app);
    if (!first) return complain(first.error());
    ServerFile file;
    file.pid = getpid();
    file.gateway = app.gateway_address();
    file.console = app.console_address();
    file.tls = app.config().tls.enabled();
    file.token = app.admin_token();
    if (auto const written = write_server_file(data, file); !written) return complain(written.error());
    fmt::print("{}", banner(app, *first, token_from_environment));
    std::fflush(stdout);
    log::info("serving", {{"gateway", file.gateway}, {"console", file.console}, {"store", app.store().backend()}});

    for (;;) {
        int signal = 0;
        sigwait(&signals, &signal);
        if (signal == SIGHUP) {
            reload(app, options);
            continue;
        }
        log::info("draining", {{"seconds", std::to_string(app.config().gateway.drain_seconds)}});
        break;
    }
    remove_server_file(data);
    app.drain();
    log::info("stopped");
    return 0;
}

} // namespace tollgate::app
