#include "identity/api_key.hpp"

// The low-level SHA-256 calls are deprecated in OpenSSL 3 in favour of EVP, which costs four times as much per key
// because its state cannot be copied without allocating.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <algorithm>
#include <cstring>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/random.hpp"

namespace tollgate::identity {
namespace {

constexpr std::string_view base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view made_prefix = "tg_";
constexpr std::size_t random_length = 43; // 62^43 > 2^256
constexpr std::size_t checksum_length = 6; // 62^6 > 2^32
constexpr std::size_t length_min = 16, length_max = 256;

/// CRC-32 of IEEE 802.3, by half bytes: a fifth of the bit-by-bit time, and the table is one cache line.
constexpr std::array<std::uint32_t, 16> crc32_table = [] {
    std::array<std::uint32_t, 16> table{};
    for (std::uint32_t i = 0; i < 16; ++i) {
        table[i] = i;
        for (int bit = 0; bit < 4; ++bit) table[i] = (table[i] >> 1) ^ (0xedb88320 & (0 - (table[i] & 1)));
    }
    return table;
}();
std::uint32_t crc32(std::string_view text) noexcept {
    std::uint32_t crc = 0xffffffff;
    for (char const c : text) {
        crc ^= static_cast<unsigned char>(c);
        crc = (crc >> 4) ^ crc32_table[crc & 15];
        crc = (crc >> 4) ^ crc32_table[crc & 15];
    }
    return ~crc;
}

std::array<char, checksum_length> checksum(std::string_view random_part) noexcept {
    std::array<char, checksum_length> out;
    std::uint32_t rest = crc32(random_part);
    for (auto digit = out.rbegin(); digit != out.rend(); ++digit, rest /= 62) *digit = base62[rest % 62];
    return out;
}

bool is_base62(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool has_made_shape(std::string_view key) noexcept {
    return key.size() == made_prefix.size() + random_length + checksum_length && key.starts_with(made_prefix) &&
           std::all_of(key.begin() + made_prefix.size(), key.end(), is_base62);
}

bool checksum_fits(std::string_view made) noexcept {
    auto const want = checksum(made.substr(made_prefix.size(), random_length));
    return made.substr(made_prefix.size() + random_length) == std::string_view(want.data(), want.size());
}

bool has_valid_characters(std::string_view key) noexcept {
    return std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

} // namespace

Secret make_api_key() {
    std::string key(made_prefix);
    key.reserve(made_prefix.size() + random_length + checksum_length);
    std::array<std::uint8_t, 64> pool;
    while (key.size() < made_prefix.size() + random_length) {
        fill_random(pool);
        for (std::uint8_t const byte : pool) {
            // 248 = 4 × 62: larger bytes are thrown away, or the first characters would come up more often.
            if (byte < 248 && key.size() < made_prefix.size() + random_length) key += base62[byte % 62];
        }
    }
    OPENSSL_cleanse(pool.data(), pool.size());
    auto const sum = checksum(std::string_view(key).substr(made_prefix.size()));
    key.append(sum.data(), sum.size());
    return Secret(std::move(key));
}

std::string_view normalize_key(std::string_view key) noexcept {
    return key.starts_with("sk-") ? key.substr(3) : key;
}

bool is_plausible_key(std::string_view normalized) noexcept {
    if (normalized.size() < length_min || normalized.size() > length_max) return false;
    if (!has_valid_characters(normalized)) return false;
    return !has_made_shape(normalized) || checksum_fits(normalized);
}

Result<void> validate_imported_key(std::string_view key) {
    auto const normalized = normalize_key(key);
    auto bad = [](std::string rule) { return fail(Errc::unprocessable, "the key " + std::move(rule), "key"); };
    if (normalized.size() < length_min || normalized.size() > length_max)
        return bad("must have 16 to 256 characters, not counting one leading 'sk-'; this one has " +
                   std::to_string(normalized.size()));
    if (!has_valid_characters(normalized)) return bad("must be printable ASCII without spaces");
    if (has_made_shape(normalized) && !checksum_fits(normalized))
        return bad("looks like one made by Tollgate (tg_…), but its check sum is wrong: copy it again");
    return {};
}

std::string key_prefix(std::string_view key) { return std::string(normalize_key(key).substr(0, 8)); }

KeyHasher::KeyHasher(Secret const& pepper) {
    static_assert(sizeof(SHA256_CTX) == state_size && alignof(SHA256_CTX) <= 8);
    std::array<unsigned char, SHA256_CBLOCK> key{};
    auto const& text = pepper.reveal();
    if (text.size() > key.size())
        SHA256(reinterpret_cast<unsigned char const*>(text.data()), text.size(), key.data());
    else
        std::copy(text.begin(), text.end(), key.begin());
    auto absorb = [&](std::array<unsigned char, state_size>& state, unsigned char pad) {
        auto block = key;
        for (auto& byte : block) byte ^= pad;
        SHA256_CTX context;
        SHA256_Init(&context);
        SHA256_Update(&context, block.data(), block.size());
        std::memcpy(state.data(), &context, sizeof context);
        OPENSSL_cleanse(block.data(), block.size());
        OPENSSL_cleanse(&context, sizeof context);
    };
    absorb(inner_, 0x36);
    absorb(outer_, 0x5c);
    OPENSSL_cleanse(key.data(), key.size());
}

KeyHasher::~KeyHasher() {
    OPENSSL_cleanse(inner_.data(), inner_.size());
    OPENSSL_cleanse(outer_.data(), outer_.size());
}

KeyHash KeyHasher::hash(std::string_view key) const noexcept {
    auto const text = normalize_key(key);
    KeyHash out;
    SHA256_CTX context;
    std::memcpy(&context, inner_.data(), sizeof context);
    SHA256_Update(&context, text.data(), text.size());
    SHA256_Final(out.data(), &context);
    std::memcpy(&context, outer_.data(), sizeof context);
    SHA256_Update(&context, out.data(), out.size());
    SHA256_Final(out.data(), &context);
    return out;
}

} // namespace tollgate::identity
