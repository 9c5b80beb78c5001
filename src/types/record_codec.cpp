#include "types/record_codec.hpp"

#include <algorithm>
#include <cstring>

namespace tollgate {

namespace {

constexpr std::uint8_t record_version = 1;
constexpr std::uint8_t progress_version = 1;
constexpr std::size_t tags_max = 64;
constexpr std::size_t tag_bytes_max = 64;

// Flag bits of a record, of usage, of a progress.
constexpr std::uint8_t flag_streamed = 1, flag_cached = 2, flag_reported_cost = 4, flag_cost_lines = 8;
constexpr std::uint32_t usage_anomaly_bit = 1u << 31;
static_assert(bucket_count < 31, "usage is a 32-bit mask of buckets");

/// Where a cut at `limit` does not split a UTF-8 sequence.
std::size_t utf8_cut(std::string_view text, std::size_t limit) noexcept {
    std::size_t n = limit;
    while (n > 0 && limit - n < 4 && (static_cast<unsigned char>(text[n]) & 0xC0) == 0x80)
        --n;
    return n;
}

class Writer {
public:
    explicit Writer(char* out) : begin_(out), at_(out) {}
    std::size_t size() const noexcept { return static_cast<std::size_t>(at_ - begin_); }

    void byte(std::uint8_t v) noexcept { *at_++ = static_cast<char>(v); }
    void raw(void const* from, std::size_t n) noexcept {
        std::memcpy(at_, from, n);
        at_ += n;
    }
    void u32(std::uint32_t v) noexcept { raw(&v, sizeof v); }
    void varint(std::uint64_t v) noexcept {
        while (v >= 0x80) {
            *at_++ = static_cast<char>(v | 0x80);
            v >>= 7;
        }
        *at_++ = static_cast<char>(v);
    }
    void number(std::int64_t v) noexcept { // zigzag: small negative numbers stay short
        varint((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63));
    }
    void text(std::string_view t, std::size_t limit) noexcept {
        if (t.size() > limit) [[unlikely]]
            t = t.substr(0, utf8_cut(t, limit));
        varint(t.size());
        raw(t.data(), t.size());
    }
    void usage(Usage const& u) noexcept {
        std::uint32_t mask = u.anomaly ? usage_anomaly_bit : 0;
        for (std::size_t i = 0; i < bucket_count; ++i)
            if (u.quantity[i] != 0)
                mask |= 1u << i;
        u32(mask);
        for (std::size_t i = 0; i < bucket_count; ++i)
            if (u.quantity[i] != 0)
                number(u.quantity[i]);
    }
    void lines(std::vector<PriceLine> const& list) noexcept {
        TOLLGATE_CHECK(list.size() <= price_lines_max, "too many price lines in a record");
        varint(list.size());
        for (auto const& line : list) {
            byte(line.unit);
            number(line.quantity);
            number(line.pico_usd);
            number(line.per);
        }
    }

private:
    char* begin_;
    char* at_;
};

/// Reads what Writer wrote. After a failure everything reads as zero and `ok` stays false.
class Cursor {
public:
    explicit Cursor(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}
    bool ok() const noexcept { return ok_; }
    bool finished() const noexcept { return ok_ && at_ == end_; }
    void fail() noexcept { ok_ = false; }

    std::uint8_t byte() noexcept {
        if (!take(1))
            return 0;
        return static_cast<std::uint8_t>(at_[-1]);
    }
    void raw(void* into, std::size_t n) noexcept {
        if (take(n))
            std::memcpy(into, at_ - n, n);
    }
    std::uint32_t u32() noexcept {
        std::uint32_t v = 0;
        raw(&v, sizeof v);
        return v;
    }
    std::uint64_t varint() noexcept {
        std::uint64_t v = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            std::uint8_t const b = byte();
            if (!ok_)
                return 0;
            if (shift == 63 && b > 1)
                break; // more than 64 bits
            v |= static_cast<std::uint64_t>(b & 0x7F) << shift;
            if (b < 0x80)
                return v;
        }
        ok_ = false;
        return 0;
    }
    std::int64_t number() noexcept {
        std::uint64_t const v = varint();
        return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
    }
    std::int64_t number_in(std::int64_t low, std::int64_t high) noexcept {
        std::int64_t const v = number();
        if (v < low || v > high)
            ok_ = false;
        return ok_ ? v : 0;
    }
    void text(std::string& into, std::size_t limit) {
        std::uint64_t const n = varint();
        if (n > limit || !take(static_cast<std::size_t>(n))) {
            ok_ = false;
            return;
        }
        into.assign(at_ - n, static_cast<std::size_t>(n));
    }
    template <class E>
    E enumeration(E last) noexcept {
        std::uint8_t const v = byte();
        if (v > static_cast<std::uint8_t>(last))
            ok_ = false;
        return ok_ ? static_cast<E>(v) : E{};
    }
    void usage(Usage& u) noexcept {
        std::uint32_t const mask = u32();
        u.anomaly = (mask & usage_anomaly_bit) != 0;
        if ((mask & ~usage_anomaly_bit) >> bucket_count != 0)
            ok_ = false;
        for (std::size_t i = 0; ok_ && i < bucket_count; ++i)
            if (mask & (1u << i))
                u.quantity[i] = number();
    }
    void lines(std::vector<PriceLine>& list) {
        std::uint64_t const n = varint();
        if (n > price_lines_max)
            ok_ = false;
        if (!ok_)
            return;
        list.reserve(static_cast<std::size_t>(n));
        for (std::uint64_t i = 0; ok_ && i < n; ++i) {
            PriceLine line;
            line.unit = byte();
            line.quantity = number();
            line.pico_usd = number();
            line.per = number();
            list.push_back(line);
        }
    }

private:
    bool take(std::size_t n) noexcept {
        if (!ok_ || static_cast<std::size_t>(end_ - at_) < n) {
            ok_ = false;
            return false;
        }
        at_ += n;
        return true;
    }
    char const* at_;
    char const* end_;
    bool ok_ = true;
};

Fail damaged(std::string_view what) {
    return fail(Errc::unavailable,
                "a journaled " + std::string(what) + " cannot be read: its bytes are damaged");
}
Fail newer(std::string_view what, int version) {
    return fail(Errc::unavailable, "a journaled " + std::string(what) +
                                       " was written by a newer Tollgate (format " + std::to_string(version) +
                                       "): start that version again");
}

} // namespace

std::size_t encode_record(RequestRecord const& r, char* out) {
    Writer w(out);
    w.byte(record_version);
    w.byte(static_cast<std::uint8_t>((r.streamed ? flag_streamed : 0) | (r.cached ? flag_cached : 0) |
                                     (r.has_provider_reported_cost ? flag_reported_cost : 0) |
                                     (r.cost_lines.empty() ? 0 : flag_cost_lines)));
    w.byte(static_cast<std::uint8_t>(r.surface));
    w.byte(static_cast<std::uint8_t>(r.outcome));
    w.byte(static_cast<std::uint8_t>(r.usage_source));
    w.raw(r.request_id.bytes.data(), r.request_id.bytes.size());
    w.number(r.time.ms);
    w.number(r.account_id.value);
    w.number(r.team_id.value);
    w.number(r.user_id.value);
    w.number(r.key_id.value);
    w.text(r.key_name, 256);
    w.text(r.method, 32);
    w.text(r.path, 1024);
    w.text(r.route, 256);
    w.text(r.model, 256);
    w.text(r.provider, 256);
    w.text(r.provider_model, 256);
    w.number(r.status);
    w.text(r.error_type, 64);
    w.number(r.attempts);
    w.number(r.latency_ms);
    w.number(r.first_byte_ms);
    w.number(r.upstream_ms);
    w.number(r.overhead_us);
    w.usage(r.usage);
    w.number(r.price_version.value);
    w.number(r.cost_price_version.value);
    w.lines(r.lines);
    if (!r.cost_lines.empty())
        w.lines(r.cost_lines);
    w.number(r.multiplier.ppb());
    w.number(r.cost.nanos());
    w.number(r.charge.nanos());
    if (r.has_provider_reported_cost)
        w.number(r.provider_reported_cost.nanos());
    w.number(r.held.nanos());
    w.text(r.client_ip, 64);
    w.text(r.country, 16);
    w.text(r.user_agent, 512);
    w.number(r.request_bytes);
    w.number(r.response_bytes);
    std::size_t const tags = std::min(r.tags.size(), tags_max);
    w.varint(tags);
    for (std::size_t i = 0; i < tags; ++i)
        w.text(r.tags[i], tag_bytes_max);
    w.text(r.user, 256);
    w.text(r.session, 256);
    return w.size();
}

void encode_record(RequestRecord const& record, std::string& out) {
    char buffer[encoded_record_max];
    out.append(buffer, encode_record(record, buffer));
}

Result<RequestRecord> decode_record(std::string_view bytes) {
    Cursor c(bytes);
    RequestRecord r;
    std::uint8_t const version = c.byte();
    if (c.ok() && version > record_version)
        return newer("record", version);
    if (version != record_version)
        return damaged("record");
    std::uint8_t const flags = c.byte();
    if (flags >= 16)
        c.fail();
    r.streamed = flags & flag_streamed;
    r.cached = flags & flag_cached;
    r.has_provider_reported_cost = flags & flag_reported_cost;
    r.surface = c.enumeration(static_cast<Surface>(static_cast<std::uint8_t>(Surface::count_) - 1));
    r.outcome = c.enumeration(Outcome::cached);
    r.usage_source = c.enumeration(UsageSource::estimated);
    c.raw(r.request_id.bytes.data(), r.request_id.bytes.size());
    r.time.ms = c.number();
    r.account_id.value = c.number();
    r.team_id.value = c.number();
    r.user_id.value = c.number();
    r.key_id.value = c.number();
    c.text(r.key_name, 256);
    c.text(r.method, 32);
    c.text(r.path, 1024);
    c.text(r.route, 256);
    c.text(r.model, 256);
    c.text(r.provider, 256);
    c.text(r.provider_model, 256);
    r.status = static_cast<int>(c.number_in(0, 999'999));
    c.text(r.error_type, 64);
    r.attempts = static_cast<int>(c.number_in(0, 1'000'000));
    r.latency_ms = c.number();
    r.first_byte_ms = c.number();
    r.upstream_ms = c.number();
    r.overhead_us = c.number();
    c.usage(r.usage);
    r.price_version.value = c.number();
    r.cost_price_version.value = c.number();
    c.lines(r.lines);
    if (flags & flag_cost_lines)
        c.lines(r.cost_lines);
    r.multiplier = Multiplier::from_ppb(c.number());
    r.cost = Money::from_nanos(c.number());
    r.charge = Money::from_nanos(c.number());
    if (r.has_provider_reported_cost)
        r.provider_reported_cost = Money::from_nanos(c.number());
    r.held = Money::from_nanos(c.number());
    c.text(r.client_ip, 64);
    c.text(r.country, 16);
    c.text(r.user_agent, 512);
    r.request_bytes = c.number();
    r.response_bytes = c.number();
    std::uint64_t const tags = c.varint();
    if (tags > tags_max)
        c.fail();
    for (std::uint64_t i = 0; c.ok() && i < tags; ++i)
        c.text(r.tags.emplace_back(), tag_bytes_max);
    c.text(r.user, 256);
    c.text(r.session, 256);
    if (!c.finished())
        return damaged("record");
    return r;
}

std::size_t encode_progress(Progress const& p, char* out) {
    Writer w(out);
    w.byte(progress_version);
    w.byte(static_cast<std::uint8_t>(p.usage_source));
    w.usage(p.usage);
    w.lines(p.lines);
    w.lines(p.cost_lines);
    w.number(p.cost.nanos());
    w.number(p.charge.nanos());
    return w.size();
}

Result<Progress> decode_progress(std::string_view bytes) {
    Cursor c(bytes);
    Progress p;
    std::uint8_t const version = c.byte();
    if (c.ok() && version > progress_version)
        return newer("progress", version);
    if (version != progress_version)
        return damaged("progress");
    p.usage_source = c.enumeration(UsageSource::estimated);
    c.usage(p.usage);
    c.lines(p.lines);
    c.lines(p.cost_lines);
    p.cost = Money::from_nanos(c.number());
    p.charge = Money::from_nanos(c.number());
    if (!c.finished())
        return damaged("progress");
    return p;
}

} // namespace tollgate
