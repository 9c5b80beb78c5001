#pragma once
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace tollgate {

/// Text that must not leak: not printable by fmt or streams, wiped when destroyed. `reveal()` marks each use.
class Secret {
public:
    Secret() = default;
    explicit Secret(std::string text) : text_(std::move(text)) {}
    Secret(Secret const&) = default;
    Secret(Secret&&) noexcept = default;
    Secret& operator=(Secret const&) = default;
    Secret& operator=(Secret&&) noexcept = default;
    ~Secret();
    std::string const& reveal() const noexcept { return text_; }
    bool empty() const noexcept { return text_.empty(); }

private:
    std::string text_;
};

/// Seals and opens small secrets at rest with XChaCha20-Poly1305 (libsodium secretbox). The 32-byte key is derived
/// from the master key and `purpose` by BLAKE2b, so that boxes of one purpose do not open under another.
class SecretBox {
public:
    SecretBox(Secret const& master_key, std::string_view purpose);
    ~SecretBox();
    SecretBox(SecretBox const&) = default;
    SecretBox& operator=(SecretBox const&) = default;
    /// Nonce (24 bytes) followed by the box; binary.
    std::string seal(std::string_view plain) const;
    /// Errors: unavailable (wrong master key or damaged data).
    Result<std::string> open(std::string_view sealed) const;

private:
    unsigned char key_[32];
};

bool constant_time_equal(std::string_view a, std::string_view b) noexcept;
std::string to_hex(std::string_view bytes);
Result<std::string> from_hex(std::string_view hex);

} // namespace tollgate
