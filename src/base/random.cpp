#include "base/random.hpp"

#include <cstring>
#include <sodium.h>

#include "base/check.hpp"

namespace tollgate {
namespace {
void ensure_sodium() {
    static bool const ready = sodium_init() >= 0;
    TOLLGATE_CHECK(ready, "libsodium could not initialise");
}

/// 4 KiB of CSPRNG output per thread: one system call serves hundreds of ids.
struct RandomBuffer {
    std::array<std::uint8_t, 4096> bytes;
    std::size_t used = 4096;
    void take(std::uint8_t* out, std::size_t count) {
        if (used + count > bytes.size()) {
            ensure_sodium();
            randombytes_buf(bytes.data(), bytes.size());
            used = 0;
        }
        std::memcpy(out, bytes.data() + used, count);
        std::memset(bytes.data() + used, 0, count);
        used += count;
    }
};
thread_local RandomBuffer buffer;
} // namespace

void fill_random(std::span<std::uint8_t> out) {
    ensure_sodium();
    randombytes_buf(out.data(), out.size());
}

Uuid make_uuid7(Timestamp now) {
    // Method 1 of RFC 9562 6.2: a 12-bit counter in rand_a keeps ids of one thread and millisecond in order.
    thread_local std::int64_t last_ms = 0;
    thread_local std::uint16_t counter = 0;
    Uuid id;
    buffer.take(id.bytes.data() + 6, 10);
    auto ms = now.ms;
    if (ms > last_ms) {
        last_ms = ms;
        counter = static_cast<std::uint16_t>((id.bytes[6] << 8 | id.bytes[7]) & 0x3ff);
    } else {
        if (++counter > 0xfff) {
            ++last_ms;
            counter = 0;
        }
        ms = last_ms; // also when the wall clock stepped back: never mint an id that sorts before an earlier one
    }
    for (int i = 0; i < 6; ++i) id.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
    id.bytes[6] = static_cast<std::uint8_t>(0x70 | counter >> 8);
    id.bytes[7] = static_cast<std::uint8_t>(counter & 0xff);
    id.bytes[8] = static_cast<std::uint8_t>(0x80 | (id.bytes[8] & 0x3f));
    return id;
}

void Uuid::write_text(char* out) const noexcept {
    static constexpr char hex[] = "0123456789abcdef";
    for (std::size_t i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
        *out++ = hex[bytes[i] >> 4];
        *out++ = hex[bytes[i] & 15];
    }
}

std::string Uuid::text() const {
    std::string out(36, '\0');
    write_text(out.data());
    return out;
}

std::int64_t Uuid::time_ms() const noexcept {
    std::int64_t ms = 0;
    for (std::size_t i = 0; i < 6; ++i) ms = ms << 8 | bytes[i];
    return ms;
}

Result<Uuid> parse_uuid(std::string_view text) {
    auto bad = [] { return fail(Errc::invalid_request, "not a UUID"); };
    if (text.size() != 36) return bad();
    Uuid id;
    std::size_t at = 0;
    for (std::size_t i = 0; i < 36;) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-') return bad();
            ++i;
            continue;
        }
        int value = 0;
        for (std::size_t k = 0; k < 2; ++k) {
            char const c = text[i + k];
            int const digit = c >= '0' && c <= '9'   ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                     : -1;
            if (digit < 0) return bad();
            value = value * 16 + digit;
        }
        id.bytes[at++] = static_cast<std::uint8_t>(value);
        i += 2;
    }
    return id;
}

std::uint64_t random_below(std::uint64_t bound) {
    std::uint64_t value = 0;
    buffer.take(reinterpret_cast<std::uint8_t*>(&value), sizeof value);
    return static_cast<std::uint64_t>(static_cast<unsigned __int128>(value) * bound >> 64);
}

} // namespace tollgate
