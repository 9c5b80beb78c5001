#pragma once
#include <boost/asio/awaitable.hpp>
#include <string_view>

#include "gateway/call.hpp"

namespace tollgate::gateway {

/// GET /v1/models and /v1/models/{id}: the models this key may call that have a price, in the caller's dialect.
asio::awaitable<void> answer_models(Call& call, std::string_view model_id);

} // namespace tollgate::gateway
