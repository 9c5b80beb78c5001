// The fixture itself: compiled into the test program only.
#include "control/testing/api_fixture.hpp"

#include "base/log.hpp"
#include "control/declarations.hpp"
#include "control/testing/schema_check.hpp"
#include "ledger/applier.hpp"
#include "pricing/rate.hpp"
#include "routing/build_catalog.hpp"
#include "store/account_store.hpp"
#include "store/catalog_store.hpp"

namespace tollgate::control::testing {
namespace {
std::unique_ptr<store::Store> memory_store() {
    store::StoreConfig config;
    config.url = "sqlite::memory:";
    auto opened = store::open_store(config);
    TOLLGATE_CHECK(opened.has_value(), opened ? "" : opened.error().message);
    return std::move(*opened);
}
std::unique_ptr<ledger::Ledger> open_ledger(journal::Disk& disk, Clock const& clock, store::Store& store) {
    ledger::Options options;
    options.threads = false;
    options.journal.segment_bytes = 1u << 20;
    auto opened =
        ledger::Ledger::open(disk, clock, ledger::Stores{store.ledger(), store.accounts(), store.store_id()}, options);
    TOLLGATE_CHECK(opened.has_value(), opened ? "" : opened.error().message);
    return std::move(*opened);
}
std::shared_ptr<pricing::Book const> builtin_book() {
    auto book = pricing::Book::builtin();
    TOLLGATE_CHECK(book.has_value(), book ? "" : book.error().message);
    return *book;
}
Secret secret(char const* text) { return Secret(text); }
} // namespace

World::World(config::Config configuration)
    : config(std::move(configuration)), store(memory_store()), ledger(open_ledger(disk, clock, *store)),
      hasher(secret("test pepper")), book(builtin_book()), catalog(std::make_shared<routing::Catalog const>()),
      context{*store,
              *ledger,
              directory,
              hasher,
              activity,
              catalog,
              *book,
              tokenizer,
              config,
              clock,
              secret(admin_token),
              SecretBox(secret("test master key"), "api-keys"),
              SecretBox(secret("test master key"), "provider-credentials"),
              SecretBox(secret("test master key"), "control-answers"),
              [this] { return republish(); },
              {},
              {},
              {},
              {},
              {}},
      api(context) {
    log::init(log::Level::error, false); // the log of hundreds of refused calls hides the one that failed
    TOLLGATE_CHECK(republish().has_value(), "the catalog builds");
}

Result<void> World::republish() {
    routing::CatalogInput input;
    for (auto const& provider : config.providers) input.providers.push_back({provider, routing::Source::file, {}});
    for (auto const& model : config.models) input.models.push_back({model, routing::Source::file, {}, {}});
    auto stored = stored_declarations(store->catalog(), context.provider_box);
    for (auto& provider : stored.providers) input.providers.push_back(std::move(provider));
    for (auto& model : stored.models) input.models.push_back(std::move(model));
    input.book = book;
    input.upstream = config.upstream;
    input.states = &states;
    input.now = clock.now();
    catalog.publish(routing::build_catalog(std::move(input)));
    return {};
}

RequestRecord World::paid_request(AccountId account, KeyId key, std::string const& model, Money charge) {
    RequestRecord record;
    record.request_id = make_uuid7(clock.now());
    record.time = clock.now();
    record.account_id = account;
    record.key_id = key;
    record.key_name = "production";
    record.method = "POST";
    record.path = "/v1/chat/completions";
    record.model = model;
    record.provider = "demo";
    record.provider_model = model;
    auto hold = ledger->hold({record, charge, {}});
    TOLLGATE_CHECK(hold.has_value(), hold ? "" : hold.error().message);
    record.status = 200;
    record.outcome = Outcome::success;
    record.latency_ms = 12;
    record.usage[Bucket::input] = 100;
    record.usage[Bucket::output] = 50;
    record.usage_source = UsageSource::provider;
    // One line per dollar-nano keeps the charge equal to its recomputation.
    record.lines.push_back({static_cast<std::uint8_t>(pricing::UnitId::output_tokens), 1, charge.nanos() * 1000, 1});
    record.charge = charge;
    record.cost = charge;
    hold->settle(RequestRecord(record));
    TOLLGATE_CHECK(ledger->applier().catch_up().has_value(), "the record is applied");
    return record;
}

std::string Answer::text(std::string_view field) const {
    auto const* object = json.if_object();
    auto const it = object ? object->find(boost::json::string_view(field.data(), field.size())) : nullptr;
    if (!object || it == object->end()) return "<absent>";
    if (auto const* s = it->value().if_string()) return std::string(s->data(), s->size());
    return boost::json::serialize(it->value());
}
std::string Answer::header(std::string_view name) const {
    for (auto const& h : response.headers)
        if (h.name == name) return h.value;
    return {};
}

Answer ApiTest::call(std::string method, std::string const& target, std::string body, std::vector<Header> headers) {
    Request request;
    request.method = std::move(method);
    auto const mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string::npos) request.query = target.substr(mark + 1);
    request.body = std::move(body);
    request.headers = std::move(headers);
    request.client_ip = client_ip;
    if (request.header("authorization").empty() && request.header("x-api-key").empty())
        request.headers.push_back({"authorization", std::string("Bearer ") + admin_token});
    Answer answer;
    answer.response = world->api.dispatch(request);
    answer.status = answer.response.status;
    EXPECT_EQ(undocumented(request.method, request.path, answer.response), "") << request.method << " " << target;
    boost::json::error_code ec;
    answer.json = boost::json::parse(answer.response.body, ec);
    return answer;
}

std::string ApiTest::make_account(std::string const& name) {
    auto const made = post("/api/accounts", R"({"name":")" + name + R"("})");
    EXPECT_EQ(made.status, 201) << made.response.body;
    return made.text("id");
}
std::string ApiTest::make_key(std::string const& account, std::string* text) {
    auto const made = post("/api/keys", R"({"name":"production","account_id":")" + account + R"("})");
    EXPECT_EQ(made.status, 201) << made.response.body;
    if (text) *text = made.text("key");
    return made.text("id");
}
std::string ApiTest::make_token(std::string const& scopes_json) {
    auto const made = post("/api/service-tokens", R"({"name":"ci","scopes":)" + scopes_json + "}");
    EXPECT_EQ(made.status, 201) << made.response.body;
    return made.text("token");
}

} // namespace tollgate::control::testing
