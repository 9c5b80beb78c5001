#include "config/parse_config.hpp"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <sstream>

#include "config/keys.hpp"

namespace tollgate::config {
namespace {

using Variables = std::map<std::string, std::string, std::less<>>;

Environment from(Variables variables) {
    return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
        auto const found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
}

Result<Config> parse(std::string text, Variables variables = {}, std::vector<Option> options = {}) {
    Sources sources;
    sources.options = std::move(options);
    sources.environment = from(std::move(variables));
    sources.file_name = "tollgate.toml";
    sources.file_text = std::move(text);
    return parse_config(sources);
}

TEST(ParseConfig, NothingAtAllIsTheDefaults) {
    auto const config = parse_config({});
    ASSERT_TRUE(config);
    EXPECT_EQ(config->gateway.listen.text(), "127.0.0.1:8080");
    EXPECT_EQ(config->console.listen.text(), "127.0.0.1:8081");
    EXPECT_EQ(config->data, "./data");
    EXPECT_EQ(config->gateway.drain_seconds, 30);
    EXPECT_TRUE(config->file.empty());
}

TEST(ParseConfig, OptionGoesBeforeEnvironmentBeforeFileBeforeDefault) {
    std::string const file = "threads = 2\n[gateway]\nlisten = \"127.0.0.2:2\"\n";
    EXPECT_EQ(parse(file)->threads, 2);
    EXPECT_EQ(parse(file)->gateway.listen.text(), "127.0.0.2:2");
    EXPECT_EQ(parse(file, {{"TOLLGATE_THREADS", "3"}})->threads, 3);
    EXPECT_EQ(parse(file, {{"TOLLGATE_GATEWAY", "127.0.0.3:3"}})->gateway.listen.text(), "127.0.0.3:3");
    EXPECT_EQ(parse(file, {{"TOLLGATE_THREADS", "3"}}, {{"threads", "4"}})->threads, 4);
    EXPECT_EQ(parse(file, {{"TOLLGATE_THREADS", ""}})->threads, 2); // set to nothing = not set
}

TEST(ParseConfig, WithPlaceholdersAnUnsetCredentialIsNoProblem) {
    Sources sources;
    sources.file_text = "[[provider]]\nname = \"a\"\nkind = \"openai\"\napi_key = \"${NOT_THERE}\"\nbase_url = \"https://${HOST_SET}\"\n";
    sources.environment = from({{"HOST_SET", "h"}, {"TOLLGATE_THREADS", "3"}});
    EXPECT_FALSE(parse_config(sources));
    sources.environment = with_placeholders(sources.environment);
    auto const config = parse_config(sources);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->providers.at(0).base_url, "https://h");
    EXPECT_EQ(config->threads, 3);
    EXPECT_TRUE(config->stripe.secret_key.empty()) << "the configuration's own variables stay unset";
    EXPECT_TRUE(config->bootstrap.master_key.empty());
    EXPECT_EQ(config->store.url, "sqlite:");
}

TEST(ParseConfig, ThePlaceOfTheStoreIsNeverAPlaceholder) {
    auto const file = ::testing::TempDir() + "lenient.toml";
    std::ofstream(file) << "data = \"/x/${NOT_THERE}\"\n";
    auto const config = load_config_leniently({{"config", file}}, from({}));
    ASSERT_FALSE(config);
    EXPECT_NE(config.error().message.find("not set: NOT_THERE"), std::string::npos) << config.error().message;
    EXPECT_TRUE(load_config_leniently({{"config", file}, {"data", "/y"}}, from({})));
}

TEST(ParseConfig, EveryServeOptionIsAKeyOfTheFileAndAVariable) {
    Variables const values{{"data", "/x"},         {"gateway", "127.0.0.1:1"}, {"console", "127.0.0.1:2"},
                           {"store", "postgres://h/d"}, {"redis", "redis://h"}, {"clickhouse", "http://h"},
                           {"role", "gateway"},    {"threads", "7"},           {"tls-cert", "c"},
                           {"tls-key", "k"},       {"trusted-proxies", "10.0.0.0/8,::1"}};
    auto shown = [](Config config, std::string const& option) {
        for (auto const& key : keys())
            if (key.option == option) return show(key.field(config));
        return std::string("no such option");
    };
    std::string file;
    Variables variables;
    std::vector<Option> options;
    for (auto const& [name, value] : values) {
        auto key = name;
        for (auto& c : key) c = c == '-' ? '_' : c;
        file += key + " = " + (name == "threads" ? value : "\"" + value + "\"") + "\n";
        for (auto& c : key) c = static_cast<char>(std::toupper(c));
        variables["TOLLGATE_" + key] = value;
        options.push_back({name, value});
    }
    for (auto const& config : {parse(file), parse("", variables), parse("", {}, options)}) {
        ASSERT_TRUE(config) << config.error().message;
        EXPECT_EQ(shown(*config, "data"), "\"/x\"");
        EXPECT_EQ(shown(*config, "gateway"), "\"127.0.0.1:1\"");
        EXPECT_EQ(shown(*config, "console"), "\"127.0.0.1:2\"");
        EXPECT_EQ(shown(*config, "store"), "\"postgres://h/d\"");
        EXPECT_EQ(shown(*config, "redis"), "\"redis://h\"");
        EXPECT_EQ(shown(*config, "clickhouse"), "\"http://h\"");
        EXPECT_EQ(shown(*config, "role"), "\"gateway\"");
        EXPECT_EQ(shown(*config, "threads"), "7");
        EXPECT_EQ(shown(*config, "tls-cert"), "\"c\"");
        EXPECT_EQ(shown(*config, "tls-key"), "\"k\"");
        EXPECT_EQ(shown(*config, "trusted-proxies"), "[\"10.0.0.0/8\", \"::1/128\"]");
    }
    auto const help = serve_options();
    EXPECT_EQ(help.size(), values.size() + 1); // and --config
    for (auto const& row : help) {
        EXPECT_FALSE(row.doc.empty());
        EXPECT_TRUE(row.name == "--config" || values.contains(row.name.substr(2))) << row.name;
    }
}

TEST(ParseConfig, EveryOtherKeyHasAVariableToo) {
    EXPECT_EQ(parse("", {{"TOLLGATE_GATEWAY_DRAIN_SECONDS", "5"}})->gateway.drain_seconds, 5);
    EXPECT_EQ(parse("", {{"TOLLGATE_KEYS_REVEALABLE", "true"}})->keys.revealable, true);
    EXPECT_EQ(parse("", {{"TOLLGATE_LIMITS_KEY_RPM", "60"}})->limits.key.rpm, 60);
}

TEST(ParseConfig, AliasesOfOtherSystemsAreAccepted) {
    EXPECT_EQ(parse("", {{"DATABASE_URL", "postgres://a/b"}})->store.url, "postgres://a/b");
    EXPECT_EQ(parse("", {{"DATABASE_URL", "postgres://a/b"}, {"TOLLGATE_STORE", "sqlite:"}})->store.url, "sqlite:");
    EXPECT_EQ(parse("", {{"TOKEN_ENCRYPTION_KEY", "k"}})->bootstrap.master_key.reveal(), "k");
    EXPECT_EQ(parse("", {{"TOKEN_ENCRYPTION_KEY", "k"}, {"TOLLGATE_MASTER_KEY", "m"}})->bootstrap.master_key.reveal(), "m");
    EXPECT_FALSE(parse("", {{"EXTERNAL_TOKEN_IMPORT_ENABLED", "false"}})->import.enabled);
    EXPECT_EQ(parse("", {{"STRIPE_SECRET_KEY", "sk_test"}})->stripe.secret_key.reveal(), "sk_test");
    EXPECT_EQ(parse("", {{"CF_ACCOUNT_ID", "cf"}})->cloud.cf_account_id, "cf");
}

TEST(ParseConfig, PortOfAPlatformListensOnAllInterfaces) {
    EXPECT_EQ(parse("", {{"PORT", "5000"}})->gateway.listen.text(), "0.0.0.0:5000");
    EXPECT_EQ(parse("gateway = \"127.0.0.1:1\"", {{"PORT", "5000"}})->gateway.listen.text(), "127.0.0.1:5000");
    EXPECT_EQ(parse("gateway = \"[::1]:1\"", {{"PORT", "5000"}})->gateway.listen.text(), "[::1]:5000");
    EXPECT_EQ(parse("", {{"PORT", "5000"}, {"TOLLGATE_GATEWAY", "127.0.0.1:6"}})->gateway.listen.text(), "127.0.0.1:6");
    EXPECT_EQ(parse("", {{"PORT", "5000"}}, {{"gateway", "127.0.0.1:7"}})->gateway.listen.text(), "127.0.0.1:7");
    EXPECT_FALSE(parse("", {{"PORT", "http"}}));
}

TEST(ParseConfig, UnknownVariablesAreIgnored) { EXPECT_TRUE(parse("", {{"TOLLGATE_NO_SUCH_THING", "1"}})); }

TEST(ParseConfig, ReadsTheDocumentedExample) {
    auto const config = parse(R"(
[gateway]
durability = "power"
drain_seconds = 31

[[provider]]
name = "openai"
kind = "openai"
base_url = "https://api.openai.com/v1"
api_key = "${OPENAI_API_KEY}"
expose = ["*"]

[[model]]
name = "claude-sonnet-4.5"
targets = [ { provider = "openrouter", model = "anthropic/claude-sonnet-4.5", priority = 1, weight = 3 },
            { provider = "vertex",     model = "claude-sonnet-4-5",           priority = 2 } ]
price = { input = "3", output = "15", cache_read = "0.30", cache_write_5m = "3.75", cache_write_1h = "6" }
multiplier = "1.2"

[[route]]
name = "cloudconvert"
upstream = "https://api.cloudconvert.com/v2"
set_headers = { Authorization = "Bearer ${CLOUDCONVERT_KEY}" }
price_per_request = "0.001"
methods = ["GET", "POST"]
)",
                              {{"OPENAI_API_KEY", "sk-secret"}, {"CLOUDCONVERT_KEY", "cc"}});
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->gateway.durability, Durability::power);
    EXPECT_EQ(config->gateway.drain_seconds, 31);
    ASSERT_EQ(config->providers.size(), 1u);
    EXPECT_EQ(config->providers[0].api_key.reveal(), "sk-secret");
    EXPECT_EQ(config->providers[0].expose, std::vector<std::string>{"*"});
    EXPECT_EQ(config->providers[0].line, 6);
    ASSERT_EQ(config->models.size(), 1u);
    auto const& model = config->models[0];
    ASSERT_EQ(model.targets.size(), 2u);
    EXPECT_EQ(model.targets[0].provider, "openrouter");
    EXPECT_EQ(model.targets[0].weight, 3);
    EXPECT_EQ(model.targets[1].priority, 2);
    EXPECT_EQ(model.targets[1].weight, 1);
    EXPECT_EQ(model.multiplier.ppb(), 1'200'000'000);
    ASSERT_EQ(model.price.size(), 5u);
    EXPECT_EQ(model.price[0], std::make_pair(std::string("input"), std::string("3"))); // as written, not sorted
    EXPECT_EQ(model.price[4].first, "cache_write_1h");
    ASSERT_EQ(config->routes.size(), 1u);
    EXPECT_EQ(config->routes[0].price_per_request.nanos(), 1'000'000);
    EXPECT_EQ(config->routes[0].set_headers[0].second, "Bearer cc");
}

struct BadCase {
    std::string_view name, text, want; ///< want: the whole first line of the message
    Variables variables = {};
    std::vector<Option> options = {};
};
void PrintTo(BadCase const& c, std::ostream* out) { *out << c.name; }
class Refused : public testing::TestWithParam<BadCase> {};

TEST_P(Refused, WithPlaceAndRemedy) {
    auto const config = parse(std::string(GetParam().text), GetParam().variables, GetParam().options);
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().code, Errc::invalid_request);
    auto const first = config.error().message.substr(0, config.error().message.find('\n'));
    EXPECT_EQ(first, GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Refused,
    testing::Values(
        BadCase{"unknown_key", "\n[gateway]\ndrain_secs = 3\n",
                "tollgate.toml:3: gateway.drain_secs: unknown key; nearest is 'gateway.drain_seconds'"},
        BadCase{"unknown_root_key", "thread = 3\n", "tollgate.toml:1: thread: unknown key; nearest is 'threads'"},
        BadCase{"unknown_section", "[gatewey]\nlisten = \"127.0.0.1:1\"\n",
                "tollgate.toml:1: gatewey: unknown key; nearest is 'gateway'"},
        BadCase{"unknown_provider_key", "[[provider]]\nname = \"a\"\nkind = \"demo\"\napikey = \"x\"\n",
                "tollgate.toml:4: provider.apikey: unknown key; nearest is 'api_key'"},
        BadCase{"unknown_target_key", "[[model]]\nname = \"a\"\ntargets = [ { provider = \"p\", model = \"m\", prio = 1 } ]\n",
                "tollgate.toml:3: model.targets.prio: unknown key; nearest is 'priority'"},
        BadCase{"text_for_number", "threads = \"3\"\n",
                "tollgate.toml:1: threads: is text: write a whole number from 0 to 1024, without quotes"},
        BadCase{"number_out_of_range", "threads = 5000\n",
                "tollgate.toml:1: threads: '5000' is not a whole number from 0 to 1024"},
        BadCase{"number_for_text", "data = 3\n", "tollgate.toml:1: data: is a whole number: write text, in quotes"},
        BadCase{"float_for_money", "[credits]\nusd_per_credit = 0.01\n",
                "tollgate.toml:2: credits.usd_per_credit: is a number with a decimal point: write an amount in USD as a decimal "
                "string, such as \"0.01\", with at most 9 decimals, in quotes"},
        BadCase{"float_in_price", "[[model]]\nname = \"a\"\ntargets = []\nprice = { input = 3.5 }\n",
                "tollgate.toml:4: model.price.input: is a number with a decimal point: write it in quotes"},
        BadCase{"too_fine_money", "[credits]\nusd_per_credit = \"0.0000000001\"\n",
                "tollgate.toml:2: credits.usd_per_credit: '0.0000000001' is not an amount in USD as a decimal string, such as "
                "\"0.01\", with at most 9 decimals"},
        BadCase{"bad_choice", "role = \"gatway\"\n",
                "tollgate.toml:1: role: 'gatway' is not one of \"all\", \"gateway\", \"console\"; nearest is 'gateway'"},
        BadCase{"bad_cidr", "trusted_proxies = [\"10.1.1.1/8\"]\n",
                "tollgate.toml:1: trusted_proxies: '10.1.1.1/8' is not an address block: the address has bits after the prefix; "
                "10.0.0.0/8 may be meant"},
        BadCase{"missing_variable", "[[provider]]\nname = \"a\"\nkind = \"demo\"\napi_key = \"${NOT_THERE}\"\n",
                "tollgate.toml:4: provider.api_key: the environment variable NOT_THERE is not set"},
        BadCase{"empty_variable", "data = \"${EMPTY}\"\n", "tollgate.toml:1: data: the environment variable EMPTY is empty",
                {{"EMPTY", ""}}},
        BadCase{"open_variable", "data = \"${EMPTY\"\n",
                "tollgate.toml:1: data: '${' must be closed around a variable's name: ${NAME}; a literal one is $${"},
        BadCase{"missing_required", "\n[[provider]]\nkind = \"demo\"\n", "tollgate.toml:2: provider.name: is missing"},
        BadCase{"table_for_parts", "provider = 3\n", "tollgate.toml:1: provider: is a whole number: write [[provider]] for each one"},
        BadCase{"twice", "[[route]]\nname = \"a\"\nupstream = \"x\"\n[[route]]\nname = \"a\"\nupstream = \"x\"\n",
                "tollgate.toml:4: route.name: 'a' is declared already in line 1"},
        BadCase{"reserved_route", "[[route]]\nname = \"usage\"\nupstream = \"x\"\n",
                "tollgate.toml:1: route.name: 'usage' would shadow Tollgate's own /api/usage: choose another"},
        BadCase{"secret_in_file", "[bootstrap]\nmaster_key = \"x\"\n",
                "tollgate.toml:2: bootstrap.master_key: is a secret that only the environment can set: TOLLGATE_MASTER_KEY"},
        BadCase{"syntax", "a = = 1\n", "tollgate.toml:1: Error while parsing value: could not determine value type"},
        BadCase{"env", "", "environment variable TOLLGATE_THREADS: 'many' is not a whole number from 0 to 1024",
                {{"TOLLGATE_THREADS", "many"}}},
        BadCase{"unknown_option", "", "option --gatway: unknown; nearest is '--gateway'", {}, {{"gatway", "x"}}},
        BadCase{"bad_option", "", "option --gateway: '8080' is not HOST:PORT: write an IP address and a port, such as 127.0.0.1:8080, "
                                  "0.0.0.0:8080 (all interfaces) or [::1]:8080",
                {}, {{"gateway", "8080"}}},
        BadCase{"half_tls", "tls_cert = \"x\"\n", "tls_key: missing, though tls_cert is set: TLS needs both"},
        BadCase{"same_address", "gateway = \"127.0.0.1:8081\"\n",
                "console.listen: is the same address as gateway.listen (127.0.0.1:8081): give one of them another port"}),
    [](auto const& row) { return std::string(row.param.name); });

TEST(ParseConfig, ReportsEveryProblemAtOnce) {
    auto const config = parse("threads = \"x\"\nunknwon = 1\n", {{"TOLLGATE_ROLE", "none"}}, {{"nope", "1"}});
    ASSERT_FALSE(config);
    auto const& message = config.error().message;
    EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 3) << message;
}

TEST(ParseConfig, NeverShowsASecret) {
    auto const config = parse("[[provider]]\nname = \"a\"\nkind = \"demo\"\napi_key = 12345\nx = \"${KEY}\"\n", {{"KEY", "hush-hush"}});
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().message.find("hush-hush"), std::string::npos);
}

TEST(ParseConfig, DollarsThatStartNoVariableStay) {
    EXPECT_EQ(parse("data = \"a$b$$c$\"\n")->data, "a$b$$c$");
    EXPECT_EQ(parse("data = \"$${X}-${X}\"\n", {{"X", "1"}})->data, "${X}-1");
}

TEST(HostPort, Parses) {
    EXPECT_EQ(parse_host_port("localhost:0")->text(), "127.0.0.1:0");
    EXPECT_EQ(parse_host_port("[::]:65535")->text(), "[::]:65535");
    for (auto const* text : {"", ":", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8x", "::1:80", "[::1]", "example.com:80"})
        EXPECT_FALSE(parse_host_port(text)) << text;
}

TEST(Keys, AreWellFormed) {
    std::set<std::string> names, variables, options;
    Config config;
    for (auto const& key : keys()) {
        EXPECT_TRUE(names.insert(std::string(key.name)).second) << key.name;
        EXPECT_FALSE(key.doc.empty()) << key.name;
        for (auto const& variable : variables_of(key)) EXPECT_TRUE(variables.insert(variable).second) << variable;
        if (!key.option.empty()) {
            EXPECT_TRUE(options.insert(std::string(key.option)).second) << key.option;
        }
        // A default is a value that the key itself accepts.
        auto const field = key.field(config);
        if (auto const* number = std::get_if<IntField>(&field)) {
            EXPECT_GE(*number->value, number->min) << key.name;
            EXPECT_LE(*number->value, number->max) << key.name;
        }
    }
}

std::string read(std::string const& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// The example file is what the table of keys says, so that no key can be missing from it and none can be left over.
/// TOLLGATE_UPDATE_EXAMPLE=1 writes it anew.
TEST(Example, NamesEveryKeyWithItsDefault) {
    auto const path = std::string(TOLLGATE_SOURCE_DIR) + "/tollgate.example.toml";
    if (std::getenv("TOLLGATE_UPDATE_EXAMPLE")) std::ofstream(path) << example_toml();
    EXPECT_EQ(read(path), example_toml()) << "run test_config once with TOLLGATE_UPDATE_EXAMPLE=1";
}

TEST(Example, WithEveryLineInForceIsAcceptedAndChangesNothing) {
    std::istringstream lines(read(std::string(TOLLGATE_SOURCE_DIR) + "/tollgate.example.toml"));
    std::string text;
    for (std::string line; std::getline(lines, line);)
        text += (line.size() > 1 && line[0] == '#' && line[1] != ' ' ? line.substr(1) : line) + "\n";
    auto const parsed = parse(text, {{"OPENAI_API_KEY", "x"}, {"CLOUDCONVERT_KEY", "y"}});
    ASSERT_TRUE(parsed) << parsed.error().message << "\n" << text;
    Config config = *parsed, defaults;
    for (auto const& key : keys()) EXPECT_EQ(show(key.field(config)), show(key.field(defaults))) << key.name;
    ASSERT_EQ(config.providers.size(), 1u);
    ASSERT_EQ(config.models.size(), 1u);
    ASSERT_EQ(config.routes.size(), 1u);
    for (auto const* name : {"provider", "model", "route"}) EXPECT_NE(text.find("[[" + std::string(name) + "]]"), std::string::npos);
}

TEST(LoadConfig, ReadsTheFileAskedFor) {
    auto const path = testing::TempDir() + "tollgate-load-config-test.toml";
    std::ofstream(path) << "threads = 3\n";
    EXPECT_EQ(load_config({{"config", path}}, from({}))->threads, 3);
    EXPECT_EQ(load_config({}, from({{"TOLLGATE_CONFIG", path}}))->threads, 3);
    EXPECT_EQ(load_config({{"config", path}}, from({}))->file, path);
    std::ofstream(path, std::ios::trunc).close();
    EXPECT_TRUE(load_config({{"config", path}}, from({}))); // an empty file is a file
    std::remove(path.c_str());
    auto const missing = load_config({{"config", path}}, from({}));
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().message.find("no such configuration file"), std::string::npos);
    EXPECT_FALSE(load_config({{"config", testing::TempDir()}}, from({})));
}

} // namespace
} // namespace tollgate::config
