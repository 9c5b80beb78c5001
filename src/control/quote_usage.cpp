#include "control/quote_usage.hpp"

#include <boost/json.hpp>

#include "metering/chat_count.hpp"
#include "metering/tokenizer.hpp"

namespace tollgate::control {
namespace json = boost::json;
namespace {
constexpr std::size_t messages_max = 10'000;

std::string_view view(json::string const& s) { return {s.data(), s.size()}; }
std::string_view key_of(json::object::const_iterator it) { return {it->key().data(), it->key().size()}; }
std::string_view text_at(json::object const& object, std::string_view name) {
    auto const it = object.find(json::string_view(name.data(), name.size()));
    return it != object.end() && it->value().is_string() ? view(it->value().get_string()) : std::string_view();
}

Fail bad(std::string message, std::string param) { return fail(Errc::invalid_request, std::move(message), std::move(param)); }

Result<std::int64_t> quantity(json::object::const_iterator it) {
    auto const& value = it->value();
    if (value.is_int64() && value.get_int64() >= 0 && value.get_int64() <= pricing::max_quantity) return value.get_int64();
    auto const name = std::string(key_of(it));
    return bad("'usage." + name + "' must be a whole number between 0 and 1000000000000", "usage." + name);
}

/// Our bucket names, unless a key is one that only the price library has: then all are the library's.
Result<QuoteUsage> given(json::object const& usage) {
    QuoteUsage out;
    bool library = false;
    for (auto it = usage.begin(); it != usage.end(); ++it)
        library = library || (!bucket_from_name(key_of(it)) && pricing::unit_from_usage_key(key_of(it)));
    for (auto it = usage.begin(); it != usage.end(); ++it) {
        auto const name = key_of(it);
        auto const count = quantity(it);
        if (!count) return Fail(count.error());
        if (library) {
            auto const unit = pricing::unit_from_usage_key(name);
            if (!unit)
                return bad("'usage." + std::string(name) + "' is a name of ours among keys of the price library; use one kind",
                           "usage." + std::string(name));
            out.units.push_back({*unit, *count});
            if (*unit == pricing::UnitId::input_tokens) out.buckets[Bucket::input] = *count;
            if (*unit == pricing::UnitId::output_tokens) out.buckets[Bucket::output] = *count;
        } else if (auto const bucket = bucket_from_name(name)) {
            out.buckets[*bucket] = *count;
        } else {
            return bad(unknown_name_message("usage bucket", name, bucket_names), "usage." + std::string(name));
        }
    }
    if (!library && !usage.contains("request")) out.buckets[Bucket::request] = 1;
    return out;
}

/// Texts of the messages, as views into the body.
struct Texts {
    std::vector<metering::ChatText> messages;
    std::vector<std::string_view> calls;
    std::int64_t call_count = 0;

    Result<void> add_part(json::value const& part, std::string_view role, bool first, std::string const& where) {
        auto const* object = part.if_object();
        auto const type = object ? text_at(*object, "type") : std::string_view();
        if (!object || (type != "text" && type != "input_text" && type != "output_text"))
            return bad("'" + where + "' is not text; media cannot be counted here, give 'usage' instead", where);
        messages.push_back({role, text_at(*object, "text"), {}, !first});
        return {};
    }

    Result<void> add(json::value const& value, std::size_t index) {
        auto const where = "messages[" + std::to_string(index) + "]";
        auto const* message = value.if_object();
        if (!message) return bad("'" + where + "' must be an object with 'role' and 'content'", where);
        auto const role = text_at(*message, "role");
        if (role.empty()) return bad("'" + where + ".role' is missing", where + ".role");
        auto const content = message->find("content");
        if (content != message->end() && content->value().is_array()) {
            bool first = true;
            for (auto const& part : content->value().get_array()) {
                if (auto ok = add_part(part, role, first, where + ".content"); !ok) return ok;
                first = false;
            }
        } else {
            if (content != message->end() && !content->value().is_string() && !content->value().is_null())
                return bad("'" + where + ".content' must be text or an array of text parts", where + ".content");
            messages.push_back({role, text_at(*message, "content"), text_at(*message, "name"), false});
        }
        add_calls(*message);
        return {};
    }

    void add_calls(json::object const& message) {
        auto const it = message.find("tool_calls");
        if (it == message.end() || !it->value().is_array()) return;
        for (auto const& call : it->value().get_array()) {
            auto const* object = call.if_object();
            auto const function = object ? object->find("function") : nullptr;
            if (!object || function == object->end() || !function->value().is_object()) continue;
            calls.push_back(text_at(function->value().get_object(), "name"));
            calls.push_back(text_at(function->value().get_object(), "arguments"));
            ++call_count;
        }
    }
};

Result<QuoteUsage> counted(metering::Tokenizer const& tokenizer, std::string_view model, json::array const& messages,
                           std::int64_t max_tokens) {
    if (messages.size() > messages_max) return bad("'messages' has more than 10000 entries", "messages");
    Texts texts;
    for (std::size_t i = 0; i < messages.size(); ++i)
        if (auto ok = texts.add(messages[i], i); !ok) return Fail(ok.error());
    metering::ChatPrompt prompt;
    prompt.messages = texts.messages;
    prompt.call_texts = texts.calls;
    prompt.calls = texts.call_count;
    auto const how = metering::encoding_for_model(model);
    auto const count = metering::count_chat_prompt(tokenizer, how, prompt);
    QuoteUsage out;
    out.buckets[Bucket::input] = count.tokens;
    out.buckets[Bucket::output] = max_tokens;
    out.buckets[Bucket::request] = 1;
    out.source = count.estimated || !how.exact ? UsageSource::estimated : UsageSource::counted;
    return out;
}
} // namespace

Result<QuoteUsage> read_quote_usage(metering::Tokenizer const& tokenizer, std::string_view model, Fields& in) {
    auto const* usage = in.maybe_object("usage");
    auto const* messages = in.maybe_array("messages");
    auto const max_tokens = in.maybe_integer("max_tokens", 0, pricing::max_quantity);
    if (in.ok() && (usage != nullptr) == (messages != nullptr))
        in.refuse(usage ? "messages" : "usage", "give either 'usage' or 'messages' (with 'max_tokens')");
    if (in.ok() && usage && max_tokens) in.refuse("max_tokens", "'max_tokens' goes with 'messages', not with 'usage'");
    if (!in.ok()) return in.error();
    if (usage) return given(*usage);
    return counted(tokenizer, model, *messages, max_tokens.value_or(0));
}

} // namespace tollgate::control
