#pragma once
#include <boost/asio/awaitable.hpp>

#include "dialects/ask.hpp"
#include "gateway/call.hpp"

namespace tollgate::gateway {

/// Answers what was answered before: by Idempotency-Key (the first answer, free) or from the response cache (at the
/// configured fraction of its price). Claims the key, or notes where the answer is to be cached, otherwise.
/// True: the caller has its answer, or was refused (422 other body, 409 still in flight).
asio::awaitable<bool> answer_repeated(Call& call, dialects::Ask const& ask);

} // namespace tollgate::gateway
