#include <array>
#include <cstring>

#include "journal/frame.hpp"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace tollgate::journal {

namespace {

constexpr std::uint32_t polynomial = 0x82F63B78; // Castagnoli, reflected

constexpr std::array<std::uint32_t, 256> make_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t crc = i;
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc & 1) ? (crc >> 1) ^ polynomial : crc >> 1;
        table[i] = crc;
    }
    return table;
}
constexpr auto table = make_table();

std::uint32_t portable(std::uint32_t crc, std::string_view bytes) noexcept {
    for (char const c : bytes)
        crc = (crc >> 8) ^ table[(crc ^ static_cast<unsigned char>(c)) & 0xFF];
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t hardware(std::uint32_t crc, std::string_view bytes) noexcept {
    char const* at = bytes.data();
    std::size_t left = bytes.size();
    std::uint64_t wide = crc;
    for (; left >= 8; left -= 8, at += 8) {
        std::uint64_t word;
        std::memcpy(&word, at, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = static_cast<std::uint32_t>(wide);
    for (; left > 0; --left, ++at)
        crc = _mm_crc32_u8(crc, static_cast<unsigned char>(*at));
    return crc;
}
bool const has_hardware = __builtin_cpu_supports("sse4.2");
#endif

} // namespace

std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes) noexcept {
    crc = ~crc;
#if defined(__x86_64__)
    if (has_hardware) [[likely]]
        return ~hardware(crc, bytes);
#endif
    return ~portable(crc, bytes);
}

/// For the test that compares both.
std::uint32_t crc32c_portable(std::uint32_t crc, std::string_view bytes) noexcept {
    return ~portable(~crc, bytes);
}

} // namespace tollgate::journal
