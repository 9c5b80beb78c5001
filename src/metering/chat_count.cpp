#include "metering/chat_count.hpp"

namespace tollgate::metering {

PromptCount count_chat_prompt(Tokenizer const& tokenizer, ModelEncoding how, ChatPrompt const& prompt) {
    constexpr std::int64_t per_message = 3;
    constexpr std::int64_t per_name = 1;
    constexpr std::int64_t function_role_discount = 2;
    constexpr std::int64_t per_call = 3;
    constexpr std::int64_t per_request = 3;
    constexpr std::int64_t per_tool_list = 9;
    auto const count = [&](std::string_view text) { return tokenizer.count(how.encoding, text); };

    std::int64_t tokens = per_request;
    for (auto const& m : prompt.messages) {
        tokens += count(m.content);
        if (m.continues)
            continue;
        tokens += per_message + count(m.role);
        if (!m.name.empty())
            tokens += per_name + count(m.name);
        if (m.role == "function")
            tokens -= function_role_discount;
    }
    for (auto const text : prompt.call_texts)
        tokens += count(text);
    tokens += prompt.calls * per_call;
    if (!prompt.tools_json.empty())
        tokens += per_tool_list + count(prompt.tools_json);
    tokens += count(prompt.other_json);
    return {scaled(how, tokens), !how.exact || !prompt.tools_json.empty() || !prompt.other_json.empty()};
}

} // namespace tollgate::metering
