#include "providers/kind.hpp"

#include <array>
#include <string>
#include <vector>

#include "base/nearest.hpp"

namespace tollgate::providers {
namespace {

// One row per kind, in KindId order:
// id, name, default base URL, price book, credential, credential required, speaks OpenAI, speaks Anthropic, supported.
constexpr std::array rows{
    Kind{KindId::openai, "openai", "https://api.openai.com/v1", "openai", Credential::bearer, true, true, false, true},
    Kind{KindId::openai_compatible, "openai_compatible", "", "", Credential::bearer, false, true, false, true},
    // Azure's v1 API: https://{resource}.openai.azure.com/openai/v1, the deployment is the model.
    Kind{KindId::azure_openai, "azure_openai", "", "azure", Credential::api_key, true, true, false, true},
    Kind{KindId::anthropic, "anthropic", "https://api.anthropic.com", "anthropic", Credential::x_api_key, true, false,
         true, true},
    Kind{KindId::gemini, "gemini", "https://generativelanguage.googleapis.com", "google", Credential::none, true, false,
         false, false},
    Kind{KindId::vertex, "vertex", "", "google", Credential::none, true, false, false, false},
    Kind{KindId::bedrock, "bedrock", "", "aws", Credential::none, true, false, false, false},
    Kind{KindId::openrouter, "openrouter", "https://openrouter.ai/api/v1", "openrouter", Credential::bearer, true, true,
         false, true},
    Kind{KindId::http, "http", "", "", Credential::none, false, false, false, false},
    Kind{KindId::demo, "demo", "", "", Credential::none, false, true, true, true},
};

struct PathRow {
    Surface surface;
    std::string_view behind_v1; ///< behind a base URL that ends in /v1
    std::string_view whole;     ///< behind a base URL without a version segment
};
constexpr std::array paths{
    PathRow{Surface::openai_chat, "/chat/completions", "/v1/chat/completions"},
    PathRow{Surface::openai_completions, "/completions", "/v1/completions"},
    PathRow{Surface::openai_embeddings, "/embeddings", "/v1/embeddings"},
    PathRow{Surface::openai_models, "/models", "/v1/models"},
    PathRow{Surface::anthropic_messages, "/messages", "/v1/messages"},
    PathRow{Surface::anthropic_count_tokens, "/messages/count_tokens", "/v1/messages/count_tokens"},
    PathRow{Surface::anthropic_models, "/models", "/v1/models"},
};

std::string_view dialect_label(Dialect dialect) noexcept {
    switch (dialect) {
    case Dialect::openai: return "OpenAI";
    case Dialect::anthropic: return "Anthropic";
    case Dialect::gemini: return "Gemini";
    case Dialect::generic: break;
    }
    return "HTTP";
}

} // namespace

std::span<Kind const> kinds() noexcept { return rows; }

Kind const& kind(KindId id) noexcept { return rows[static_cast<std::size_t>(id)]; }

Result<Kind const*> find_kind(std::string_view name) {
    std::vector<std::string_view> supported;
    for (Kind const& row : rows) {
        if (row.name == name && row.supported) return &row;
        if (row.name == name)
            return fail(Errc::invalid_request,
                        "kind: '" + std::string(name) + "' providers cannot be called by this version", "kind");
        if (row.supported) supported.push_back(row.name);
    }
    return fail(Errc::invalid_request,
                "kind: unknown provider kind '" + std::string(name.substr(0, 64)) + "'; did you mean '" +
                    std::string(nearest_name(name, supported)) + "'?",
                "kind");
}

bool speaks(Kind const& kind, Dialect dialect) noexcept {
    return (dialect == Dialect::openai && kind.speaks_openai) ||
           (dialect == Dialect::anthropic && kind.speaks_anthropic);
}

Result<std::string_view> upstream_path(Kind const& kind, Surface surface) {
    Dialect const dialect = dialect_of(surface);
    if (!speaks(kind, dialect)) {
        std::string_view const spoken = kind.speaks_openai      ? "OpenAI"
                                        : kind.speaks_anthropic ? "Anthropic"
                                                                : "neither OpenAI's nor Anthropic's";
        return fail(Errc::invalid_request,
                    "model: it lives at a provider that speaks the " + std::string(spoken) +
                        " dialect; call it through that dialect's endpoint, not " + std::string(dialect_label(dialect)) +
                        "'s",
                    "model");
    }
    for (PathRow const& row : paths)
        if (row.surface == surface)
            return kind.speaks_openai && kind.id != KindId::demo ? row.behind_v1 : row.whole;
    return fail(Errc::invalid_request, "this kind of provider has no such endpoint", "model");
}

Result<void> check_base_url(Kind const& kind, std::string_view base_url) {
    while (base_url.ends_with('/')) base_url.remove_suffix(1);
    if (base_url.empty()) {
        if (!kind.default_base_url.empty() || kind.id == KindId::demo) return {};
        return fail(Errc::invalid_request, "base_url: required for kind " + std::string(kind.name), "base_url");
    }
    bool const versioned = base_url.ends_with("/v1");
    if (kind.id == KindId::anthropic && versioned)
        return fail(Errc::invalid_request, "base_url: leave out the version: " +
                                               std::string(base_url.substr(0, base_url.size() - 3)),
                    "base_url");
    bool const vendor_host = base_url == "https://api.openai.com" || base_url == "https://openrouter.ai" ||
                             base_url == "https://openrouter.ai/api";
    if (vendor_host && kind.speaks_openai) {
        std::string_view const suffix = base_url == "https://openrouter.ai" ? "/api/v1" : "/v1";
        return fail(Errc::invalid_request,
                    "base_url: must end in the version, as the vendor's SDK takes it: " + std::string(base_url) +
                        std::string(suffix),
                    "base_url");
    }
    return {};
}

} // namespace tollgate::providers
