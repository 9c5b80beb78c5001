#include "base/secret.hpp"

#include <cstring>
#include <sodium.h>

#include "base/random.hpp"

namespace tollgate {

Secret::~Secret() {
    if (!text_.empty()) sodium_memzero(text_.data(), text_.size());
}

SecretBox::SecretBox(Secret const& master_key, std::string_view purpose) {
    std::uint8_t warm[1];
    fill_random(warm); // initialises libsodium
    auto const& key = master_key.reveal();
    crypto_generichash_state state;
    crypto_generichash_init(&state, reinterpret_cast<unsigned char const*>(key.data()),
                            std::min<std::size_t>(key.size(), crypto_generichash_KEYBYTES_MAX), sizeof key_);
    if (key.size() > crypto_generichash_KEYBYTES_MAX)
        crypto_generichash_update(&state, reinterpret_cast<unsigned char const*>(key.data()), key.size());
    crypto_generichash_update(&state, reinterpret_cast<unsigned char const*>(purpose.data()), purpose.size());
    crypto_generichash_final(&state, key_, sizeof key_);
}

SecretBox::~SecretBox() { sodium_memzero(key_, sizeof key_); }

std::string SecretBox::seal(std::string_view plain) const {
    constexpr auto nonce_size = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
    std::string out(nonce_size + plain.size() + crypto_aead_xchacha20poly1305_ietf_ABYTES, '\0');
    auto* bytes = reinterpret_cast<unsigned char*>(out.data());
    randombytes_buf(bytes, nonce_size);
    unsigned long long written = 0;
    crypto_aead_xchacha20poly1305_ietf_encrypt(bytes + nonce_size, &written,
                                               reinterpret_cast<unsigned char const*>(plain.data()), plain.size(),
                                               nullptr, 0, nullptr, bytes, key_);
    out.resize(nonce_size + written);
    return out;
}

Result<std::string> SecretBox::open(std::string_view sealed) const {
    constexpr auto nonce_size = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
    constexpr auto tag_size = crypto_aead_xchacha20poly1305_ietf_ABYTES;
    auto bad = [] { return fail(Errc::unavailable, "a stored secret does not open under this master key"); };
    if (sealed.size() < nonce_size + tag_size) return bad();
    std::string out(sealed.size() - nonce_size - tag_size, '\0');
    auto const* bytes = reinterpret_cast<unsigned char const*>(sealed.data());
    unsigned long long written = 0;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(reinterpret_cast<unsigned char*>(out.data()), &written, nullptr,
                                                   bytes + nonce_size, sealed.size() - nonce_size, nullptr, 0, bytes,
                                                   key_) != 0)
        return bad();
    return out;
}

bool constant_time_equal(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string to_hex(std::string_view bytes) {
    static constexpr char hex[] = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (char const c : bytes) {
        auto const u = static_cast<unsigned char>(c);
        out += hex[u >> 4];
        out += hex[u & 15];
    }
    return out;
}

Result<std::string> from_hex(std::string_view hex) {
    std::string out;
    if (hex.size() % 2 != 0) return fail(Errc::invalid_request, "hex text has an odd length");
    auto digit = [](char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    };
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        int const high = digit(hex[i]), low = digit(hex[i + 1]);
        if (high < 0 || low < 0) return fail(Errc::invalid_request, "not hex text");
        out += static_cast<char>(high << 4 | low);
    }
    return out;
}

} // namespace tollgate
