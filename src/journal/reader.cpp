#include <algorithm>

#include "journal/detail/segment.hpp"

namespace tollgate::journal {

namespace {
constexpr std::size_t read_chunk = 256 * 1024;
} // namespace

Reader::Reader(Journal& journal, Position from) : journal_(&journal), position_(from), limit_(from) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Result<Reader> Journal::read_from(Position from) {
    std::lock_guard lock(mutex_);
    if (from.seq < seq_ && (segments_.empty() || segments_.front()->first_seq > from.seq + 1))
        return fail(Errc::unavailable,
                    "the journal no longer has the frames after " + std::to_string(from.seq));
    return Reader(*this, from);
}

std::shared_ptr<Journal::Segment> Journal::segment_holding(std::uint64_t seq) const {
    std::lock_guard lock(mutex_);
    for (auto it = segments_.rbegin(); it != segments_.rend(); ++it)
        if ((*it)->first_seq <= seq)
            return *it;
    return nullptr;
}

/// Has `need` bytes at at_ in the buffer; false when the file ends before.
Result<bool> Reader::refill(std::size_t need) {
    if (at_ >= buffer_offset_ && at_ + need <= buffer_offset_ + buffer_size_)
        return true;
    // Not past the journal's end: bytes there may change after they were read.
    std::uint64_t end = segment_->file->size();
    if (segment_->number == limit_.segment)
        end = std::min(end, limit_.offset);
    if (at_ + need > end)
        return false;
    std::size_t const want = std::min<std::uint64_t>(std::max(need, read_chunk), end - at_);
    if (buffer_.size() < want)
        buffer_.resize(std::max(want, read_chunk));
    auto const n = segment_->file->read(at_, std::span<char>(buffer_.data(), want));
    if (!n)
        return Fail(n.error());
    buffer_offset_ = at_;
    buffer_size_ = *n;
    return need <= buffer_size_;
}

Result<bool> Reader::next(Frame& frame) {
    if (position_.seq >= limit_.seq) {
        limit_ = journal_->end();
        if (position_.seq >= limit_.seq)
            return false;
    }
    for (;;) {
        std::uint64_t const wanted = position_.seq + 1;
        if (!segment_) {
            segment_ = journal_->segment_holding(wanted);
            if (!segment_)
                return fail(Errc::unavailable, "the journal no longer has frame " + std::to_string(wanted));
            bool const inside = segment_->number == position_.segment && position_.offset >= header_bytes;
            at_ = inside ? position_.offset : header_bytes;
            buffer_size_ = 0;
        }
        FrameView view;
        auto have = refill(frame_header_bytes);
        if (!have)
            return Fail(have.error());
        bool good = *have && parse_frame_header(buffer_.data() + (at_ - buffer_offset_),
                                                segment_->file->size() - at_, view);
        if (good) {
            have = refill(view.bytes);
            if (!have)
                return Fail(have.error());
            good = *have && frame_valid(buffer_.data() + (at_ - buffer_offset_), view, segment_->salt);
        }
        if (good && view.type == FrameType::seal && view.seq == wanted) {
            auto next = journal_->segment_holding(wanted);
            good = next && next->number > segment_->number;
            if (good) {
                segment_.reset();
                continue;
            }
        } else if (good && view.seq < wanted) { // only when the start was given without its offset
            at_ += view.bytes;
            continue;
        }
        if (!good || view.seq != wanted)
            return fail(Errc::unavailable, "the journal is damaged: frame " + std::to_string(wanted) +
                                               " is not readable at offset " + std::to_string(at_) + " of '" +
                                               journal_->disk_.path() + "/" + segment_->name + "'");
        char const* const data = buffer_.data() + (at_ - buffer_offset_);
        frame.type = view.type;
        frame.payload = {data + frame_header_bytes, view.length};
        at_ += view.bytes;
        position_ = Position{segment_->number, at_, wanted};
        frame.position = position_;
        return true;
    }
}

} // namespace tollgate::journal
