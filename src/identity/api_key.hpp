#pragma once
// What an API key looks like, and the hash under which it is known. The text itself is never stored.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace tollgate::identity {

/// HMAC-SHA-256 of a normalised key under the pepper: the only form in which keys are looked up and stored.
using KeyHash = std::array<std::uint8_t, 32>;

/// A new key: `tg_`, 43 random base62 characters (256 bits), 6 base62 characters of their CRC-32.
Secret make_api_key();

/// Without one leading `sk-`: the form that is hashed. A view into `key`.
std::string_view normalize_key(std::string_view key) noexcept;

/// Cheap test before hashing: 16–256 printable ASCII characters without spaces, and a right check sum where the key
/// has the shape of a made one. `normalized` comes from normalize_key.
bool is_plausible_key(std::string_view normalized) noexcept;

/// The same rules for a key that an import brings. Errors: unprocessable, naming the rule.
Result<void> validate_imported_key(std::string_view key);

/// The first 8 characters of the normalised key, which people may see.
std::string key_prefix(std::string_view key);

/// Hashes keys under the pepper. Both HMAC pads are absorbed once, so a key costs two SHA-256 blocks.
/// Immutable after construction; shared by all threads.
class KeyHasher {
public:
    explicit KeyHasher(Secret const& pepper);
    ~KeyHasher();
    KeyHasher(KeyHasher const&) = default;
    KeyHasher& operator=(KeyHasher const&) = default;
    /// Of the normalised form: `sk-x` and `x` have one hash.
    KeyHash hash(std::string_view key) const noexcept;

private:
    static constexpr std::size_t state_size = 112; // sizeof(SHA256_CTX), checked in the source
    alignas(8) std::array<unsigned char, state_size> inner_;
    alignas(8) std::array<unsigned char, state_size> outer_;
};

} // namespace tollgate::identity
