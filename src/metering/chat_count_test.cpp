#include "metering/chat_count.hpp"

#include <gtest/gtest.h>

#include "metering/vectors/read_vectors.hpp"

namespace tollgate::metering {
namespace {

PromptCount count(Tokenizer const& t, ChatVector const& chat) {
    std::vector<ChatText> messages;
    std::vector<std::string_view> calls;
    ChatPrompt prompt;
    for (auto const& m : chat.messages) {
        messages.push_back({m.role, m.content, m.name, false});
        if (!m.has_call)
            continue;
        ++prompt.calls;
        calls.push_back(m.call_name);
        calls.push_back(m.call_arguments);
    }
    prompt.messages = messages;
    prompt.call_texts = calls;
    prompt.tools_json = chat.functions_json;
    return count_chat_prompt(t, encoding_for_model("gpt-4o"), prompt);
}

TEST(ChatCount, IsExactForPlainChats) {
    Tokenizer const t;
    int plain = 0;
    for (auto const& chat : vectors(TOLLGATE_VECTORS_FILE).chats) {
        if (!chat.functions_json.empty())
            continue;
        ++plain;
        auto const got = count(t, chat);
        EXPECT_EQ(got.tokens, chat.tokens) << chat.messages.front().content;
        EXPECT_FALSE(got.estimated);
    }
    EXPECT_GE(plain, 8);
}

TEST(ChatCount, MarksToolsAsEstimatedAndLeansUpwards) {
    Tokenizer const t;
    int with_tools = 0;
    for (auto const& chat : vectors(TOLLGATE_VECTORS_FILE).chats) {
        if (chat.functions_json.empty())
            continue;
        ++with_tools;
        auto const got = count(t, chat);
        EXPECT_TRUE(got.estimated);
        EXPECT_GE(got.tokens + 5, chat.tokens)
            << chat.functions_json; // + 5: a forced call named in the request
        EXPECT_LE(got.tokens, chat.tokens * 3);
    }
    EXPECT_GE(with_tools, 8);
}

TEST(ChatCount, PartsOfOneMessageShareItsOverhead) {
    Tokenizer const t;
    auto const how = encoding_for_model("gpt-4o");
    ChatText const whole[] = {{"user", "one", "", false}};
    ChatText const parts[] = {{"user", "one", "", false}, {"user", " two", "", true}};
    EXPECT_EQ(count_chat_prompt(t, how, {parts, {}, 0, {}, {}}).tokens,
              count_chat_prompt(t, how, {whole, {}, 0, {}, {}}).tokens + 1);
}

TEST(ChatCount, OtherFamiliesAreEstimates) {
    Tokenizer const t;
    ChatText const messages[] = {{"user", "Hello there, how are you today?", "", false}};
    auto const exact = count_chat_prompt(t, encoding_for_model("gpt-4o"), {messages, {}, 0, {}, {}});
    auto const other =
        count_chat_prompt(t, encoding_for_model("claude-sonnet-4-5"), {messages, {}, 0, {}, {}});
    EXPECT_TRUE(other.estimated);
    EXPECT_GT(other.tokens, exact.tokens);
}

TEST(ChatCount, TheBoundCoversEveryExactCount) {
    Tokenizer const t;
    for (auto const& chat : vectors(TOLLGATE_VECTORS_FILE).chats) {
        std::int64_t bytes = static_cast<std::int64_t>(chat.functions_json.size());
        for (auto const& m : chat.messages)
            for (auto const* part : {&m.role, &m.content, &m.name, &m.call_name, &m.call_arguments})
                bytes += static_cast<std::int64_t>(part->size());
        auto const bound = prompt_tokens_max(bytes, static_cast<std::int64_t>(chat.messages.size()),
                                             !chat.functions_json.empty());
        EXPECT_GE(bound, chat.tokens);
        EXPECT_GE(bound, count(t, chat).tokens);
    }
}

} // namespace
} // namespace tollgate::metering
