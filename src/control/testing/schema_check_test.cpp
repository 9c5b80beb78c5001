#include "control/testing/schema_check.hpp"

#include <gtest/gtest.h>

#include "control/endpoints.hpp"
#include "control/openapi.hpp"

namespace tollgate::control::testing {
namespace json = boost::json;
namespace {

json::value const& document() {
    static json::value const parsed = json::parse(json::string_view(openapi_text().data(), openapi_text().size()));
    return parsed;
}
json::value const& resolve(json::value const& node) {
    auto const* ref = node.is_object() ? node.as_object().if_contains("$ref") : nullptr;
    return ref ? resolve(document().at_pointer(std::string(ref->as_string()).substr(1))) : node;
}

bool type_fits(std::string_view type, json::value const& v) {
    if (type == "null") return v.is_null();
    if (type == "string") return v.is_string();
    if (type == "boolean") return v.is_bool();
    if (type == "integer") return v.is_int64() || v.is_uint64();
    if (type == "number") return v.is_number();
    if (type == "array") return v.is_array();
    return type == "object" && v.is_object();
}
bool any_type_fits(json::value const& type, json::value const& v) {
    if (type.is_string()) return type_fits({type.as_string().data(), type.as_string().size()}, v);
    for (auto const& one : type.as_array())
        if (any_type_fits(one, v)) return true;
    return false;
}

std::string check(json::value const& schema_node, json::value const& v, std::string const& where);

std::string check_object(json::object const& schema, json::object const& object, std::string const& where) {
    if (auto const* required = schema.if_contains("required"))
        for (auto const& name : required->as_array())
            if (!object.contains(name.as_string())) return where + "." + std::string(name.as_string()) + " is missing";
    auto const* properties = schema.if_contains("properties");
    auto const* more = schema.if_contains("additionalProperties");
    for (auto const& member : object) {
        auto const path = where + "." + std::string(member.key());
        if (auto const* known = properties ? properties->as_object().if_contains(member.key()) : nullptr) {
            if (auto const wrong = check(*known, member.value(), path); !wrong.empty()) return wrong;
        } else if (more && more->is_object()) {
            if (auto const wrong = check(*more, member.value(), path); !wrong.empty()) return wrong;
        } else if (properties && !(more && more->is_bool() && more->as_bool())) {
            return path + " is not documented";
        }
    }
    return {};
}

std::string check(json::value const& schema_node, json::value const& v, std::string const& where) {
    auto const& schema = resolve(schema_node).as_object();
    if (auto const* one_of = schema.if_contains("oneOf")) {
        for (auto const& option : one_of->as_array())
            if (check(option, v, where).empty()) return {};
        return where + " fits none of its forms";
    }
    if (auto const* choices = schema.if_contains("enum")) {
        for (auto const& choice : choices->as_array())
            if (choice == v) return {};
        return where + " is not one of its values: " + json::serialize(v);
    }
    if (auto const* type = schema.if_contains("type"); type && !any_type_fits(*type, v))
        return where + " is of another type: " + json::serialize(v);
    if (v.is_object()) return check_object(schema, v.as_object(), where);
    if (auto const* items = schema.if_contains("items"); items && v.is_array())
        for (auto const& item : v.as_array())
            if (auto const wrong = check(*items, item, where + "[]"); !wrong.empty()) return wrong;
    return {};
}
} // namespace

std::string undocumented(std::string const& method, std::string const& path, Response const& response) {
    auto const match = match_endpoint(method, path);
    if (!match.endpoint) return {};
    std::string lower(match.endpoint->method);
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    auto const& found = match.endpoint->path;
    auto const& responses = document().at("paths").at(json::string_view(found.data(), found.size())).at(lower).at("responses").as_object();
    auto const* documented = responses.if_contains(std::to_string(response.status));
    if (!documented) documented = responses.if_contains("default");
    if (!documented) return "status " + std::to_string(response.status) + " is not documented";
    auto const* content = resolve(*documented).as_object().if_contains("content");
    if (!content) return response.body.empty() ? "" : "a body where none is documented";
    auto const media = response.content_type.substr(0, response.content_type.find(';'));
    auto const* described = content->as_object().if_contains(media);
    if (!described) return "media type " + media + " is not documented";
    if (media.find("json") == std::string::npos) return {};
    return check(described->at("schema"), json::parse(response.body), "answer");
}

} // namespace tollgate::control::testing
