#pragma once
// Reads the file that make_vectors.mjs wrote; for tests.
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "metering/tokenizer.hpp"

namespace tollgate::metering {

enum class VectorKind : std::uint8_t { published, random, broken_utf8 };

struct TokenVector {
    VectorKind kind;
    Encoding encoding;
    std::string text;
    std::vector<std::uint32_t> tokens;
};

struct ChatVector {
    struct Message {
        std::string role, content, name, call_name, call_arguments;
        bool has_call;
    };
    std::int64_t tokens;
    std::string functions_json;
    std::vector<Message> messages;
};

struct Vectors {
    std::vector<TokenVector> texts;
    std::vector<ChatVector> chats;
};

class VectorFile {
public:
    explicit VectorFile(char const* path) {
        std::ifstream in(path, std::ios::binary);
        if (!in)
            throw std::runtime_error(std::string("missing ") + path);
        data_.assign(std::istreambuf_iterator<char>(in), {});
    }
    Vectors read() {
        Vectors v;
        v.texts.resize(u32());
        for (auto& t : v.texts) {
            t.kind = static_cast<VectorKind>(u8());
            t.encoding = static_cast<Encoding>(u8());
            t.text = text();
            t.tokens.resize(u32());
            if (!t.tokens.empty())
                std::memcpy(t.tokens.data(), data_.data() + at_, t.tokens.size() * 4);
            at_ += t.tokens.size() * 4;
        }
        v.chats.resize(u32());
        for (auto& c : v.chats) {
            c.tokens = u32();
            c.functions_json = text();
            c.messages.resize(u32());
            for (auto& m : c.messages) {
                for (auto* part : {&m.role, &m.content, &m.name, &m.call_name, &m.call_arguments})
                    *part = text();
                m.has_call = u8() != 0;
            }
        }
        return v;
    }

private:
    std::uint8_t u8() { return static_cast<std::uint8_t>(data_.at(at_++)); }
    std::uint32_t u32() {
        std::uint32_t value = 0;
        std::memcpy(&value, data_.data() + at_, 4);
        at_ += 4;
        return value;
    }
    std::string text() {
        auto const size = u32();
        auto const begin = at_;
        at_ += size;
        return data_.substr(begin, size);
    }
    std::string data_;
    std::size_t at_ = 0;
};

inline Vectors const& vectors(char const* path) {
    static Vectors const all = VectorFile(path).read();
    return all;
}

} // namespace tollgate::metering
