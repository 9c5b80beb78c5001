#pragma once
// Variable-length integers (LEB128) for the packed columns.
#include <cstdint>
#include <string>
#include <string_view>

namespace tollgate::store::sql {

inline void put_varint(std::string& out, std::uint64_t v) {
    char buffer[10];
    std::size_t n = 0;
    while (v >= 0x80) {
        buffer[n++] = static_cast<char>(v | 0x80);
        v >>= 7;
    }
    buffer[n++] = static_cast<char>(v);
    out.append(buffer, n);
}
inline std::uint64_t zigzag(std::int64_t v) {
    return static_cast<std::uint64_t>(v) << 1 ^ static_cast<std::uint64_t>(v >> 63);
}
inline std::int64_t unzigzag(std::uint64_t v) { return static_cast<std::int64_t>(v >> 1 ^ (~(v & 1) + 1)); }
inline void put_signed(std::string& out, std::int64_t v) { put_varint(out, zigzag(v)); }

/// Reads what put_* wrote; past the end or on damage `ok` turns false and zeroes are returned.
class ByteReader {
public:
    explicit ByteReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}
    std::uint64_t varint() {
        std::uint64_t v = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            if (at_ == end_) break;
            auto const byte = static_cast<unsigned char>(*at_++);
            v |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if (byte < 0x80) return v;
        }
        ok_ = false;
        return 0;
    }
    std::int64_t signed_varint() { return unzigzag(varint()); }
    std::string_view bytes(std::size_t n) {
        if (n > static_cast<std::size_t>(end_ - at_)) {
            ok_ = false;
            return {};
        }
        std::string_view const out(at_, n);
        at_ += n;
        return out;
    }
    bool at_end() const { return at_ == end_; }
    bool ok() const { return ok_; }

private:
    char const* at_;
    char const* end_;
    bool ok_ = true;
};

} // namespace tollgate::store::sql
