#include "control/idempotency.hpp"

#include "control/context.hpp"
#include "identity/api_key.hpp"
#include "store/idempotency_store.hpp"
#include "store/store.hpp"

namespace tollgate::control {
namespace {
constexpr std::size_t key_max = 255;

Result<std::string> checked_key(Request const& request) {
    auto const key = request.header("idempotency-key");
    auto const printable = [&] {
        for (char const c : key)
            if (c < 0x20 || c > 0x7e) return false;
        return true;
    };
    if (key.size() > key_max || !printable())
        return fail(Errc::invalid_request, "Idempotency-Key must have 1 to 255 printable ASCII characters",
                    "Idempotency-Key");
    return std::string(key);
}

Result<Response> replayed(Context& context, store::KeptAnswer const& kept) {
    auto body = context.answer_box.open(kept.body);
    if (!body) return Fail(body.error());
    Response response;
    response.status = kept.status;
    response.content_type = kept.content_type;
    response.body = std::move(*body);
    response.headers.push_back({"idempotent-replayed", "true"});
    return response;
}
} // namespace

Result<Response> once(Context& context, Actor const& actor, Request const& request,
                      std::function<Result<Response>()> const& work) {
    auto const key = checked_key(request);
    if (!key) return Fail(key.error());
    auto const scope = "control:" + actor.name;
    // The pepper's HMAC as fingerprint: a body may hold a secret whose plain hash could be searched for.
    auto const hash =
        context.hasher.hash(request.method + '\n' + request.path + '\n' + request.query + '\n' + request.body);
    std::string_view const fingerprint(reinterpret_cast<char const*>(hash.data()), hash.size());
    auto& answers = context.store.idempotency();
    auto const begun = answers.begin(scope, *key, fingerprint, context.clock.now());
    using State = store::IdempotencyBegin::State;
    switch (begun.state) {
    case State::replay: return replayed(context, begun.answer);
    case State::in_flight: {
        Error error(Errc::conflict, "the first request with this Idempotency-Key is still running");
        error.retry_after_s = 1;
        return Fail(std::move(error));
    }
    case State::mismatch:
        return fail(Errc::unprocessable, "this Idempotency-Key was used for another request; take a new one",
                    "Idempotency-Key");
    case State::fresh: break;
    }
    Result<Response> response = fail(Errc::internal, "");
    try {
        response = work();
    } catch (...) {
        answers.abandon(scope, *key);
        throw;
    }
    if (!response || response->status >= 300) {
        answers.abandon(scope, *key);
        return response;
    }
    answers.finish(scope, *key, {response->status, response->content_type, context.answer_box.seal(response->body)},
                   context.clock.now());
    return response;
}

} // namespace tollgate::control
