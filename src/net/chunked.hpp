#pragma once
// The chunked transfer coding, read strictly and without copying: raw bytes can be relayed as they are while the
// payload inside is tapped.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tollgate::net {

/// Follows one chunked body through any split of its bytes. Refused: sizes over 16 hex digits or 2^63−1, bare CR or
/// LF, chunk extensions over 256 bytes a chunk, trailers over 8 KiB.
class ChunkedDecoder {
public:
    enum class State : unsigned char { more, done, bad };
    struct Fed {
        State state = State::more;
        std::size_t consumed = 0; ///< bytes that belong to this body; on done, what follows is the next message
    };

    /// Takes the next bytes of the body; appends views of the payload inside `bytes` to `data` (never empty ones).
    Fed feed(std::string_view bytes, std::vector<std::string_view>& data);
    /// What was fed so far ends between two chunks.
    bool between_chunks() const noexcept { return step_ == Step::size_first || step_ == Step::done; }
    void reset() noexcept { *this = ChunkedDecoder(); }

private:
    enum class Step : unsigned char {
        size_first, size, extension, size_lf, data, data_cr, data_lf, trailer_start, trailer, trailer_lf, end_lf, done, bad
    };
    bool take_control(char c) noexcept;

    std::uint64_t left_ = 0;     ///< of the current chunk's data
    std::uint32_t bounded_ = 0;  ///< size digits, extension bytes or trailer bytes so far
    Step step_ = Step::size_first;
};

} // namespace tollgate::net
