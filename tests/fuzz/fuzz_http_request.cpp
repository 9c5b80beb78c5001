// What our strict parser accepts, Boost.Beast's must read the same way: a request that two parsers understand
// differently is how one is smuggled.
#include <boost/beast/http.hpp>
#include <cctype>
#include <set>
#include <string>
#include <utility>

#include "fuzz.hpp"
#include "net/http_parse.hpp"

namespace http = boost::beast::http;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace tollgate::net;
    auto const text = as_text(data, size);
    HeadLimits const limits;
    RequestHead head;
    auto const ours = parse_request_head(text, limits, head);
    // Incremental: every prefix of an accepted head only asks for more.
    if (ours.state == ParseState::complete && size < 4096)
        for (std::size_t n = 0; n < ours.consumed; ++n) {
            RequestHead part;
            FUZZ_REQUIRE(parse_request_head(text.substr(0, n), limits, part).state == ParseState::need_more);
        }
    if (ours.state != ParseState::complete) return 0;
    FUZZ_REQUIRE(ours.consumed <= size);
    auto wire = text.substr(0, ours.consumed);
    while (wire.starts_with("\r\n")) wire.remove_prefix(2);
    http::request_parser<http::empty_body> beast;
    beast.header_limit(128 * 1024);
    beast.body_limit(boost::none);
    beast.eager(false);
    beast.skip(true);
    boost::beast::error_code error;
    beast.put(boost::asio::buffer(wire.data(), wire.size()), error);
    FUZZ_REQUIRE(!error || error == http::error::need_more);
    FUZZ_REQUIRE(beast.is_header_done());
    auto const& message = beast.get();
    FUZZ_REQUIRE(message.method_string() == head.method);
    FUZZ_REQUIRE(message.target() == head.target);
    FUZZ_REQUIRE(beast.chunked() == head.chunked);
    FUZZ_REQUIRE(!(head.chunked && head.content_length));
    if (head.content_length) FUZZ_REQUIRE(beast.content_length().value_or(0) == *head.content_length);
    // Beast groups headers of one name; the set of them must be the same.
    std::multiset<std::pair<std::string, std::string>> theirs, mine;
    for (auto const& field : message) theirs.emplace(std::string(field.name_string()), std::string(field.value()));
    for (auto const& field : head.headers) mine.emplace(std::string(field.name), std::string(field.value));
    auto const lower = [](std::multiset<std::pair<std::string, std::string>> const& in) {
        std::multiset<std::pair<std::string, std::string>> out;
        for (auto [name, value] : in) {
            for (auto& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            out.emplace(name, value);
        }
        return out;
    };
    FUZZ_REQUIRE(lower(theirs) == lower(mine));
    return 0;
}
