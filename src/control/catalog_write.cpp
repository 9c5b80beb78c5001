#include "control/catalog_write.hpp"

#include "base/log.hpp"
#include "routing/catalog.hpp"

namespace tollgate::control {
namespace {
Result<void> problem_of(Context& context, std::string const& what) {
    auto const catalog = context.catalog.get();
    for (auto const& problem : catalog->problems())
        if (problem.source == routing::Source::api && problem.where.starts_with(what))
            return fail(Errc::invalid_request, problem.text());
    return {};
}
} // namespace

Result<void> publish_catalog(Context& context, std::string const& what, std::function<void()> const& undo) {
    auto done = context.republish_catalog();
    if (done) done = problem_of(context, what);
    if (done) return done;
    undo();
    if (auto again = context.republish_catalog(); !again)
        log::error("the catalog could not be rebuilt", {{"error", again.error().message}});
    return done;
}

} // namespace tollgate::control
