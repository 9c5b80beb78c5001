// Opening a journal: whose it is, what is in it, where it ends, and how it goes on after a crash.
#include <algorithm>
#include <pthread.h>

#include "base/check.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "journal/detail/segment.hpp"

namespace tollgate::journal {

namespace {

constexpr std::size_t scan_chunk = 1024 * 1024;

Fail damage(Disk const& disk, std::string const& file, std::uint64_t offset, std::string_view what) {
    return fail(Errc::unavailable, "the journal is damaged: " + std::string(what) + " at offset " +
                                       std::to_string(offset) + " of '" + disk.path() + "/" + file +
                                       "'. Restore the data folder from a backup; do not delete the file");
}

std::string random_hex() {
    std::array<std::uint8_t, 16> bytes;
    fill_random(bytes);
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (std::uint8_t const b : bytes) {
        text += digits[b >> 4];
        text += digits[b & 15];
    }
    return text;
}

} // namespace

std::string segment_name(std::uint64_t number) {
    std::string digits = std::to_string(number);
    if (digits.size() < 10)
        digits.insert(0, 10 - digits.size(), '0');
    return digits + std::string(segment_suffix);
}

std::uint64_t segment_number(std::string_view name) noexcept {
    if (!name.ends_with(segment_suffix))
        return 0;
    name.remove_suffix(segment_suffix.size());
    if (name.size() < 10 || name.size() > 18)
        return 0;
    std::uint64_t number = 0;
    for (char const c : name) {
        if (c < '0' || c > '9')
            return 0;
        number = number * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return number;
}

Result<std::unique_ptr<Journal>> Journal::open(Disk& disk, Clock const& clock, Options options,
                                               std::string store_id) {
    TOLLGATE_CHECK(options.segment_bytes >= 64 * 1024 && options.segment_bytes % 4096 == 0,
                   "journal segment size");
    TOLLGATE_CHECK(store_id.size() == 32, "a store id has 32 characters");
    std::unique_ptr<Journal> journal(new Journal(disk, clock, options));
    auto lock = disk.lock(std::string(lock_name));
    if (!lock)
        return Fail(lock.error());
    journal->lock_ = std::move(*lock);
    if (auto known = journal->load_identity(store_id); !known)
        return Fail(known.error());
    if (auto scanned = journal->scan(); !scanned)
        return Fail(scanned.error());
    return journal;
}

/// Reads the identity file, or makes it in a directory without segments.
Result<void> Journal::load_identity(std::string const& store_id) {
    std::string const name(identity_name);
    if (auto file = disk_.open(name)) {
        char text[65] = {};
        auto const n = (*file)->read(0, std::span<char>(text, 65));
        if (!n)
            return Fail(n.error());
        if (*n != 64)
            return damage(disk_, name, 0, "the identity file has the wrong length");
        identity_ = Identity{std::string(text, 32), std::string(text + 32, 32)};
        if (identity_.store_id != store_id)
            return fail(Errc::conflict,
                        "the journal in '" + disk_.path() + "' belongs to another store (" +
                            identity_.store_id + ", not " + store_id +
                            "): start with the store it was written for, or with an empty journal folder");
        return {};
    } else if (file.error().code != Errc::not_found) {
        return Fail(file.error());
    }
    auto names = disk_.list();
    if (!names)
        return Fail(names.error());
    for (auto const& other : *names)
        if (segment_number(other) != 0)
            return fail(Errc::unavailable, "the journal in '" + disk_.path() + "' has segments but no '" +
                                               name + "' file: restore the data folder from a backup");
    fresh_ = true;
    identity_ = Identity{random_hex(), store_id};
    std::string const temporary = name + std::string(temporary_suffix);
    (void)disk_.remove(temporary);
    auto file = disk_.create(temporary, 64);
    if (!file)
        return Fail(file.error());
    auto bytes = (*file)->map();
    if (!bytes)
        return Fail(bytes.error());
    std::string const text = identity_.node + identity_.store_id;
    std::copy(text.begin(), text.end(), bytes->begin());
    if (auto synced = (*file)->sync(); !synced)
        return synced;
    if (auto renamed = disk_.rename(temporary, name); !renamed)
        return renamed;
    return disk_.sync_directory();
}

/// True: a segment in use; false: prepared only.
Result<bool> Journal::read_header(std::string const& name, std::shared_ptr<Segment>& segment) {
    auto file = disk_.open(name);
    if (!file)
        return Fail(file.error());
    SegmentHeader header{};
    auto const n = (*file)->read(0, {reinterpret_cast<char*>(&header), sizeof header});
    if (!n)
        return Fail(n.error());
    if (*n != sizeof header || header_check(header) != header.check ||
        std::memcmp(header.magic, "TGJRNL\n", 8) != 0)
        return damage(disk_, name, 0, "the header is not readable");
    if (header.version > format_version)
        return fail(Errc::unavailable, "the journal segment '" + disk_.path() + "/" + name +
                                           "' was written by a newer Tollgate (format " +
                                           std::to_string(header.version) + "): start that version again");
    if (header.number != segment_number(name))
        return damage(disk_, name, 0, "the header names another segment");
    if (std::string_view(header.node, 32) != identity_.node ||
        std::string_view(header.store_id, 32) != identity_.store_id)
        return fail(Errc::conflict,
                    "the journal segment '" + disk_.path() + "/" + name +
                        "' belongs to another node or store: put back the folder it came from");
    segment = std::make_shared<Segment>();
    segment->name = name;
    segment->number = header.number;
    segment->salt = header.salt;
    segment->file = std::move(*file);
    if (header.first_seq == 0 || header.first_seq_check != field_check(header, header.first_seq))
        return false;
    segment->first_seq = header.first_seq;
    segment->previous_durable = header.previous_durable == 1;
    if (header.durable_check == field_check(header, header.durable_offset))
        segment->durable_offset = header.durable_offset;
    return true;
}

/// Finds the end of one segment. A frame that is not whole ends it, unless it was known to be durable.
Result<void> Journal::scan_frames(Segment& segment) {
    std::size_t const size = segment.file->size();
    std::vector<char> buffer;
    std::uint64_t start = header_bytes; // file offset of buffer[0]
    std::uint64_t at = header_bytes;
    std::uint64_t seq = segment.first_seq - 1;
    auto const ensure = [&](std::size_t need) -> Result<bool> {
        if (at + need <= start + buffer.size())
            return true;
        buffer.resize(std::min<std::size_t>(std::max(need, scan_chunk), size - at));
        auto const n = segment.file->read(at, buffer);
        if (!n)
            return Fail(n.error());
        buffer.resize(*n);
        start = at;
        return need <= buffer.size();
    };
    while (at + frame_header_bytes <= size) {
        auto have = ensure(frame_header_bytes);
        if (!have)
            return Fail(have.error());
        FrameView view;
        if (!*have || !parse_frame_header(buffer.data() + (at - start), size - at, view) ||
            view.seq != seq + 1)
            break;
        have = ensure(view.bytes);
        if (!have)
            return Fail(have.error());
        if (!*have || !frame_valid(buffer.data() + (at - start), view, segment.salt))
            break;
        if (view.type == FrameType::seal) {
            segment.sealed = true;
            break;
        }
        at += view.bytes;
        seq = view.seq;
    }
    if (!segment.sealed && at < segment.durable_offset)
        return damage(disk_, segment.name, at, "a frame that was durable is not readable");
    segment.end_offset = at;
    segment.last_seq = seq;
    return {};
}

/// Builds segments_ and finds the journal's end.
Result<void> Journal::scan() {
    auto names = disk_.list();
    if (!names)
        return Fail(names.error());
    std::shared_ptr<Segment> broken; // the segment without a seal, if any
    for (auto const& name : *names) {
        if (name.ends_with(temporary_suffix))
            leftovers_.push_back(name);
        std::uint64_t const number = segment_number(name);
        if (number == 0)
            continue;
        next_number_ = number + 1; // the list is sorted
        std::shared_ptr<Segment> segment;
        auto const in_use = read_header(name, segment);
        if (!in_use)
            return Fail(in_use.error());
        if (!*in_use) {
            leftovers_.push_back(name);
            continue;
        }
        if (broken) {
            // Written after frames that a power cut took: legal only if those were not durable yet.
            if (segment->previous_durable)
                return damage(disk_, broken->name, broken->end_offset,
                              "a frame that was durable is not readable");
            leftovers_.push_back(name);
            continue;
        }
        if (!segments_.empty() && segment->first_seq <= segments_.back()->last_seq)
            return damage(disk_, name, 0, "sequence numbers run backwards");
        if (auto scanned = scan_frames(*segment); !scanned)
            return scanned;
        segment->logical_start = logical_;
        logical_ += segment->end_offset - header_bytes;
        if (!segment->sealed)
            broken = segment;
        segments_.push_back(std::move(segment));
    }
    if (!segments_.empty()) {
        seq_ = segments_.back()->last_seq;
        offset_ = segments_.back()->end_offset;
    }
    return {};
}

/// Every frame after `applied` must be there.
Result<void> Journal::check_covers(Position applied) const {
    if (segments_.empty()) {
        if (applied.seq == 0 || fresh_)
            return {};
        return fail(Errc::unavailable, "the journal in '" + disk_.path() +
                                           "' has lost its segments (the store has applied up to segment " +
                                           std::to_string(applied.segment) +
                                           "): restore the data folder from a backup");
    }
    std::uint64_t have =
        segments_.front()->first_seq - 1; // everything after this must be contiguous from `applied`
    for (std::size_t i = 1; i < segments_.size(); ++i)
        if (segments_[i]->first_seq != segments_[i - 1]->last_seq + 1)
            have = segments_[i]->first_seq - 1;
    if (have <= applied.seq)
        return {};
    return fail(Errc::unavailable, "journal segments are missing in '" + disk_.path() +
                                       "': the store has applied up to frame " + std::to_string(applied.seq) +
                                       ", but the journal starts after frame " + std::to_string(have) +
                                       ". Restore the missing files or the store from a backup");
}

/// Removes what a power cut orphaned and seals the last segment where its whole frames end.
Result<void> Journal::cut_tail() {
    for (auto const& name : leftovers_)
        if (auto removed = disk_.remove(name); !removed)
            return removed;
    if (!leftovers_.empty())
        if (auto synced = disk_.sync_directory(); !synced)
            return synced;
    leftovers_.clear();
    for (auto const& segment : segments_) {
        if (!segment->sealed) {
            auto bytes = segment->file->map();
            if (!bytes)
                return Fail(bytes.error());
            store_frame(bytes->data() + segment->end_offset, FrameType::seal, segment->last_seq + 1, {},
                        crc32c(0, {}), segment->salt);
            segment->sealed = true;
        }
        // The last process may have died before its last sync.
        if (auto synced = segment->file->sync(); !synced)
            return synced;
    }
    if (!segments_.empty()) { // give back what was preallocated behind the seal
        Segment& last = *segments_.back();
        if (auto reopened = disk_.open(last.name)) {
            auto const used = static_cast<std::size_t>(last.end_offset) + frame_header_bytes;
            last.file = std::move(*reopened);
            if (last.file->size() > used)
                if (auto cut = last.file->truncate(used); !cut)
                    return cut;
        }
    }
    return {};
}

Result<std::shared_ptr<Journal::Segment>> Journal::make_segment(std::uint64_t number) {
    auto segment = std::make_shared<Segment>();
    segment->name = segment_name(number);
    segment->number = number;
    std::string const temporary = segment->name + std::string(temporary_suffix);
    auto file = disk_.create(temporary, options_.segment_bytes);
    if (!file)
        return Fail(file.error());
    segment->file = std::move(*file);
    auto bytes = segment->file->map();
    if (!bytes)
        return Fail(bytes.error());
    SegmentHeader header{};
    std::memcpy(header.magic, "TGJRNL\n", 8);
    header.version = format_version;
    header.bytes = header_bytes;
    header.number = number;
    header.size = options_.segment_bytes;
    std::array<std::uint8_t, 8> salt;
    fill_random(salt);
    std::memcpy(&header.salt, salt.data(), 8);
    std::memcpy(header.node, identity_.node.data(), 32);
    std::memcpy(header.store_id, identity_.store_id.data(), 32);
    header.check = header_check(header);
    std::memcpy(bytes->data(), &header, sizeof header);
    segment->salt = header.salt;
    segment->header = reinterpret_cast<SegmentHeader*>(bytes->data());
    // Under its own name only when its header is durable: a segment file always has a readable header.
    if (auto synced = segment->file->sync(); !synced)
        return Fail(synced.error());
    if (auto renamed = disk_.rename(temporary, segment->name); !renamed)
        return Fail(renamed.error());
    if (auto synced = disk_.sync_directory(); !synced)
        return Fail(synced.error());
    return segment;
}

Result<void> Journal::start(Position applied) {
    TOLLGATE_CHECK(current_ == nullptr && !closed_, "a journal starts once");
    if (auto covered = check_covers(applied); !covered)
        return covered;
    if (applied.seq > seq_)
        log::warn("the store is ahead of the journal: a power cut took frames that were applied already",
                  {{"journal", std::to_string(seq_)}, {"store", std::to_string(applied.seq)}});
    if (auto cut = cut_tail(); !cut)
        return cut;
    auto made = make_segment(take_number());
    if (!made)
        return Fail(made.error());
    {
        std::lock_guard lock(mutex_);
        seq_ = std::max(seq_, applied.seq);
        if (applied.seq >= seq_)
            applied_logical_ = logical_;
        activate(std::move(*made), true);
    }
    if (auto synced = current_->file->sync(); !synced)
        return synced;
    durable_seq_.store(seq_, std::memory_order_release);
    release(applied);
    if (auto prepared = prepare_next(); !prepared)
        log::warn("cannot prepare the next journal segment", {{"error", prepared.error().message}});
    if (options_.threads)
        sync_thread_ = std::thread([this] {
            pthread_setname_np(pthread_self(), "journal-sync");
            sync_loop();
        });
    return {};
}

} // namespace tollgate::journal
