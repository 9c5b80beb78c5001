#include "app/version.hpp"

#include <fmt/format.h>

#include "pricing/book.hpp"

namespace tollgate::app {

int version_command(bool json) {
    auto const book = pricing::Book::builtin();
    std::string const prices = book ? std::string((*book)->source()) : "unreadable";
    if (json) fmt::print("{{\"version\":\"{}\",\"prices\":\"{}\"}}\n", version_text, prices);
    else fmt::print("tollgate {}\nprices: {}\n", version_text, prices);
    return 0;
}

} // namespace tollgate::app
