#include "gateway/endpoint.hpp"

#include <array>
#include <fmt/format.h>

namespace tollgate::gateway {
namespace {
struct Row {
    std::string_view method, path;
    Surface surface;
};
constexpr std::array rows{
    Row{"POST", "/v1/chat/completions", Surface::openai_chat},
    Row{"POST", "/v1/completions", Surface::openai_completions},
    Row{"POST", "/v1/embeddings", Surface::openai_embeddings},
    Row{"POST", "/v1/messages", Surface::anthropic_messages},
    Row{"POST", "/v1/messages/count_tokens", Surface::anthropic_count_tokens},
    Row{"GET", "/v1/models", Surface::openai_models},
};
} // namespace

Dialect guess_dialect(net::RequestHead const& head) noexcept {
    return head.find("anthropic-version") || head.path.starts_with("/v1/messages") ? Dialect::anthropic : Dialect::openai;
}

Result<Endpoint> find_endpoint(net::RequestHead const& head) {
    auto path = head.path;
    if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    std::string_view model_id;
    constexpr std::string_view models = "/v1/models/";
    if (path.starts_with(models) && path.size() > models.size()) {
        model_id = path.substr(models.size());
        path = path.substr(0, models.size() - 1);
    }
    for (auto const& row : rows) {
        if (row.path != path) continue;
        if (row.method != head.method)
            return fail(Errc::method_not_allowed, fmt::format("{} takes {}, not {}.", row.path, row.method, head.method));
        Endpoint endpoint{row.surface, model_id};
        if (row.surface == Surface::openai_models && head.find("anthropic-version"))
            endpoint.surface = Surface::anthropic_models;
        return endpoint;
    }
    return fail(Errc::not_found, fmt::format("There is no {} {} here.", head.method, head.path.substr(0, 200)));
}

} // namespace tollgate::gateway
