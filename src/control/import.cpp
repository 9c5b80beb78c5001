// POST /api/token/import: keys that were made elsewhere keep their value. The shape of body and answer is fixed.
#include "config/config.hpp"
#include "control/handlers.hpp"
#include "control/reply.hpp"
#include "control/sync.hpp"
#include "control/views.hpp"
#include "identity/api_key.hpp"
#include "ledger/ledger.hpp"
#include "store/account_store.hpp"
#include "store/key_store.hpp"
#include "store/store.hpp"

namespace tollgate::control {
namespace json = boost::json;
namespace {

/// Finds or makes the account, with the operator's initial credit. The credit is posted each time under one reference, so
/// that it comes once, and also when an earlier try ended between the account and its credit.
Result<store::AccountRow> account_for(Call& call, std::string const& external_id) {
    store::AccountRow row;
    row.name = external_id.substr(0, 200);
    row.external_id = external_id;
    row.kind = store::AccountKind::personal;
    row.created_at = call.context.clock.now();
    bool created = false;
    auto account = call.context.store.accounts().find_or_create(row, created);
    if (created) publish_account(call.context, account);
    auto const amount = call.context.config.import.initial_credit;
    if (amount.is_zero()) return account;
    store::CreditRequest credit;
    credit.account_id = account.id;
    credit.kind = store::TransactionKind::bonus;
    credit.amount = amount;
    credit.reference = "import:initial-credit";
    credit.description = "Initial credit of an imported user";
    credit.now = row.created_at;
    if (auto posted = call.context.ledger.credit(credit); !posted) return Fail(posted.error());
    return account;
}

Response imported(KeyId id, bool created) {
    json::object data;
    data["token_id"] = id.value; // keys number from 1 and stay within 31 bits
    data["created"] = created;
    json::object body;
    body["success"] = true;
    body["data"] = std::move(data);
    return json_reply(200, body);
}
} // namespace

Result<Response> import_token(Call& call) {
    if (!call.context.config.import.enabled)
        return fail(Errc::forbidden, "importing keys is switched off (EXTERNAL_TOKEN_IMPORT_ENABLED=false)");
    auto const body = body_of(call);
    if (!body) return Fail(body.error());
    Fields in(*body, {"key", "external_user_id", "name", "unlimited_quota"});
    auto const* raw_key = in.raw("key");
    if (!raw_key || !raw_key->is_string()) in.refuse("key", "'key' is missing: the text of the key to import");
    auto const external_id = in.text("external_user_id", 1, 255);
    auto const name = in.maybe_text("name", 0, 200).value_or("");
    // Without a cap of its own either way: what the account can spend is its credit.
    in.maybe_flag("unlimited_quota");
    if (!in.ok()) return in.error();
    std::string_view const key(raw_key->get_string().data(), raw_key->get_string().size());
    if (auto valid = identity::validate_imported_key(key); !valid) return Fail(valid.error());

    auto& keys = call.context.store.keys();
    auto const hash = call.context.hasher.hash(key);
    if (auto const known = keys.find_hash(hash)) {
        auto const owner = call.context.store.accounts().get(known->account_id);
        if (!owner || owner->external_id != external_id)
            return fail(Errc::conflict, "this key belongs to another user already", "key");
        if (known->revoked_at) return fail(Errc::conflict, "this key was revoked here; import another one", "key");
        return imported(known->id, false);
    }
    auto const account = account_for(call, external_id);
    if (!account) return Fail(account.error());
    store::KeyRow row;
    row.account_id = account->id;
    row.name = name.empty() ? external_id.substr(0, 200) : name;
    row.hash = hash;
    row.prefix = identity::key_prefix(key);
    if (call.context.config.keys.revealable) row.sealed = call.context.key_box.seal(identity::normalize_key(key));
    row.created_at = call.context.clock.now();
    auto const made = keys.create(row);
    if (!made) return Fail(made.error());
    publish_key(call.context, *made);
    auto const shown = key_json(call.context, *made);
    call.audit("key.import", format_id(made->id), nullptr, &shown);
    return imported(made->id, true);
}

} // namespace tollgate::control
