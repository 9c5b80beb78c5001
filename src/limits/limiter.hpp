#pragma once
// Step two of a request: is it within the rates of its key, account and model.
#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/dense_table.hpp"
#include "base/error.hpp"
#include "limits/bucket.hpp"
#include "types/ids.hpp"
#include "types/key_limits.hpp"

namespace tollgate::limits {

/// What is left of the tightest scope, for `x-ratelimit-*`. A limit of 0 means none, and its headers are left out.
struct RateStatus {
    std::int64_t limit_requests = 0;
    std::int64_t remaining_requests = 0;
    std::int64_t reset_requests_ms = 0; ///< until the whole minute's worth is there again
    std::int64_t limit_tokens = 0;
    std::int64_t remaining_tokens = 0;
    std::int64_t reset_tokens_ms = 0;
};
/// Appends `x-ratelimit-{limit,remaining,reset}-{requests,tokens}: …\r\n`, resets as "1.5s" or "6m0s" like OpenAI's.
void append_rate_headers(std::string& out, RateStatus const& status);

/// Runtime state of one scope; lives as long as the Limiter.
struct ScopeState {
    Bucket requests;
    Bucket tokens;
    std::atomic<std::int64_t> in_flight{0};
};

/// One scope that a request counts against.
struct Scope {
    ScopeState* state = nullptr;
    RateLimits limits;
    std::string_view what; ///< "API key", "account", "model": for messages; static text
};

/// A request that was let in. Frees its concurrency slots when it ends, however it ends; tokens that were not
/// settled by then are given back (nothing was used). One owner; the Limiter outlives it.
class Admission {
public:
    Admission() = default;
    Admission(Admission&& other) noexcept { swap(other); }
    Admission& operator=(Admission&& other) noexcept {
        Admission(std::move(other)).swap(*this);
        return *this;
    }
    ~Admission();

    /// Replaces the estimate by what was used: more puts the bucket into debt, less is given back. Once.
    void settle_tokens(std::int64_t used, std::int64_t now_ns) noexcept;
    RateStatus const& status() const noexcept { return status_; }

private:
    friend class Limiter;
    void swap(Admission& other) noexcept;
    static constexpr std::size_t scopes_max = 4;
    std::array<Scope, scopes_max> scopes_{};
    std::size_t count_ = 0;
    std::int64_t estimate_ = 0;
    std::int64_t admitted_ns_ = 0;
    RateStatus status_;
};

/// Token buckets (refilled continuously, one minute's worth deep) and concurrency counters. Any thread, no locks, no
/// allocation but for the first use of an id.
class Limiter {
public:
    ScopeState& key(KeyId id) { return keys_.at(id.value); }
    ScopeState& account(AccountId id) { return accounts_.at(id.value); }
    /// `index`: a small dense number per public model name (routing::Model::limit_id).
    ScopeState& model(std::int64_t index) { return models_.at(index); }

    /// All scopes or none. `estimate`: input bound plus output maximum, in tokens; `now_ns`: Clock::steady_ns.
    /// Scopes without any limit cost nothing: pass them anyway, at most 4.
    /// Errors: rate_limited, with retry_after_s and what was exceeded.
    Result<Admission> admit(std::initializer_list<Scope> scopes, std::int64_t estimate, std::int64_t now_ns);
    /// What the scopes have left, without taking anything: for the headers of a refusal.
    static RateStatus status(std::initializer_list<Scope> scopes, std::int64_t now_ns);

private:
    static Result<void> enter(Admission& admission, Scope const& scope, std::int64_t estimate, std::int64_t now_ns);
    DenseTable<ScopeState> keys_;
    DenseTable<ScopeState> accounts_;
    DenseTable<ScopeState> models_;
};

} // namespace tollgate::limits
