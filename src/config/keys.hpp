#pragma once
// Every key of the configuration, once. The parser, --help and tollgate.example.toml are all made from these tables;
// defaults stand only in config.hpp.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/field.hpp"

namespace tollgate::config {

/// A key of the configuration as a whole.
struct Key {
    std::string_view name;        ///< path in the file: "gateway.drain_seconds"
    std::string_view unit;        ///< "seconds", "bytes", … or empty
    std::string_view doc;         ///< one sentence
    Field (*field)(Config&);
    std::string_view option = {}; ///< of `tollgate serve`, without dashes; empty = none
    std::string_view value = {};  ///< how help shows its value: "HOST:PORT"
    std::string_view env = {};    ///< names besides TOLLGATE_<NAME>, comma-separated, first wins
    bool env_only = false;        ///< a secret: not in the file, not on the command line, no TOLLGATE_<NAME>
    std::string_view shorthand = {}; ///< root key that may stand for it as a plain string: `gateway = "…"`
};
std::span<Key const> keys();

/// The environment variables that set a key, the one that wins first.
std::vector<std::string> variables_of(Key const& key);

/// A key inside [[provider]], [[model]], a target or [[route]].
template <class T>
struct PartKey {
    std::string_view name;
    std::string_view doc;
    std::string_view sample; ///< TOML value for the example file
    Field (*field)(T&);
    bool required = false;
};
std::span<PartKey<ProviderConfig> const> provider_keys();
std::span<PartKey<ModelConfig> const> model_keys();
std::span<PartKey<TargetConfig> const> target_keys();
std::span<PartKey<RouteConfig> const> route_keys();

/// The text of tollgate.example.toml: every key with its default, unit and meaning.
std::string example_toml();

} // namespace tollgate::config
