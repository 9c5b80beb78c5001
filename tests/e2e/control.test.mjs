// The control API as portals and operators use it: strict, paged, audited, documented, and silent about secrets.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ADMIN_TOKEN, startTollgate, toml, until } from "./lib/tollgate.mjs";
import { recordsOf } from "./lib/money.mjs";
import { completion, delta, DONE, startUpstream, tokens, usageChunk } from "./lib/upstream.mjs";

const MASTER = "e2e-master-key-fedcba9876543210";
const CREDENTIAL = "sk-upstream-credential-never-to-be-logged";
const PROMPT = "prompt-text-that-must-not-be-kept-anywhere";
const ANSWER = "answer-text-that-must-not-be-kept-either";
const config = (upstream) => toml({
  log: { level: "debug" },
  upstream: { allow_private: false },
  provider: [{ name: "up", kind: "openai_compatible", base_url: upstream.url, api_key: "${UP_KEY}" }],
  model: [{ name: "m", targets: [{ provider: "up", model: "m-1" }], price: { input: "1", output: "2" } }],
});
let upstream, server;

before(async () => {
  upstream = await startUpstream();
  upstream.always([200, completion(ANSWER, tokens(4, 5))]);
  server = await startTollgate({ config: config(upstream), env: { UP_KEY: CREDENTIAL, TOLLGATE_MASTER_KEY: MASTER } });
});
after(async () => {
  await server?.stop();
  await upstream?.stop();
});

const chat = (customer, extra = {}) => server.call(customer.key, "/v1/chat/completions", { model: "m", max_tokens: 10, messages: [{ role: "user", content: PROMPT }], ...extra });

/** A refusal is problem JSON with a code, a request id, and words that help. */
async function refused(answer, status, says, param) {
  const { status: got, body, text, headers } = await answer;
  assert.equal(got, status, text);
  assert.equal(headers.get("content-type"), "application/problem+json");
  assert.equal(body.status, status);
  assert.equal(body.request_id, headers.get("x-request-id"));
  assert.ok(body.title && body.code && body.type);
  assert.match(body.detail, says);
  if (param !== undefined) assert.equal(body.param, param);
  return body;
}

test("unknown fields, wrong types and repeated names are refused with the nearest valid name", async () => {
  await refused(server.api("POST", "/api/accounts", { nmae: "x" }), 400, /nmae.*name/, "nmae");
  await refused(server.api("POST", "/api/accounts", '{"name":"a","name":"b"}'), 400, /name.*twice|duplicate|more than once|repeat/i);
  await refused(server.api("POST", "/api/accounts", '{"name":'), 400, /position|byte|column|line/i);
  await refused(server.api("POST", "/api/accounts", "[]"), 400, /object/);
  await refused(server.api("POST", "/api/accounts", { name: 5 }), 400, /name.*string/, "name");
  await refused(server.api("POST", "/api/accounts", { name: "" }), 400, /name/, "name");
  await refused(server.api("POST", "/api/accounts", { name: "a", kind: "tenat" }), 400, /tenant/, "kind");
  await refused(server.api("POST", "/api/accounts", { name: "a", multiplier: 1.2 }), 400, /string/, "multiplier");
  const { id } = await server.must("POST", "/api/accounts", { name: "strict" });
  const credit = (body) => server.api("POST", `/api/accounts/${id}/credit`, body);
  await refused(credit({ amount: 5, kind: "purchase", reference: "r" }), 400, /string/, "amount");
  await refused(credit({ amount: "1.0000000001", kind: "purchase", reference: "r" }), 400, /amount|decimal/, "amount");
  await refused(credit({ amount: "-5", kind: "purchase", reference: "r" }), 400, /amount/, "amount");
  await refused(credit({ amount: "0", kind: "purchase", reference: "r" }), 400, /amount/, "amount");
  await refused(credit({ amount: "5", kind: "gift", reference: "r" }), 400, /purchase/, "kind");
  await refused(credit({ amount: "5", kind: "purchase" }), 400, /reference/, "reference");
  await refused(server.api("POST", "/api/keys", { name: "k" }), 400, /account_id/, "account_id");
  await refused(server.api("POST", "/api/keys", { name: "k", account_id: "acc_999999" }), 400, /acc_999999/, "account_id");
  await refused(server.api("POST", "/api/keys", { name: "k", account_id: id, limits: { rmp: 1 } }), 400, /rpm/, "limits.rmp");
  await refused(server.api("POST", "/api/keys", { name: "k", account_id: id, caps: { day: "1x" } }), 400, /day/, "caps.day");
  await refused(server.api("POST", "/api/keys", { name: "k", account_id: id, allowed_ips: ["10.0.0.1/33"] }), 400, /10\.0\.0\.1\/33/, "allowed_ips");
  await refused(server.api("POST", "/api/keys", { name: "k", account_id: id, scopes: ["openai_chta"] }), 400, /openai_chat/, "scopes");
  await refused(server.api("POST", "/api/keys", { name: "k", account_id: id, expires_at: "tomorrow" }), 400, /expires_at/, "expires_at");
  await refused(server.api("GET", "/api/keys?limt=3"), 400, /limit/, "limt");
  await refused(server.api("GET", "/api/keys?limit=1001"), 400, /1000/, "limit");
  await refused(server.api("GET", "/api/keys?cursor=nonsense!"), 400, /cursor/, "cursor");
  await refused(server.api("GET", "/api/usage/records?outcome=sucess"), 400, /success/, "outcome");
});

test("what is not there is a 404, what may not be done so a 405 that names what may", async () => {
  await refused(server.api("GET", "/api/accounts/acc_999999"), 404, /acc_999999/);
  await refused(server.api("GET", "/api/keys/key_999999"), 404, /key_999999/);
  await refused(server.api("GET", "/api/usage/records/00000000-0000-7000-8000-000000000000"), 404, /record/);
  await refused(server.api("GET", "/api/nothing"), 404, /docs/);
  const answer = await server.api("PUT", "/api/accounts", {});
  assert.equal(answer.status, 405);
  assert.equal(answer.headers.get("allow"), "GET, POST");
});

test("accounts: made, changed, found, and null clears a field", async () => {
  const made = await server.api("POST", "/api/accounts", { name: "Ärzte GmbH", external_id: "crm-1", kind: "tenant", multiplier: "1.25", overdraft: "2" });
  assert.equal(made.status, 201);
  const { id, created_at, ...rest } = made.body;
  assert.deepEqual(rest, { name: "Ärzte GmbH", external_id: "crm-1", kind: "tenant", multiplier: "1.25", overdraft: "2", suspended: false, balance: "0", held: "0", credits: "0" });
  assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  await refused(server.api("POST", "/api/accounts", { name: "again", external_id: "crm-1" }), 409, /crm-1/);
  const changed = await server.must("PATCH", `/api/accounts/${id}`, { external_id: null, multiplier: "1" });
  assert.equal(changed.external_id, null);
  assert.equal(changed.name, "Ärzte GmbH");
  assert.deepEqual(await server.must("GET", `/api/accounts/${id}`), changed);
  const found = await server.must("GET", `/api/accounts?q=${encodeURIComponent("RZTE gmb")}`);
  assert.deepEqual(found.data.map((row) => row.id), [id]);
});

test("lists go newest first through cursors to their end, each row once", async () => {
  const { id } = await server.must("POST", "/api/accounts", { name: "pages" });
  const made = [];
  for (let i = 0; i < 7; i++) made.unshift((await server.must("POST", "/api/keys", { name: `page ${i}`, account_id: id })).id);
  const seen = [];
  for (let cursor = ""; ;) {
    const page = await server.must("GET", `/api/keys?account_id=${id}&limit=3${cursor}`);
    assert.ok(page.data.length <= 3);
    seen.push(...page.data.map((row) => row.id));
    if (page.next_cursor === null) break;
    cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
  }
  assert.deepEqual(seen, made);
});

test("keys: the text is shown once, patches keep the rest, deletion is for good", async () => {
  const { id: account_id } = await server.must("POST", "/api/accounts", { name: "keys" });
  const made = await server.api("POST", "/api/keys", { name: "k", account_id, scopes: ["openai_chat"], models: ["gpt-*", "m"], allowed_ips: ["127.0.0.0/8", "::1"], limits: { rpm: 5 }, caps: { day: "1.5" }, expires_at: "2099-01-01T00:00:00Z", tags: ["t"] });
  assert.equal(made.status, 201, made.text);
  const { key, ...shown } = made.body;
  assert.match(key, /^tg_[0-9A-Za-z]{49}$/);
  assert.equal(shown.prefix, key.slice(0, 8));
  assert.deepEqual([shown.limits, shown.caps, shown.spent, shown.enabled, shown.last_used_at],
    [{ rpm: 5, tpm: null, concurrency: null }, { day: "1.5", week: null, month: null, total: null }, { day: "0", week: "0", month: "0", total: "0" }, true, null]);
  assert.deepEqual(await server.must("GET", `/api/keys/${shown.id}`), shown);
  const changed = await server.must("PATCH", `/api/keys/${shown.id}`, { caps: { total: "9" }, limits: { tpm: 100 }, expires_at: null });
  assert.deepEqual(changed.caps, { day: "1.5", week: null, month: null, total: "9" });
  assert.deepEqual(changed.limits, { rpm: 5, tpm: 100, concurrency: null });
  assert.equal(changed.expires_at, null);
  assert.equal(changed.key, undefined);
  await refused(server.api("POST", `/api/keys/${shown.id}/reveal`), 403, /keys\.revealable/);
  assert.equal((await server.api("DELETE", `/api/keys/${shown.id}`)).status, 204);
  assert.ok((await server.must("GET", `/api/keys/${shown.id}`)).revoked_at);
});

test("a use of a key shows in last_used_at and spent at once", async () => {
  const customer = await server.customer();
  await chat(customer);
  const key = await server.must("GET", `/api/keys/${customer.keyId}`);
  assert.ok(Math.abs(Date.now() - Date.parse(key.last_used_at)) < 60_000);
  assert.deepEqual(key.spent, { day: "0.000014", week: "0.000014", month: "0.000014", total: "0.000014" });
});

test("import: fixed shapes for a new key, the same again, another's, and each way to be wrong", async () => {
  const post = (body) => server.api("POST", "/api/token/import", body);
  const body = { key: "sk-ntk_A1b2C3d4E5f6G7h8", external_user_id: "user_42", name: "phone", unlimited_quota: true };
  const first = await post(body);
  assert.equal(first.status, 200, first.text);
  assert.equal(first.body.success, true);
  assert.equal(first.body.data.created, true);
  assert.ok(Number.isInteger(first.body.data.token_id) && first.body.data.token_id <= 2 ** 31 - 1);
  const again = await post({ ...body, key: "ntk_A1b2C3d4E5f6G7h8" });
  assert.deepEqual(again.body, { success: true, data: { token_id: first.body.data.token_id, created: false } });
  const other = await post({ ...body, external_user_id: "user_43" });
  assert.equal(other.status, 409);
  for (const [key, rule] of [["short", /16 to 256/], ["x".repeat(300), /16 to 256/], ["has a space in it 0123", /ASCII/], ["umlaut-äöü-0123456789", /ASCII/]]) {
    const bad = await post({ ...body, key });
    assert.equal(bad.status, 422, bad.text);
    assert.match(bad.body.detail, rule);
  }
  await refused(post({ ...body, key: undefined }), 400, /key/);
  const account = (await server.must("GET", "/api/accounts?q=user_42")).data[0];
  const customer = { account: account.id, key: "ntk_A1b2C3d4E5f6G7h8" };
  assert.equal((await chat(customer)).status, 402, "an imported key's account needs credit");
  await server.must("POST", `/api/accounts/${account.id}/credit`, { amount: "1", kind: "bonus", reference: "w" });
  assert.equal((await chat(customer)).status, 200);
  assert.equal((await chat({ key: "sk-ntk_A1b2C3d4E5f6G7h8" })).status, 200, "with or without sk-");
});

test("an Idempotency-Key on a write answers the same again and does nothing twice", async () => {
  const headers = { "idempotency-key": "make-one" };
  const first = await server.api("POST", "/api/accounts", { name: "once" }, headers);
  const again = await server.api("POST", "/api/accounts", { name: "once" }, headers);
  assert.deepEqual([again.status, again.body], [201, first.body]);
  await refused(server.api("POST", "/api/accounts", { name: "twice" }, headers), 422, /Idempotency-Key/);
  assert.equal((await server.must("GET", "/api/accounts?q=once")).data.length, 1);
});

test("every write is audited with before and after, and without secrets", async () => {
  const { id: account_id } = await server.must("POST", "/api/accounts", { name: "audited" });
  const { id, key } = await server.must("POST", "/api/keys", { name: "before", account_id });
  await server.must("PATCH", `/api/keys/${id}`, { name: "after" });
  const rotated = await server.must("POST", `/api/keys/${id}/rotate`, {});
  await server.must("DELETE", `/api/keys/${id}`);
  const log = await server.must("GET", `/api/audit-logs?target=${id}`);
  assert.deepEqual(log.data.map((row) => row.action), ["key.revoke", "key.rotate", "key.update", "key.create"]);
  const update = log.data[2];
  assert.deepEqual([update.before.name, update.after.name, update.actor, update.client_ip], ["before", "after", "admin", "127.0.0.1"]);
  const text = JSON.stringify(log);
  assert.ok(!text.includes(key) && !text.includes(rotated.key));
});

test("service tokens may do what their scopes say, until they are revoked", async () => {
  const { token, id } = await server.must("POST", "/api/service-tokens", { name: "portal", scopes: ["billing:read", "keys:import"] });
  const as = (method, path, body) => server.api(method, path, body, { authorization: `Bearer ${token}` });
  assert.equal((await as("POST", "/api/token/import", { key: "XJP_0123456789abcdef", external_user_id: "x", name: "n", unlimited_quota: true })).status, 200);
  assert.equal((await as("POST", "/internal/billing/quote", { model: "m", usage: { input: 1 } })).status, 200);
  await refused(as("GET", "/api/accounts"), 403, /accounts:read/);
  await refused(as("POST", "/api/service-tokens", { name: "more", scopes: ["admin"] }), 403, /admin/);
  assert.deepEqual((await as("GET", "/api/auth/me")).body.scopes, ["billing:read", "keys:import"]);
  await refused(server.api("POST", "/api/service-tokens", { name: "x", scopes: ["biling:read"] }), 400, /billing:read/, "scopes");
  assert.equal((await server.api("DELETE", `/api/service-tokens/${id}`)).status, 204);
  await refused(as("GET", "/api/auth/me"), 401, /token/);
});

test("a customer's key is not a control token, nor the reverse", async () => {
  const customer = await server.customer();
  const as = (token, path) => server.api("GET", path, undefined, { authorization: `Bearer ${token}` });
  assert.equal((await as(customer.key, "/api/accounts")).status, 401);
  assert.equal((await as(customer.key, "/api/credits/balance")).status, 200);
  await refused(as(customer.key, "/api/credits/balance?account_id=acc_1"), 403, /own account/);
  assert.equal((await server.call(ADMIN_TOKEN, "/v1/models")).status, 401);
});

test("addresses that lead into private networks are refused when set by API, whatever way they are written", async () => {
  for (const base_url of ["http://127.0.0.1:1/v1", "http://localhost/v1", "http://10.1.2.3/v1", "http://169.254.169.254/v1", "http://[::1]/v1", "http://[::ffff:127.0.0.1]/v1", "http://0.0.0.0/v1", "http://192.168.1.1/v1", "http://metadata.google.internal/v1"])
    await refused(server.api("POST", "/api/providers", { name: "evil", kind: "openai_compatible", base_url, api_key: "x" }), 400, /private/, "base_url");
  for (const base_url of ["ftp://example.com/v1", "http://user:pw@example.com/v1", "not a url"]) {
    const answer = await server.api("POST", "/api/providers", { name: "evil", kind: "openai_compatible", base_url, api_key: "x" });
    assert.equal(answer.status, 400, `${base_url}: ${answer.text}`);
  }
});

test("a name that turns out to be a private address is not connected to", async () => {
  const port = new URL(upstream.origin).port, customer = await server.customer(), calls = upstream.calls.length;
  for (const [i, host] of ["2130706433", "0x7f.1", "127.1"].entries()) {
    const provider = await server.api("POST", "/api/providers", { name: `sly${i}`, kind: "openai_compatible", base_url: `http://${host}:${port}/v1`, api_key: "x" });
    if (provider.status === 400) continue; // seen through at once: as good
    const model = await server.must("POST", "/api/models", { name: `sly${i}`, targets: [{ provider: `sly${i}`, model: "x" }], price: { input: "1", output: "1" } });
    assert.equal((await chat(customer, { model: `sly${i}` })).status, 502);
    await server.must("DELETE", `/api/models/${model.id}`);
    await server.must("DELETE", `/api/providers/${provider.body.id}`);
  }
  assert.equal(upstream.calls.length, calls);
});

test("providers and models: file ones are read-only, API ones live, credentials never come out", async () => {
  const list = await server.must("GET", "/api/providers");
  const up = list.data.find((row) => row.name === "up");
  assert.deepEqual([up.source, up.has_api_key, up.api_key], ["file", true, undefined]);
  await refused(server.api("PATCH", `/api/providers/${up.id}`, { enabled: false }), 409, /configuration file/);
  const made = await server.must("POST", "/api/providers", { name: "outside", kind: "openai", api_key: "sk-api-made-credential" });
  assert.ok(!JSON.stringify(made).includes("sk-api-made"));
  await refused(server.api("POST", "/api/providers", { name: "outside", kind: "openai", api_key: "y" }), 409, /outside/);
  await refused(server.api("POST", "/api/providers", { name: "x", kind: "opnai" }), 400, /openai/, "kind");
  await refused(server.api("POST", "/api/models", { name: "new", targets: [{ provider: "outsid", model: "gpt-4o" }] }), 400, /outside/);
  await refused(server.api("POST", "/api/models", { name: "new", targets: [{ provider: "up", model: "x" }], price: { input: 3 } }), 400, /string/);
  await refused(server.api("POST", "/api/models", { name: "new", targets: [{ provider: "up", model: "x" }], price: { imput: "3" } }), 400, /input/);
  const model = await server.must("POST", "/api/models", { name: "new", targets: [{ provider: "up", model: "new-1" }], price: { input: "3", output: "15" } });
  assert.deepEqual(model.effective_price, { input: "3", output: "15" });
  const customer = await server.customer();
  assert.equal((await chat(customer, { model: "new" })).status, 200, "in force with the answer");
  assert.equal(upstream.last.json.model, "new-1");
  await server.must("PATCH", `/api/models/${model.id}`, { price: { input: "4", output: "15" } });
  const priced = await chat(customer, { model: "new" });
  assert.equal((await server.record(priced.id)).charge, "0.000091");
  await server.must("PATCH", `/api/models/${model.id}`, { enabled: false });
  assert.equal((await chat(customer, { model: "new" })).status, 404);
  await refused(server.api("DELETE", `/api/providers/${made.id}0`), 404, /provider/);
  assert.equal((await server.api("DELETE", `/api/models/${model.id}`)).status, 204);
  assert.equal((await server.api("DELETE", `/api/providers/${made.id}`)).status, 204);
});

test("prices are versions: set now or later, never changed afterwards", async () => {
  const model = await server.must("POST", "/api/models", { name: "versioned", targets: [{ provider: "up", model: "v" }], price: { input: "1", output: "1" } });
  const customer = await server.customer();
  const one = await server.record((await chat(customer, { model: "versioned" })).id);
  const set = await server.must("POST", "/api/prices", { model: "versioned", price: { input: "2", output: "2" } });
  const two = await server.record((await chat(customer, { model: "versioned" })).id);
  assert.equal(two.price_version, set.id);
  assert.notEqual(one.price_version, two.price_version);
  assert.deepEqual([one.charge, two.charge], ["0.000009", "0.000018"]);
  const later = new Date(Date.now() + 3_600_000).toISOString();
  await server.must("POST", "/api/prices", { model: "versioned", price: { input: "5", output: "5" }, effective_from: later });
  const three = await server.record((await chat(customer, { model: "versioned" })).id);
  assert.equal(three.charge, "0.000018", "a price of later is not charged now");
  await refused(server.api("POST", "/api/prices", { model: "versioned", price: { input: "5" }, effective_from: "2020-01-01T00:00:00Z" }), 400, /past/, "effective_from");
  assert.ok((await server.must("GET", "/api/prices?model=versioned")).data.length >= 2);
  assert.equal((await server.must("GET", `/api/prices/${one.price_version}`)).id, one.price_version);
  await server.must("DELETE", `/api/models/${model.id}`);
});

test("records can be filtered, summed, split and exported, and the figures agree", async () => {
  const customer = await server.customer({ key: { tags: ["blue"] } });
  await chat(customer, { user: "end-user-7" });
  await chat(customer, { stream: undefined });
  await server.call(customer.key, "/v1/chat/completions", { model: "none" });
  const records = await recordsOf(server, customer, 3);
  assert.equal(records.length, 3);
  assert.deepEqual(records.map((record) => record.outcome).sort(), ["refused", "success", "success"]);
  const first = records.find((record) => record.user === "end-user-7");
  assert.deepEqual(first.tags, ["blue"]);
  const count = async (filter) => (await server.must("GET", `/api/usage/records?account_id=${customer.account}&${filter}`)).data.length;
  assert.equal(await count("outcome=success"), 2);
  assert.equal(await count("status=404"), 1);
  assert.equal(await count("model=m"), 2);
  assert.equal(await count("provider=up"), 2);
  assert.equal(await count(`key_id=${customer.keyId}`), 3);
  assert.equal(await count("end=2020-01-01T00:00:00Z"), 0);
  const summary = await server.must("GET", `/api/usage/summary?account_id=${customer.account}`);
  assert.deepEqual([summary.requests, summary.errors, summary.input_tokens, summary.output_tokens, summary.charge], [3, 1, 8, 10, "0.000028"]);
  const days = await server.must("GET", `/api/usage/timeseries?granularity=hour&account_id=${customer.account}`);
  assert.equal(days.data.reduce((sum, row) => sum + row.requests, 0), 3);
  const outcomes = await server.must("GET", `/api/usage/breakdown?by=outcome&account_id=${customer.account}`);
  assert.deepEqual(outcomes.data.map((row) => [row.key, row.requests]).sort(), [["refused", 1], ["success", 2]]);
  const csv = await server.api("GET", `/api/usage/export.csv?account_id=${customer.account}`);
  assert.equal(csv.status, 200, csv.text);
  assert.match(csv.headers.get("content-type"), /^text\/csv/);
  const lines = csv.text.trim().split(/\r?\n/);
  assert.equal(lines.length, 4);
  assert.ok(lines[0].startsWith("request_id,time,account_id"));
});

test("a record has every field of the contract", async () => {
  const customer = await server.customer();
  const record = await server.record((await chat(customer)).id);
  const names = "request_id time account_id team_id user_id key_id key_name surface method path route model provider provider_model status outcome error_type streamed cached attempts latency_ms first_byte_ms upstream_ms overhead_us usage usage_source price price_version multiplier cost charge provider_reported_cost client_ip country user_agent request_bytes response_bytes tags user session".split(" ");
  assert.deepEqual(names.filter((name) => !(name in record)), []);
  assert.ok(record.latency_ms >= 0 && record.overhead_us > 0 && record.overhead_us < 1_000_000);
});

test("a record can be read within a second of its answer", async () => {
  const customer = await server.customer();
  const answer = await chat(customer);
  const began = performance.now();
  await server.record(answer.id);
  assert.ok(performance.now() - began < 1000);
});

test("openapi.json lists the endpoints that exist, and no other", async () => {
  const document = await server.must("GET", "/openapi.json");
  assert.equal(document.openapi, "3.1.0");
  let checked = 0;
  for (const [path, methods] of Object.entries(document.paths))
    for (const method of ["get", "post", "patch", "delete", "put"]) {
      const url = path.replaceAll(/\{[^}]+\}/g, "none");
      const response = await fetch(server.console + url, { method: method.toUpperCase(), headers: { authorization: "Bearer nobody" } });
      const text = await response.text();
      if (methods[method]) {
        assert.ok(response.status !== 405 && !/no such endpoint/.test(text), `${method} ${path}: ${response.status}`);
        checked++;
      } else {
        assert.equal(response.status, 405, `${method} ${path} is not in the document`);
      }
    }
  assert.ok(checked > 40);
  const docs = await fetch(`${server.console}/docs`);
  assert.equal(docs.status, 200);
  assert.match(docs.headers.get("content-type"), /^text\/html/);
  assert.match(await docs.text(), /\/api\/accounts/);
});

test("health, readiness and metrics answer on both listeners", async () => {
  const customer = await server.customer();
  await chat(customer);
  for (const origin of [server.gateway, server.console]) {
    const get = (path) => fetch(origin + path);
    assert.deepEqual(await (await get("/health")).json(), { status: "healthy" });
    const detailed = await (await get("/health/detailed")).json();
    assert.equal(detailed.status, "healthy", JSON.stringify(detailed));
    for (const part of ["database", "cloudflare_kv", "clerk", "redis", "clickhouse", "providers", "journal"]) assert.ok(detailed.checks[part].status, part);
    assert.equal(detailed.checks.redis.status, "disabled");
    assert.equal(detailed.checks.database.status, "healthy");
    assert.equal((await get("/ready")).status, 200);
    const metrics = await get("/metrics");
    assert.match(metrics.headers.get("content-type"), /^text\/plain; version=0\.0\.4/);
    const text = await metrics.text();
    const success = /^tollgate_requests_total\{[^}]*outcome="success"[^}]*\} (\d+)$/m.exec(text);
    assert.ok(Number(success[1]) >= 1, text.slice(0, 500));
    for (const line of text.trim().split("\n")) assert.match(line, /^(# (HELP|TYPE) \w+ .*|\w+(\{([a-z_]+="[^"]*",?)*\})? [-+0-9.eE]+(Inf|NaN)?)$/);
    const names = [...text.matchAll(/^# TYPE (\w+)/gm)].map((match) => match[1]);
    assert.equal(new Set(names).size, names.length, "each metric is declared once");
  }
});

test("answers of the console carry the headers that keep browsers safe", async () => {
  const { headers } = await fetch(`${server.console}/health`);
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.equal(headers.get("x-frame-options"), "DENY");
  assert.ok(headers.get("content-security-policy"));
  assert.equal(headers.get("cache-control"), "no-store");
});

test("neither logs nor anything in the data folder show a key, a token, a credential, a prompt or an answer", async () => {
  const customer = await server.customer();
  upstream.next((call) => call.events(delta(ANSWER), usageChunk(tokens(1, 1)), DONE));
  await chat(customer, { stream: true });
  upstream.next([401, { error: { message: `bad key ${CREDENTIAL}` } }]);
  await chat(customer);
  await server.call(customer.key, "/v1/chat/completions", `{"model":"m","messages":[{"content":"${PROMPT}"`);
  await server.call(`${customer.key.slice(0, -2)}zz`, "/v1/models");
  await chat(customer, { tools: "wrong" });
  const kept = await server.call(customer.key, "/v1/chat/completions", { model: "m", max_tokens: 10, messages: [{ role: "user", content: PROMPT }] }, { "idempotency-key": "keep", "x-tollgate-cache": "on" });
  assert.equal(kept.status, 200);
  await server.must("POST", "/api/providers", { name: "sealed", kind: "openai", api_key: "sk-sealed-in-the-store" });
  await server.api("POST", "/api/token/import", { key: "ntk_imported-secret-0123456789", external_user_id: "u", name: "n", unlimited_quota: true });
  await server.record(kept.id);
  await until(() => server.log.length > 0, "a log");
  const secrets = { ADMIN_TOKEN, MASTER, CREDENTIAL, PROMPT, ANSWER, key: customer.key, sealed: "sk-sealed-in-the-store", imported: "ntk_imported-secret-0123456789" };
  assert.match(server.log + server.output, /upstream attempt failed|provider refused/i);
  for (const [name, secret] of Object.entries(secrets)) assert.ok(!(server.log + server.output).includes(secret), `${name} in the log`);
  const files = readdirSync(server.data, { recursive: true }).map((name) => join(server.data, name)).filter((file) => statSync(file).isFile());
  assert.ok(files.length >= 3);
  for (const file of files) {
    const bytes = readFileSync(file);
    for (const [name, secret] of Object.entries(secrets))
      if (!(name === "ADMIN_TOKEN" && file.endsWith("server.json"))) assert.ok(!bytes.includes(secret), `${name} in ${file}`);
  }
});
