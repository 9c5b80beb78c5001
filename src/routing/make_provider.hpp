#pragma once
// One declared provider → one that can be called. Used by build_catalog.cpp.
#include <memory>

#include "base/error.hpp"
#include "routing/build_catalog.hpp"

namespace tollgate::routing {

/// Errors (invalid_request): what to change in the declaration; never with the credential in it.
Result<std::shared_ptr<Provider const>> make_provider(ProviderDeclaration const& declaration, pricing::Book const& book,
                                                      config::UpstreamConfig const& upstream);

} // namespace tollgate::routing
