#include "store/sql/record_row.hpp"

#include <cstring>

#include "store/sql/bytes.hpp"

namespace tollgate::store::sql {
namespace {

constexpr std::uint64_t detail_version = 1;

/// Even = number in the dictionary, odd = length of the text that follows; 0 = empty.
void put_text(std::string& out, std::string_view text, std::int64_t number) {
    if (number != 0 || text.empty()) {
        put_varint(out, static_cast<std::uint64_t>(number) << 1);
        return;
    }
    put_varint(out, static_cast<std::uint64_t>(text.size()) << 1 | 1);
    out.append(text);
}
std::string get_text(ByteReader& in, Database& db, Dims& dims) {
    auto const tag = in.varint();
    if (tag & 1) return std::string(in.bytes(tag >> 1));
    return dims.text(db, static_cast<std::int64_t>(tag >> 1));
}

void put_lines(std::string& out, std::vector<PriceLine> const& lines) {
    put_varint(out, lines.size());
    for (auto const& line : lines) {
        put_varint(out, line.unit);
        put_signed(out, line.quantity);
        put_signed(out, line.pico_usd);
        put_signed(out, line.per == 1'000'000 ? 0 : line.per);
    }
}
std::vector<PriceLine> get_lines(ByteReader& in) {
    std::vector<PriceLine> lines;
    for (auto n = in.varint(); n > 0 && in.ok(); --n) {
        PriceLine line;
        line.unit = static_cast<std::uint8_t>(in.varint());
        line.quantity = in.signed_varint();
        line.pico_usd = in.signed_varint();
        line.per = in.signed_varint();
        if (line.per == 0) line.per = 1'000'000;
        lines.push_back(line);
    }
    return lines;
}

void put_usage(std::string& out, Usage const& usage) {
    std::uint64_t present = 0;
    for (std::size_t i = 0; i < bucket_count; ++i)
        if (usage.quantity[i] != 0) present |= std::uint64_t{1} << i;
    put_varint(out, present);
    for (std::size_t i = 0; i < bucket_count; ++i)
        if (usage.quantity[i] != 0) put_signed(out, usage.quantity[i]);
}
Usage get_usage(ByteReader& in) {
    Usage usage;
    auto const present = in.varint();
    for (std::size_t i = 0; i < bucket_count; ++i)
        if (present >> i & 1) usage.quantity[i] = in.signed_varint();
    return usage;
}

constexpr std::uint64_t flag_streamed = 1, flag_cached = 2, flag_anomaly = 4, flag_reported = 8, flag_no_dims = 16;

} // namespace

std::string_view as_bytes(Uuid const& id) noexcept {
    return {reinterpret_cast<char const*>(id.bytes.data()), id.bytes.size()};
}

bool has_dims(RequestRecord const& r) noexcept { return r.status != 404 || r.outcome != Outcome::refused; }

RecordDims dims_of(RequestRecord const& r, Database& db, Dims& dims) {
    if (!has_dims(r)) return {};
    return {dims.number(db, r.model), dims.number(db, r.provider), dims.number(db, r.route)};
}

void pack_detail(std::string& out, RequestRecord const& r, RecordDims const& numbers, Database& db, Dims& dims) {
    bool const no_dims = numbers.model == 0 && numbers.provider == 0 && numbers.route == 0;
    auto const cheap = [&](std::string_view text) { put_text(out, text, dims.number_if_cheap(db, text)); };
    put_varint(out, detail_version);
    put_varint(out, (r.streamed ? flag_streamed : 0) | (r.cached ? flag_cached : 0) |
                        (r.usage.anomaly ? flag_anomaly : 0) | (r.has_provider_reported_cost ? flag_reported : 0) |
                        (no_dims ? flag_no_dims : 0));
    if (no_dims)
        for (auto const* text : {&r.model, &r.provider, &r.route}) put_text(out, *text, 0);
    put_signed(out, r.team_id.value);
    put_signed(out, r.user_id.value);
    cheap(r.key_name);
    put_varint(out, static_cast<std::uint64_t>(r.surface));
    cheap(r.method);
    if (no_dims)
        put_text(out, r.path, 0);
    else
        cheap(r.path);
    cheap(r.provider_model);
    cheap(r.error_type);
    put_signed(out, r.attempts);
    put_signed(out, r.first_byte_ms);
    put_signed(out, r.upstream_ms);
    put_signed(out, r.overhead_us);
    put_usage(out, r.usage);
    put_varint(out, static_cast<std::uint64_t>(r.usage_source));
    put_signed(out, r.price_version.value);
    put_signed(out, r.cost_price_version.value);
    put_lines(out, r.lines);
    put_lines(out, r.cost_lines);
    put_signed(out, r.multiplier.ppb());
    if (r.has_provider_reported_cost) put_signed(out, r.provider_reported_cost.nanos());
    put_signed(out, r.held.nanos());
    put_text(out, r.client_ip, 0);
    cheap(r.country);
    cheap(r.user_agent);
    put_signed(out, r.request_bytes);
    put_signed(out, r.response_bytes);
    put_varint(out, r.tags.size());
    for (auto const& tag : r.tags) cheap(tag);
    put_text(out, r.user, 0);
    put_text(out, r.session, 0);
}

StoredRecord read_record(Query& row, Database& db, Dims& dims) {
    StoredRecord stored;
    auto& r = stored.record;
    stored.position = row.i64(0);
    auto const id = row.bytes(1);
    if (id.size() == r.request_id.bytes.size()) std::memcpy(r.request_id.bytes.data(), id.data(), id.size());
    r.time = Timestamp{row.i64(2)};
    r.account_id = AccountId{row.i64(3)};
    r.key_id = KeyId{row.i64(4)};
    r.status = static_cast<int>(row.i64(8));
    r.outcome = static_cast<Outcome>(row.i64(9));
    r.cost = Money::from_nanos(row.i64(10));
    r.charge = Money::from_nanos(row.i64(11));
    stored.balance_after = Money::from_nanos(row.i64(12));
    stored.balance_before = stored.balance_after + r.charge;
    r.latency_ms = row.i64(13);

    ByteReader in(row.bytes(14));
    auto const version = in.varint();
    auto const flags = in.varint();
    r.streamed = flags & flag_streamed;
    r.cached = flags & flag_cached;
    r.has_provider_reported_cost = flags & flag_reported;
    if (flags & flag_no_dims) {
        for (auto* text : {&r.model, &r.provider, &r.route}) *text = get_text(in, db, dims);
    } else {
        r.model = dims.text(db, row.i64(5));
        r.provider = dims.text(db, row.i64(6));
        r.route = dims.text(db, row.i64(7));
    }
    r.team_id = TeamId{in.signed_varint()};
    r.user_id = UserId{in.signed_varint()};
    r.key_name = get_text(in, db, dims);
    r.surface = static_cast<Surface>(in.varint());
    r.method = get_text(in, db, dims);
    r.path = get_text(in, db, dims);
    r.provider_model = get_text(in, db, dims);
    r.error_type = get_text(in, db, dims);
    r.attempts = static_cast<int>(in.signed_varint());
    r.first_byte_ms = in.signed_varint();
    r.upstream_ms = in.signed_varint();
    r.overhead_us = in.signed_varint();
    r.usage = get_usage(in);
    r.usage.anomaly = flags & flag_anomaly;
    r.usage_source = static_cast<UsageSource>(in.varint());
    r.price_version = PriceVersionId{in.signed_varint()};
    r.cost_price_version = PriceVersionId{in.signed_varint()};
    r.lines = get_lines(in);
    r.cost_lines = get_lines(in);
    r.multiplier = Multiplier::from_ppb(in.signed_varint());
    if (r.has_provider_reported_cost) r.provider_reported_cost = Money::from_nanos(in.signed_varint());
    r.held = Money::from_nanos(in.signed_varint());
    r.client_ip = get_text(in, db, dims);
    r.country = get_text(in, db, dims);
    r.user_agent = get_text(in, db, dims);
    r.request_bytes = in.signed_varint();
    r.response_bytes = in.signed_varint();
    for (auto n = in.varint(); n > 0 && in.ok(); --n) r.tags.push_back(get_text(in, db, dims));
    r.user = get_text(in, db, dims);
    r.session = get_text(in, db, dims);
    if (version != detail_version || !in.ok())
        throw RecordDamaged(stored.position, r.request_id.text());
    return stored;
}

} // namespace tollgate::store::sql
