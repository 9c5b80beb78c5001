#include "limits/limiter.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace tollgate::limits {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

int retry_seconds(std::int64_t ns) noexcept {
    return static_cast<int>(std::max<std::int64_t>(1, (ns + second_ns - 1) / second_ns));
}

Fail refuse(std::string message, std::int64_t retry_in_ns) {
    Error error(Errc::rate_limited, std::move(message));
    error.retry_after_s = retry_seconds(retry_in_ns);
    return Fail(std::move(error));
}

/// Written by hand: to_string and append allocate.
void append_number(std::string& out, std::int64_t value) {
    char digits[20];
    auto* end = digits + sizeof digits;
    auto* at = end;
    auto rest = static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
    do *--at = static_cast<char>('0' + rest % 10);
    while ((rest /= 10) != 0);
    out.append(at, static_cast<std::size_t>(end - at));
}

/// "0s", "120ms", "1.5s", "6m0s".
void append_duration(std::string& out, std::int64_t ms) {
    if (ms > 0 && ms < 1000) {
        append_number(out, ms);
        out += "ms";
        return;
    }
    if (ms >= 60'000) {
        append_number(out, ms / 60'000);
        out += 'm';
        ms %= 60'000;
    }
    append_number(out, ms / 1000);
    if (auto fraction = ms % 1000; fraction > 0) {
        char digits[4] = {'.', static_cast<char>('0' + fraction / 100), static_cast<char>('0' + fraction / 10 % 10),
                          static_cast<char>('0' + fraction % 10)};
        std::size_t length = 4;
        while (digits[length - 1] == '0') --length;
        out.append(digits, length);
    }
    out += 's';
}

void append_header(std::string& out, std::string_view name, std::int64_t value) {
    out += name;
    append_number(out, value);
    out += "\r\n";
}

std::int64_t to_ms(std::int64_t ns) noexcept { return (ns + 999'999) / 1'000'000; }

/// Of two scopes, callers want to see the one that runs out first.
bool tighter(std::int64_t remaining_a, std::int64_t limit_a, std::int64_t remaining_b, std::int64_t limit_b) noexcept {
    if (limit_b == 0) return true;
    return static_cast<__int128>(remaining_a) * limit_b < static_cast<__int128>(remaining_b) * limit_a;
}

void show_tighter(RateStatus& status, RateLimits const& limits, Bucket::Taken const& requests, Bucket::Taken const& tokens) noexcept {
    if (limits.rpm > 0 && tighter(requests.remaining, limits.rpm, status.remaining_requests, status.limit_requests)) {
        status.limit_requests = limits.rpm;
        status.remaining_requests = requests.remaining;
        status.reset_requests_ms = to_ms(requests.full_in_ns);
    }
    if (limits.tpm > 0 && tighter(tokens.remaining, limits.tpm, status.remaining_tokens, status.limit_tokens)) {
        status.limit_tokens = limits.tpm;
        status.remaining_tokens = tokens.remaining;
        status.reset_tokens_ms = to_ms(tokens.full_in_ns);
    }
}

} // namespace

void append_rate_headers(std::string& out, RateStatus const& status) {
    if (status.limit_requests > 0) {
        append_header(out, "x-ratelimit-limit-requests: ", status.limit_requests);
        append_header(out, "x-ratelimit-remaining-requests: ", status.remaining_requests);
        out += "x-ratelimit-reset-requests: ";
        append_duration(out, status.reset_requests_ms);
        out += "\r\n";
    }
    if (status.limit_tokens > 0) {
        append_header(out, "x-ratelimit-limit-tokens: ", status.limit_tokens);
        append_header(out, "x-ratelimit-remaining-tokens: ", status.remaining_tokens);
        out += "x-ratelimit-reset-tokens: ";
        append_duration(out, status.reset_tokens_ms);
        out += "\r\n";
    }
}

Admission::~Admission() {
    for (std::size_t i = 0; i < count_; ++i) {
        auto const& [state, limits, what] = scopes_[i];
        if (limits.concurrency > 0) state->in_flight.fetch_sub(1, std::memory_order_relaxed);
        // At the instant of the admission: nothing was used, so the bucket stands as if it had never been asked.
        if (limits.tpm > 0 && estimate_ > 0) state->tokens.adjust(limits.tpm, -estimate_, admitted_ns_);
    }
}

void Admission::settle_tokens(std::int64_t used, std::int64_t now_ns) noexcept {
    auto const correction = used - estimate_;
    for (std::size_t i = 0; i < count_; ++i)
        if (scopes_[i].limits.tpm > 0)
            scopes_[i].state->tokens.adjust(scopes_[i].limits.tpm, correction, correction < 0 ? admitted_ns_ : now_ns);
    estimate_ = 0;
}

void Admission::swap(Admission& other) noexcept {
    std::swap(scopes_, other.scopes_);
    std::swap(count_, other.count_);
    std::swap(estimate_, other.estimate_);
    std::swap(admitted_ns_, other.admitted_ns_);
    std::swap(status_, other.status_);
}

Result<void> Limiter::enter(Admission& admission, Scope const& scope, std::int64_t estimate, std::int64_t now_ns) {
    auto& state = *scope.state;
    auto const& limits = scope.limits;
    auto& status = admission.status_;
    auto const what = std::string_view(scope.what);
    if (limits.concurrency > 0 && state.in_flight.fetch_add(1, std::memory_order_relaxed) >= limits.concurrency) {
        state.in_flight.fetch_sub(1, std::memory_order_relaxed);
        return refuse("too many requests at once for this " + std::string(what) + ": its limit is " +
                          std::to_string(limits.concurrency) + " in flight; wait until one has ended",
                      second_ns);
    }
    Bucket::Taken requests, tokens;
    if (limits.rpm > 0) {
        requests = state.requests.take(limits.rpm, 1, now_ns);
        if (!requests.ok) {
            if (limits.concurrency > 0) state.in_flight.fetch_sub(1, std::memory_order_relaxed);
            return refuse("rate limit reached for this " + std::string(what) + ": " + std::to_string(limits.rpm) +
                              " requests per minute",
                          requests.retry_in_ns);
        }
    }
    if (limits.tpm > 0) {
        tokens = state.tokens.take(limits.tpm, estimate, now_ns);
        if (!tokens.ok) {
            if (limits.rpm > 0) state.requests.adjust(limits.rpm, -1, now_ns);
            if (limits.concurrency > 0) state.in_flight.fetch_sub(1, std::memory_order_relaxed);
            auto const asked = std::to_string(estimate), limit = std::to_string(limits.tpm);
            if (tokens.retry_in_ns < 0)
                return refuse("this request may use " + asked + " tokens, more than this " + std::string(what) + "'s whole limit of " +
                                  limit + " per minute: shorten it or set a smaller maximum of output tokens",
                              Bucket::minute_ns);
            return refuse("rate limit reached for this " + std::string(what) + ": " + limit +
                              " tokens per minute; this request may use " + asked + ", " +
                              std::to_string(tokens.remaining) + " are left",
                          tokens.retry_in_ns);
        }
    }
    admission.scopes_[admission.count_++] = scope;
    show_tighter(status, limits, requests, tokens);
    return {};
}

RateStatus Limiter::status(std::initializer_list<Scope> scopes, std::int64_t now_ns) {
    RateStatus status;
    for (auto const& [state, limits, what] : scopes) {
        Bucket::Taken requests, tokens;
        if (limits.rpm > 0) requests = state->requests.take(limits.rpm, 0, now_ns);
        if (limits.tpm > 0) tokens = state->tokens.take(limits.tpm, 0, now_ns);
        show_tighter(status, limits, requests, tokens);
    }
    return status;
}

Result<Admission> Limiter::admit(std::initializer_list<Scope> scopes, std::int64_t estimate, std::int64_t now_ns) {
    TOLLGATE_CHECK(scopes.size() <= Admission::scopes_max, "a request counts against at most 4 scopes");
    Admission admission;
    admission.estimate_ = std::max<std::int64_t>(estimate, 0);
    admission.admitted_ns_ = now_ns;
    for (auto const& scope : scopes) {
        if (!scope.limits.any()) continue;
        auto entered = enter(admission, scope, admission.estimate_, now_ns);
        if (entered) continue;
        // The scopes entered so far get their request back too; `admission` gives back the rest.
        for (std::size_t i = 0; i < admission.count_; ++i)
            if (admission.scopes_[i].limits.rpm > 0)
                admission.scopes_[i].state->requests.adjust(admission.scopes_[i].limits.rpm, -1, now_ns);
        return tl::unexpected(std::move(entered.error()));
    }
    return admission;
}

} // namespace tollgate::limits
