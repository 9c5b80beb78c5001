#include "gateway/endpoint.hpp"

#include <gtest/gtest.h>

namespace tollgate::gateway {
namespace {

net::RequestHead head(std::string_view method, std::string_view path, bool anthropic = false) {
    net::RequestHead h;
    h.method = method;
    h.path = path;
    if (anthropic) h.headers.add("Anthropic-Version", "2023-06-01");
    return h;
}

struct EndpointCase {
    std::string_view method, path;
    bool anthropic;
    Surface want;
    std::string_view model_id;
};

TEST(find_endpoint, knows_the_surfaces_and_their_dialects) {
    for (auto const& c : {EndpointCase{"POST", "/v1/chat/completions", false, Surface::openai_chat, ""},
                          EndpointCase{"POST", "/v1/chat/completions/", false, Surface::openai_chat, ""},
                          EndpointCase{"POST", "/v1/completions", false, Surface::openai_completions, ""},
                          EndpointCase{"POST", "/v1/embeddings", false, Surface::openai_embeddings, ""},
                          EndpointCase{"POST", "/v1/messages", true, Surface::anthropic_messages, ""},
                          EndpointCase{"POST", "/v1/messages/count_tokens", true, Surface::anthropic_count_tokens, ""},
                          EndpointCase{"GET", "/v1/models", false, Surface::openai_models, ""},
                          EndpointCase{"GET", "/v1/models", true, Surface::anthropic_models, ""},
                          EndpointCase{"GET", "/v1/models/openai/gpt-4o", false, Surface::openai_models, "openai/gpt-4o"}}) {
        auto const found = find_endpoint(head(c.method, c.path, c.anthropic));
        ASSERT_TRUE(found) << c.path;
        EXPECT_EQ(found->surface, c.want) << c.path;
        EXPECT_EQ(found->model_id, c.model_id);
    }
}

TEST(find_endpoint, tells_a_wrong_method_from_a_wrong_path) {
    auto const wrong_method = find_endpoint(head("GET", "/v1/chat/completions"));
    ASSERT_FALSE(wrong_method);
    EXPECT_EQ(wrong_method.error().code, Errc::method_not_allowed);
    EXPECT_NE(wrong_method.error().message.find("POST"), std::string::npos);
    for (std::string_view const path : {"/", "/v1", "/v1/chat", "/v1/chat/completionsx", "/v2/chat/completions", "/V1/chat/completions"})
        EXPECT_EQ(find_endpoint(head("POST", path)).error().code, Errc::not_found) << path;
}

TEST(guess_dialect, answers_an_anthropic_caller_in_its_own_shape_even_on_unknown_paths) {
    EXPECT_EQ(guess_dialect(head("POST", "/v1/nothing", true)), Dialect::anthropic);
    EXPECT_EQ(guess_dialect(head("POST", "/v1/messages/batches")), Dialect::anthropic);
    EXPECT_EQ(guess_dialect(head("POST", "/v1/nothing")), Dialect::openai);
}

} // namespace
} // namespace tollgate::gateway
