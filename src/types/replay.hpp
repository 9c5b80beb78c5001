#pragma once
#include <string>

#include "base/clock.hpp"
#include "types/ids.hpp"

namespace tollgate {

/// A kept answer of an idempotent gateway call.
struct ReplayRow {
    KeyId key_id;
    std::string idempotency_key;  ///< as sent by the caller, ≤ 255 bytes
    std::string request_hash;     ///< binary
    std::string sealed;           ///< encrypted answer (binary)
    Timestamp expires_at;
};

} // namespace tollgate
