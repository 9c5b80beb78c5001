#pragma once
#include <boost/asio/awaitable.hpp>

#include "base/error.hpp"
#include "journal/journal.hpp"

namespace tollgate::journal {

/// Suspends until `position` survives a power cut, when the journal runs with durability `power`; with
/// `process` it returns at once. Resumes on the caller's executor. Test `journal.settled(position)` first to
/// save the coroutine. Errors: unavailable (the sync failed, or the journal was closed). The journal must
/// outlive the wait.
boost::asio::awaitable<Result<void>> wait_durable(Journal& journal, Position position);

} // namespace tollgate::journal
