#include "gateway/models.hpp"

#include <fmt/format.h>
#include <vector>

#include "dialects/models.hpp"
#include "identity/authenticate.hpp"

namespace tollgate::gateway {
namespace {

/// Stated as every model's time of creation: the dialects require one, and a catalog has none.
constexpr std::int64_t created = 1'735'689'600; // 2025-01-01

bool callable(Call const& call, routing::Model const& model) {
    if (!model.enabled || !identity::may_use_model(*call.caller->key, model.name)) return false;
    for (auto const& target : model.targets)
        if (model.list_price(target, call.record.time) != nullptr) return true;
    return false;
}

dialects::ModelEntry entry_of(routing::Model const& model) {
    dialects::ModelEntry entry;
    entry.id = model.name;
    entry.created = created;
    entry.owned_by = model.targets.empty() ? std::string_view("tollgate") : std::string_view(model.targets[0].provider->name);
    return entry;
}

std::string percent_decoded(std::string_view text) {
    std::string out;
    auto const digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
            out += static_cast<char>(digit(text[i + 1]) << 4 | digit(text[i + 2]));
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

Result<std::string> models_body(Call const& call, std::string_view model_id) {
    bool const anthropic = call.dialect == Dialect::anthropic;
    if (!model_id.empty()) {
        auto const name = percent_decoded(model_id);
        auto const model = call.catalog->find(name);
        if (!model || !callable(call, *model))
            return fail(Errc::not_found, fmt::format("The model '{}' does not exist here.", name), "model");
        auto const entry = entry_of(*model);
        return anthropic ? dialects::anthropic_model(entry) : dialects::openai_model(entry);
    }
    std::vector<dialects::ModelEntry> entries;
    for (auto const& model : call.catalog->models())
        if (callable(call, *model)) entries.push_back(entry_of(*model));
    if (!anthropic) return dialects::openai_model_list(entries);
    auto const page = dialects::parse_anthropic_page(call.exchange.head().query);
    if (!page) return Fail(page.error());
    return dialects::anthropic_model_list(entries, *page);
}

} // namespace

asio::awaitable<void> answer_models(Call& call, std::string_view model_id) {
    auto const body = models_body(call, model_id);
    if (!body) {
        auto error = body.error();
        co_await refuse(call, std::move(error));
        co_return;
    }
    std::string lines;
    net::append_header(lines, "content-type", "application/json");
    call.append_common_headers(lines);
    co_await call.exchange.respond(200, lines, *body);
}

} // namespace tollgate::gateway
