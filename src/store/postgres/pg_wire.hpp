#pragma once
// PostgreSQL's binary formats for what the portable queries use: int8, text, bytea and one-dimensional arrays.
#include <cstdint>
#include <string>
#include <string_view>

namespace tollgate::store::postgres {

inline constexpr unsigned oid_bool = 16, oid_bytea = 17, oid_int8 = 20, oid_int2 = 21, oid_int4 = 23, oid_text = 25,
                          oid_bytea_array = 1001, oid_text_array = 1009, oid_int8_array = 1016;

inline void put_u32(std::string& out, std::uint32_t v) {
    char const bytes[4] = {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
                           static_cast<char>(v)};
    out.append(bytes, 4);
}
inline void put_i64(std::string& out, std::int64_t value) {
    auto const v = static_cast<std::uint64_t>(value);
    put_u32(out, static_cast<std::uint32_t>(v >> 32));
    put_u32(out, static_cast<std::uint32_t>(v));
}
/// A signed big-endian integer of 1, 2, 4 or 8 bytes.
inline std::int64_t read_int(std::string_view bytes) {
    std::uint64_t v = !bytes.empty() && (bytes[0] & 0x80) ? ~std::uint64_t{0} : 0;
    for (char const c : bytes) v = v << 8 | static_cast<unsigned char>(c);
    return static_cast<std::int64_t>(v);
}

/// Builds one array parameter: elements are appended, the header is written at the end.
class ArrayBuilder {
public:
    explicit ArrayBuilder(unsigned element_oid) : oid_(element_oid) {}
    void add_int(std::int64_t v) {
        put_u32(body_, 8);
        put_i64(body_, v);
        ++count_;
    }
    void add_bytes(std::string_view v) {
        put_u32(body_, static_cast<std::uint32_t>(v.size()));
        body_.append(v);
        ++count_;
    }
    void add_null() {
        put_u32(body_, 0xffffffffU);
        ++count_;
        has_null_ = true;
    }
    std::string finish() const {
        std::string out;
        out.reserve(body_.size() + 20);
        put_u32(out, 1);
        put_u32(out, has_null_ ? 1 : 0);
        put_u32(out, oid_);
        put_u32(out, count_);
        put_u32(out, 1);
        out += body_;
        return out;
    }
    void clear() {
        body_.clear();
        count_ = 0;
        has_null_ = false;
    }

private:
    unsigned oid_;
    std::uint32_t count_ = 0;
    bool has_null_ = false;
    std::string body_;
};

} // namespace tollgate::store::postgres
