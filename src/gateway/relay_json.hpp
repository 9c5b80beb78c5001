#pragma once
#include <boost/asio/awaitable.hpp>
#include <optional>

#include "gateway/answer.hpp"
#include "net/client.hpp"

namespace tollgate::gateway {

/// Relays a whole (not streamed) answer, or the provider's refusal of the request, and settles. Answers up to the
/// buffering limit are held back until the charge is known and carry it in their head; larger ones pass as they come.
/// `first`: a piece that was already read off `response`.
asio::awaitable<void> relay_json(Call& call, Plan const& plan, dialects::Ask const& ask, Charge& charge,
                                 Offer const& offer, net::Response response,
                                 std::optional<net::Piece> first);

} // namespace tollgate::gateway
