#include "providers/demo/answer.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "dialects/deltas.hpp"
#include "metering/chat_count.hpp"

namespace tollgate::providers::demo {
namespace {

namespace json = boost::json;
constexpr std::int64_t delay_max_ms = 10'000;
constexpr metering::ModelEncoding encoding{}; // o200k_base, exact

/// Collects the prompt parts that dialects hands out.
struct Collected {
    struct Row {
        std::string role, name, text;
        bool continues = false;
    };
    std::vector<Row> rows;
    std::vector<std::string> texts;
    std::string tools_json;
    bool message_open = false;

    static void take(void* context, dialects::PromptPart part, std::string_view text, std::int64_t) {
        auto& self = *static_cast<Collected*>(context);
        switch (part) {
        case dialects::PromptPart::message:
            self.rows.push_back(Row{std::string(text), {}, {}, false});
            self.message_open = true;
            break;
        case dialects::PromptPart::name:
            if (!self.rows.empty()) self.rows.back().name = text;
            break;
        case dialects::PromptPart::text:
            self.texts.emplace_back(text);
            if (self.rows.empty()) self.rows.push_back(Row{"system", {}, std::string(text), false});
            else if (self.message_open) self.rows.back().text = text;
            else self.rows.push_back(Row{self.rows.back().role, {}, std::string(text), true});
            self.message_open = false;
            break;
        case dialects::PromptPart::tools: self.tools_json.append(text); break;
        case dialects::PromptPart::token_ids: break;
        }
    }
};

std::int64_t count_prompt(metering::Tokenizer const& tokenizer, Collected const& collected) {
    std::vector<metering::ChatText> messages;
    for (auto const& row : collected.rows)
        messages.push_back(metering::ChatText{row.role, row.text, row.name, row.continues});
    metering::ChatPrompt prompt;
    prompt.messages = messages;
    prompt.tools_json = collected.tools_json;
    return metering::count_chat_prompt(tokenizer, encoding, prompt).tokens;
}

/// The text of the last user message, its parts joined.
std::string last_user_text(Collected const& collected) {
    auto const& rows = collected.rows;
    std::size_t begin = rows.size();
    while (begin > 0 && (rows[begin - 1].role != "user" || rows[begin - 1].continues)) --begin;
    if (begin == 0) return {};
    std::string text = rows[begin - 1].text;
    for (std::size_t i = begin; i < rows.size() && rows[i].continues; ++i) text.append("\n").append(rows[i].text);
    return text;
}

std::optional<std::int64_t> number_of(json::object const& object, std::string_view name) {
    auto const* value = object.if_contains(name);
    if (value == nullptr) return std::nullopt;
    if (auto const* n = value->if_int64()) return *n;
    if (auto const* text = value->if_string()) { // OpenAI's metadata holds strings only
        std::int64_t n = 0;
        for (char const c : *text) {
            if (c < '0' || c > '9' || n > 1'000'000) return std::nullopt;
            n = n * 10 + (c - '0');
        }
        return text->empty() ? std::nullopt : std::optional(n);
    }
    return std::nullopt;
}

std::vector<std::string> tool_names(json::object const& body) {
    std::vector<std::string> names;
    auto const* tools = body.if_contains("tools");
    if (tools == nullptr || !tools->is_array()) return names;
    for (auto const& tool : tools->get_array()) {
        if (!tool.is_object()) continue;
        auto const* function = tool.get_object().if_contains("function");
        json::object const& holder =
            function != nullptr && function->is_object() ? function->get_object() : tool.get_object();
        if (auto const* name = holder.if_contains("name"); name != nullptr && name->is_string())
            names.emplace_back(name->get_string());
    }
    return names;
}

/// Prompts or inputs: a string, token ids, or an array of either.
void read_prompts(metering::Tokenizer const& tokenizer, json::value const& value, Question& question) {
    auto const add = [&](std::string text, std::int64_t tokens) {
        question.prompts.push_back(std::move(text));
        question.prompt_counts.push_back(tokens);
        question.prompt_tokens += tokens;
    };
    auto const add_ids = [&](json::array const& ids) {
        std::string text;
        for (auto const& id : ids)
            if (id.is_int64() && id.get_int64() >= 0 && id.get_int64() < 1'000'000)
                text.append(tokenizer.token_bytes(encoding.encoding, static_cast<std::uint32_t>(id.get_int64())));
        add(std::move(text), static_cast<std::int64_t>(ids.size()));
    };
    auto const add_text = [&](json::string const& text) { add(std::string(text), tokenizer.count(encoding.encoding, text)); };
    if (value.is_string()) return add_text(value.get_string());
    if (!value.is_array()) return;
    auto const& array = value.get_array();
    if (!array.empty() && array[0].is_int64()) return add_ids(array);
    for (auto const& element : array) {
        if (element.is_string()) add_text(element.get_string());
        else if (element.is_array()) add_ids(element.get_array());
    }
}

bool ends_inside_character(std::string_view text) {
    std::size_t i = text.size();
    int continuation = 0;
    while (i > 0 && (static_cast<unsigned char>(text[i - 1]) & 0xc0) == 0x80 && continuation < 4) --i, ++continuation;
    if (i == 0) return continuation > 0;
    auto const lead = static_cast<unsigned char>(text[i - 1]);
    int const expected = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    return continuation < expected;
}

} // namespace

std::string_view const paragraph =
    "A toll gate stands where a road becomes worth paying for. Nobody asks it where the traveller comes from; it asks "
    "whether the fare is paid, lifts the bar, and writes one line into the book. At night the keeper adds up the lines "
    "and the coins, and they agree, because every coin was counted when it fell. So it is with every word you read "
    "here: each was counted as it passed, and none was charged twice.";

json::value parse_body(std::string_view body) {
    json::parse_options options;
    options.max_depth = dialects::json_depth_max + 1;
    return json::parse(json::string_view(body.data(), body.size()), {}, options);
}

Question read_question(metering::Tokenizer const& tokenizer, dialects::Ask const& ask) {
    Question question;
    auto const parsed = parse_body(ask.body);
    auto const& body = parsed.get_object(); // understand() has seen an object
    if (auto const* metadata = body.if_contains("metadata"); metadata != nullptr && metadata->is_object()) {
        auto const delay = number_of(metadata->get_object(), "delay_ms");
        question.delay_ms = std::clamp<std::int64_t>(delay.value_or(0), 0, delay_max_ms);
        auto const status = number_of(metadata->get_object(), "status");
        if (status && *status >= 400 && *status <= 599) question.status = static_cast<int>(*status);
    }
    question.tools = tool_names(body);
    bool const plain = ask.surface == Surface::openai_completions || ask.surface == Surface::openai_embeddings;
    if (plain) {
        auto const* prompt = body.if_contains(ask.surface == Surface::openai_completions ? "prompt" : "input");
        if (prompt != nullptr) read_prompts(tokenizer, *prompt, question);
        return question;
    }
    Collected collected;
    dialects::extract_prompt(ask.surface, ask.body, Collected::take, &collected);
    question.last_user_text = last_user_text(collected);
    question.prompt_tokens = count_prompt(tokenizer, collected);
    return question;
}

std::string Answer::text() const {
    std::string whole;
    for (auto const& piece : pieces) whole.append(piece);
    return whole;
}

Answer say(metering::Tokenizer const& tokenizer, std::string_view text, std::optional<std::int64_t> max_tokens) {
    Answer said;
    auto tokens = tokenizer.encode(encoding.encoding, text);
    if (max_tokens && static_cast<std::int64_t>(tokens.size()) > *max_tokens) {
        tokens.resize(static_cast<std::size_t>(*max_tokens));
        said.cut = true;
    }
    said.tokens = static_cast<std::int64_t>(tokens.size());
    std::string piece;
    for (auto const token : tokens) {
        piece.append(tokenizer.token_bytes(encoding.encoding, token));
        if (ends_inside_character(piece)) continue; // a character may span tokens
        said.pieces.push_back(std::move(piece));
        piece.clear();
    }
    return said; // bytes of a character that was cut through are left out
}

Answer answer(metering::Tokenizer const& tokenizer, dialects::Ask const& ask, Question const& question) {
    if (ask.model() == "demo/stream") return say(tokenizer, paragraph, ask.max_tokens);
    constexpr std::string_view call = "call ";
    std::string_view const text = question.last_user_text;
    if (!text.starts_with(call)) return say(tokenizer, text, ask.max_tokens);
    std::string_view rest = text.substr(call.size());
    std::string_view const name = rest.substr(0, rest.find(' '));
    if (std::find(question.tools.begin(), question.tools.end(), name) == question.tools.end())
        return say(tokenizer, text, ask.max_tokens);
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    Answer called;
    called.tool = name;
    json::error_code damaged;
    auto const arguments = json::parse(json::string_view(rest.data(), rest.size()), damaged);
    called.arguments = !damaged && arguments.is_object() ? std::string(rest) : "{}";
    called.tokens = tokenizer.count(encoding.encoding, called.tool) + tokenizer.count(encoding.encoding, called.arguments);
    return called;
}

} // namespace tollgate::providers::demo
