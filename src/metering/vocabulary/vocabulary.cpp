#include "metering/vocabulary/vocabulary.hpp"

#include "base/check.hpp"

// The generated file's bytes (TOLLGATE_VOCABULARY_FILE is set by room.cmake). The assembler copies them
// straight into read-only data; a C array of this size would cost minutes and gigabytes to compile.
__asm__(".pushsection .rodata\n"
        ".balign 64\n"
        "tollgate_vocabulary_begin:\n"
        ".incbin \"" TOLLGATE_VOCABULARY_FILE "\"\n"
        "tollgate_vocabulary_end:\n"
        ".byte 0\n"
        ".popsection\n");
extern "C" {
extern unsigned char const tollgate_vocabulary_begin[] __attribute__((visibility("hidden")));
extern unsigned char const tollgate_vocabulary_end[] __attribute__((visibility("hidden")));
}

namespace tollgate::metering {
namespace {

constexpr std::uint32_t magic = 0x31564754; // "TGV1"
constexpr std::uint32_t section_count = 2 + 2 * 8;

/// Hands out the sections of the file in order.
class Sections {
public:
    Sections() {
        TOLLGATE_CHECK(word(0) == magic && word(1) == section_count,
                       "the vocabulary file is of another make");
    }
    template <class T>
    std::span<T const> next() {
        auto const offset = word(2 + at_ * 2);
        auto const bytes = word(3 + at_ * 2);
        ++at_;
        auto const size = static_cast<std::size_t>(tollgate_vocabulary_end - tollgate_vocabulary_begin);
        TOLLGATE_CHECK(std::size_t{offset} + bytes <= size && offset % 64 == 0,
                       "the vocabulary file is cut short");
        // Aligned to 64 in the file and in memory; the bytes were written as arrays of T.
        return {reinterpret_cast<T const*>(tollgate_vocabulary_begin + offset), bytes / sizeof(T)};
    }

private:
    static std::uint32_t word(std::size_t i) {
        std::uint32_t value = 0;
        std::memcpy(&value, tollgate_vocabulary_begin + i * 4, 4);
        return value;
    }
    std::size_t at_ = 0;
};

Vocabulary read_encoding(Sections& sections) {
    Vocabulary v;
    v.offsets = sections.next<std::uint32_t>();
    v.bytes = sections.next<char>().data();
    v.short_keys = sections.next<std::uint64_t>();
    v.short_ids = sections.next<std::uint32_t>().data();
    v.long_slots = sections.next<std::uint64_t>();
    v.pair_slots = sections.next<std::uint64_t>();
    v.byte_pairs = sections.next<std::uint32_t>().data();
    v.byte_ids = sections.next<std::uint32_t>().data();
    return v;
}

VocabularyFile read_file() {
    Sections sections;
    VocabularyFile file;
    file.classes.index = sections.next<std::uint16_t>().data();
    file.classes.data = sections.next<std::uint8_t>().data();
    for (auto& encoding : file.encodings)
        encoding = read_encoding(sections);
    return file;
}

} // namespace

VocabularyFile const& vocabulary_file() noexcept {
    static VocabularyFile const file = read_file();
    return file;
}

std::uint32_t Vocabulary::find_long(char const* p, std::size_t length, char const* end) const noexcept {
    constexpr std::size_t token_length_max = 128; // longest token of both encodings
    if (length > token_length_max)
        return no_token;
    auto hash = std::uint64_t{length} * detail::hash_multiplier;
    for (std::size_t i = 0; i < length; i += 8) {
        auto const n = length - i < 8 ? length - i : 8;
        hash = detail::mix(hash ^ detail::load_bytes(p + i, n, end));
    }
    auto i = detail::slot_of(hash, long_slots.size());
    for (;;) {
        auto const slot = long_slots[i];
        if (slot == ~std::uint64_t{0})
            return no_token;
        if (slot >> 32 == (hash & 0xffffffff)) {
            auto const id = static_cast<std::uint32_t>(slot);
            if (token(id) == std::string_view(p, length))
                return id;
        }
        if (++i == long_slots.size())
            i = 0;
    }
}

} // namespace tollgate::metering
