// Bad input and bad upstreams: a clear answer in the caller's dialect, and never a charge or a hold left behind.
import { after, before, beforeEach, test } from "node:test";
import assert from "node:assert/strict";
import { connect } from "node:net";
import { startTollgate, toml, until } from "./lib/tollgate.mjs";
import { OpenAI, openai, rejection } from "./lib/clients.mjs";
import { Books } from "./lib/money.mjs";
import { completion, delta, DONE, message, startUpstream, tokens, usageChunk } from "./lib/upstream.mjs";

const price = { input: "3", output: "15" };
let first, second, claude, server, customer, books;
const targets = (...providers) => providers.map((provider, i) => ({ provider, model: `at-${provider}`, priority: i + 1 }));

before(async () => {
  [first, second, claude] = [await startUpstream(), await startUpstream(), await startUpstream()];
  server = await startTollgate({
    config: toml({
      gateway: { max_body_bytes: 20_000 },
      timeouts: { connect_ms: 500, first_byte_ms: 300, idle_ms: 300, total_ms: 5000, deadline_ms: 3000 },
      routing: { attempts_max: 2, backoff_ms: 1, breaker_failures: 1_000_000, breaker_error_percent: 101 },
      provider: [
        { name: "first", kind: "openai_compatible", base_url: first.url, api_key: "sk-first" },
        { name: "second", kind: "openai_compatible", base_url: second.url, api_key: "sk-second" },
        { name: "claude", kind: "anthropic", base_url: claude.origin, api_key: "sk-claude" },
        { name: "nowhere", kind: "openai_compatible", base_url: "http://127.0.0.1:1/v1", api_key: "sk-x" },
      ],
      model: [
        { name: "one", targets: targets("first"), price },
        { name: "two", targets: targets("first", "second"), price },
        { name: "claude", targets: targets("claude"), price },
        { name: "unpriced", targets: targets("first") },
        { name: "dark", targets: targets("nowhere"), price },
      ],
    }),
  });
});
after(async () => {
  await server?.stop();
  for (const upstream of [first, second, claude]) await upstream?.stop();
});
beforeEach(async () => {
  customer = await server.customer({ credit: "1" });
  books = new Books(server, customer, "1");
});

const chat = (model, extra = {}) => ({ model, max_tokens: 10, messages: [{ role: "user", content: "hi" }], ...extra });
const anthropicHeaders = { "anthropic-version": "2023-06-01" };

/** Sends one body to both dialects and checks status, shape, ids, the record, and that nothing was taken. */
async function refused(body, { status, code, type, anthropicType, param, says, headers = {}, who = customer, upstreamCalls = 0, anthropicBody = body }) {
  const own = who === customer ? books : new Books(server, who, who.credit ?? "0");
  const before = first.calls.length + second.calls.length + claude.calls.length;
  const a = await server.call(who.key, "/v1/chat/completions", body, headers);
  assert.equal(a.status, status, a.text);
  assert.equal(a.headers.get("content-type"), "application/json");
  assert.deepEqual(Object.keys(a.body.error).sort(), ["code", "message", "param", "type"]);
  assert.equal(a.body.error.code, code);
  assert.equal(a.body.error.type, type);
  if (param !== undefined) assert.equal(a.body.error.param, param);
  if (says) assert.match(a.body.error.message, says);
  await own.nothing(a.id, { outcome: "refused", status, error_type: code, surface: "openai_chat" });
  const b = await server.call(who.key, "/v1/messages", anthropicBody, { ...anthropicHeaders, ...headers });
  assert.equal(b.status, status, b.text);
  assert.equal(b.body.type, "error");
  assert.equal(b.body.error.type, anthropicType);
  assert.equal(b.body.request_id, b.id);
  if (says) assert.match(b.body.error.message, says);
  await own.nothing(b.id, { outcome: "refused", status, error_type: code, surface: "anthropic_messages" });
  assert.equal(first.calls.length + second.calls.length + claude.calls.length - before, upstreamCalls);
  return [a, b];
}

test("malformed JSON is a 400 that names the place", async () => {
  for (const [body, place] of [
    ['{"model":"one",\n "messages":[}', /line 2.*column 14|byte 29|position 29/i],
    ['{"model":"one"', /line 1/i],
    ["", /empty|JSON/i],
    ["[1]", /object/i],
    ['{"model":"one"} x', /line 1|after|behind/i],
    ['{"model":"one","a":"\u0001"}', /line 1/i],
    ['{"model":"one","model":"two"}', /twice|more than once|duplicate/i],
  ]) {
    const answer = await server.call(customer.key, "/v1/chat/completions", body);
    assert.equal(answer.status, 400, `${body}: ${answer.text}`);
    assert.match(answer.body.error.message, place);
    await books.nothing(answer.id, { outcome: "refused", status: 400 });
  }
  await refused("{nope", { status: 400, code: "malformed_json", type: "invalid_request_error", anthropicType: "invalid_request_error" });
});

test("a missing or empty model is a 400 that names the field", async () => {
  for (const body of [{ messages: [] }, { model: "", messages: [] }, { model: 7, messages: [] }, { model: null, messages: [] }])
    await refused(body, { status: 400, code: "invalid_request", type: "invalid_request_error", anthropicType: "invalid_request_error", param: "model", says: /model/ });
});

test("values out of range are a 400 that names the field", async () => {
  for (const [extra, param] of [[{ max_tokens: -1 }, "max_tokens"], [{ max_tokens: 1.5 }, "max_tokens"], [{ max_tokens: "many" }, "max_tokens"], [{ stream: "yes" }, "stream"], [{ n: 0 }, "n"], [{ n: -3 }, "n"]]) {
    const answer = await server.call(customer.key, "/v1/chat/completions", chat("one", extra));
    assert.equal(answer.status, 400, `${JSON.stringify(extra)}: ${answer.text}`);
    assert.equal(answer.body.error.param, param);
  }
  await books.untouched();
});

test("fields that change what the provider charges are a 400 that names them", async () => {
  for (const [extra, field] of [[{ service_tier: "priority" }, "service_tier"], [{ models: ["a", "b"] }, "models"], [{ plugins: [{ id: "web" }] }, "plugins"], [{ provider: { order: ["x"] } }, "provider"], [{ web_search_options: {} }, "web_search_options"]]) {
    const answer = await server.call(customer.key, "/v1/chat/completions", chat("one", extra));
    assert.equal(answer.status, 400, `${field}: ${answer.text}`);
    assert.equal(answer.body.error.param, field);
    assert.match(answer.body.error.message, new RegExp(field));
  }
  first.next([200, completion("x", tokens(1, 1))]);
  assert.equal((await server.call(customer.key, "/v1/chat/completions", chat("one", { service_tier: "auto" }))).status, 200);
});

test("an unknown model is a 404 that names it", () =>
  refused(chat("gpt-9-ultra"), { status: 404, code: "not_found", type: "invalid_request_error", anthropicType: "not_found_error", param: "model", says: /gpt-9-ultra/ }));

test("a model without a price is a 403, not free", () =>
  server.call(customer.key, "/v1/chat/completions", chat("unpriced")).then(async (answer) => {
    assert.equal(answer.status, 403, answer.text);
    assert.equal(answer.body.error.code, "model_price_unset");
    await books.nothing(answer.id, { outcome: "refused", status: 403, error_type: "model_price_unset" });
  }));

test("a body over the limit is a 413, announced or not, and never read to its end", async () => {
  const [a] = await refused(chat("one", { padding: "x".repeat(30_000) }), { status: 413, code: "payload_too_large", type: "invalid_request_error", anthropicType: "request_too_large", says: /20.?000|bytes/ });
  assert.ok(a.id);
  const { hostname, port } = new URL(server.gateway);
  const socket = connect(Number(port), hostname);
  let text = "";
  socket.on("data", (data) => (text += data));
  socket.on("error", () => {});
  socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${customer.key}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`);
  for (let i = 0; i < 3; i++) socket.write(`2000\r\n${" ".repeat(0x2000)}\r\n`);
  await until(() => text.includes("\r\n\r\n"), "the answer to an endless body");
  assert.match(text, /^HTTP\/1\.1 413 /);
  socket.destroy();
});

test("without credit every call is a 402 that says so in the caller's dialect", async () => {
  const poor = await server.customer({ credit: "0" });
  await refused(chat("one"), { who: poor, anthropicBody: chat("claude"), status: 402, code: "insufficient_credits", type: "insufficient_quota", anthropicType: "billing_error" });
  const error = await rejection(openai(server, poor.key).chat.completions.create(chat("one")));
  assert.equal(error.code, "insufficient_credits");
});

test("a wrong, revoked, disabled or expired key is a 401; a missing one too", async () => {
  const revoked = await server.customer({ credit: "1" });
  await server.must("DELETE", `/api/keys/${revoked.keyId}`);
  const disabled = await server.customer({ key: { enabled: false } });
  const expired = await server.customer({ key: { expires_at: "2020-01-01T00:00:00Z" } });
  const broken = `${customer.key.slice(0, -1)}${customer.key.endsWith("A") ? "B" : "A"}`;
  for (const key of [undefined, "short", "sk-some-other-key-0123456789", broken, revoked.key, disabled.key, expired.key]) {
    const a = await server.call(key, "/v1/chat/completions", chat("one"));
    assert.equal(a.status, 401, `${key}: ${a.text}`);
    assert.equal(a.body.error.code, "invalid_api_key");
    assert.equal(a.body.error.type, "authentication_error");
    assert.ok(a.id);
    const b = await server.call(key, "/v1/messages", chat("one"), anthropicHeaders);
    assert.equal(b.status, 401);
    assert.equal(b.body.error.type, "authentication_error");
  }
  const error = await rejection(openai(server, broken).chat.completions.create(chat("one")));
  assert.ok(error instanceof OpenAI.AuthenticationError);
});

test("a key is found in every place a vendor's SDK puts it", async () => {
  first.always([200, completion("x", tokens(1, 1))]);
  for (const headers of [{ authorization: `bearer ${customer.key}` }, { "x-api-key": customer.key }, { "api-key": customer.key }, { authorization: `Bearer sk-${customer.key}` }])
    assert.equal((await server.call(undefined, "/v1/chat/completions", chat("one"), headers)).status, 200, JSON.stringify(headers));
});

test("an address, model or surface outside the key's limits is a 403 that says which", async () => {
  for (const [key, says] of [[{ allowed_ips: ["10.0.0.0/8", "2001:db8::/32"] }, /127\.0\.0\.1/], [{ models: ["gpt-*"] }, /'one'/]]) {
    const narrow = await server.customer({ credit: "1", key });
    const answer = await server.call(narrow.key, "/v1/chat/completions", chat("one"));
    assert.equal(answer.status, 403, answer.text);
    assert.equal(answer.body.error.code, "forbidden");
    assert.match(answer.body.error.message, says);
  }
  const scoped = await server.customer({ credit: "1", key: { scopes: ["openai_chat"] } });
  first.next([200, completion("x", tokens(1, 1))]);
  assert.equal((await server.call(scoped.key, "/v1/chat/completions", chat("one"))).status, 200);
  const answer = await server.call(scoped.key, "/v1/messages", chat("one"), anthropicHeaders);
  assert.equal(answer.status, 403);
  assert.equal(answer.body.error.type, "permission_error");
  const wide = await server.customer({ credit: "1", key: { allowed_ips: ["127.0.0.0/8"] } });
  first.next([200, completion("x", tokens(1, 1))]);
  assert.equal((await server.call(wide.key, "/v1/chat/completions", chat("one"))).status, 200);
});

test("a suspended account is refused, and works again when it is not", async () => {
  await server.must("PATCH", `/api/accounts/${customer.account}`, { suspended: true });
  assert.equal((await server.call(customer.key, "/v1/chat/completions", chat("one"))).status, 403);
  await server.must("PATCH", `/api/accounts/${customer.account}`, { suspended: false });
  first.next([200, completion("x", tokens(1, 1))]);
  assert.equal((await server.call(customer.key, "/v1/chat/completions", chat("one"))).status, 200);
});

test("an unknown path is a 404, a wrong method a 405, both in the dialect", async () => {
  const a = await server.call(customer.key, "/v1/nothing/here", {});
  assert.equal(a.status, 404);
  assert.equal(a.body.error.code, "not_found");
  const b = await server.call(customer.key, "/v1/chat/completions");
  assert.equal(b.status, 405);
  const c = await server.call(customer.key, "/v1/messages");
  assert.equal(c.status, 405);
  assert.equal(c.body.type, "error");
});

test("a provider's refusal of its credential is our fault: 502 upstream_auth, without a word about the credential", async () => {
  for (const status of [401, 402, 403]) {
    first.next([status, { error: { message: "Incorrect API key provided: sk-first", code: "invalid_api_key" } }]);
    const answer = await server.call(customer.key, "/v1/chat/completions", chat("one"));
    assert.equal(answer.status, 502, answer.text);
    assert.equal(answer.body.error.code, "upstream_auth");
    assert.ok(!answer.text.includes("sk-first"));
    await books.nothing(answer.id, { outcome: "upstream_error", status: 502, error_type: "upstream_auth" });
  }
});

test("400, 404, 413 and 422 of the provider are relayed byte for byte", async () => {
  for (const status of [400, 404, 413, 422]) {
    const body = `{ "error": {"message":"provider says ${status}", "type":"theirs", "param":null,"code":null,"more":1.0 } }\n`;
    first.next([status, body, { "content-type": "application/json; charset=utf-8" }]);
    const answer = await server.call(customer.key, "/v1/chat/completions", chat("two"));
    assert.equal(answer.status, status);
    assert.equal(answer.text, body);
    await books.nothing(answer.id, { outcome: "upstream_error", status, attempts: 1 });
  }
});

test("a relayed refusal of a stream comes as a plain answer", async () => {
  first.next([400, { error: { message: "no" } }]);
  const answer = await server.call(customer.key, "/v1/chat/completions", chat("one", { stream: true }));
  assert.equal(answer.status, 400);
  assert.deepEqual(answer.body, { error: { message: "no" } });
  await books.nothing(answer.id, { outcome: "upstream_error", status: 400 });
});

test("429 of the last target stays 429, with its retry-after", async () => {
  first.next([429, { error: { message: "slow" } }, { "retry-after": "7" }]);
  second.next([429, { error: { message: "slow" } }, { "retry-after": "9" }]);
  const answer = await server.call(customer.key, "/v1/chat/completions", chat("two"));
  assert.equal(answer.status, 429, answer.text);
  assert.equal(answer.headers.get("retry-after"), "9");
  assert.equal(answer.body.error.type, "rate_limit_error");
  await books.nothing(answer.id, { outcome: "upstream_error", status: 429, attempts: 2 });
});

test("when the first target fails the second serves, and is charged", async () => {
  first.always([500, "boom"]); // a reset on a connection that was used before is tried once more on a fresh one
  for (const script of [[500, "boom"], [503, { error: {} }], [408, ""], [409, ""], [401, ""], (call) => call.reset(), (call) => call.raw("HTTP/1.1 banana\r\n\r\n"), (call) => call.raw("")]) {
    first.next(script);
    second.next([200, completion("from the second", tokens(4, 3))]);
    const answer = await server.call(customer.key, "/v1/chat/completions", chat("two"));
    assert.equal(answer.status, 200, answer.text);
    assert.equal(second.last.json.model, "at-second");
    await books.paid(answer.id, { price, usage: { input: 4, output: 3 }, headers: answer.headers, attempts: 2, provider: "second" });
  }
});

test("a stream that fails before its first byte moves on to the second target", async () => {
  first.always([500, "boom"]);
  for (const script of [[500, "boom"], async (call) => { call.stream(); await call.send(""); call.reset(); }]) {
    first.next(script);
    second.next((call) => call.events(delta("ok", "stop"), usageChunk(tokens(4, 1)), DONE));
    const answer = await server.call(customer.key, "/v1/chat/completions", chat("two", { stream: true }));
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.text, /"ok"/);
    await books.paid(answer.id, { price, usage: { input: 4, output: 1 }, provider: "second", attempts: 2 });
  }
});

test("when every target fails it is a 502; when none can be reached too", async () => {
  first.next([500, "boom"]);
  second.next([500, "boom"]);
  const answer = await server.call(customer.key, "/v1/chat/completions", chat("two"));
  assert.equal(answer.status, 502, answer.text);
  assert.equal(answer.body.error.code, "upstream_failed");
  assert.ok(!answer.text.includes("boom"));
  await books.nothing(answer.id, { outcome: "upstream_error", status: 502, error_type: "upstream_failed", attempts: 2 });
  const dark = await server.call(customer.key, "/v1/chat/completions", chat("dark"));
  assert.equal(dark.status, 502);
  await books.nothing(dark.id, { outcome: "upstream_error", status: 502 });
});

test("a provider that does not answer in time is a 504", async () => {
  for (const upstream of [first, first]) upstream.next(() => new Promise(() => {}));
  const answer = await server.call(customer.key, "/v1/chat/completions", chat("one"));
  assert.equal(answer.status, 504, answer.text);
  assert.equal(answer.body.error.code, "upstream_timeout");
  await books.nothing(answer.id, { outcome: "upstream_error", status: 504, error_type: "upstream_timeout" });
});

test("an answer that breaks off in the middle of its body is a 502 and free", async () => {
  first.next((call) => call.raw('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"id":"half'));
  const answer = await server.call(customer.key, "/v1/chat/completions", chat("one"));
  assert.equal(answer.status, 502, answer.text);
  await books.nothing(answer.id, { outcome: "upstream_error", status: 502 });
});

test("Anthropic callers get the upstream's troubles in their own shape", async () => {
  claude.next([401, { type: "error", error: { type: "authentication_error", message: "invalid x-api-key sk-claude" } }]);
  const auth = await server.call(customer.key, "/v1/messages", chat("claude"), anthropicHeaders);
  assert.equal(auth.status, 502);
  assert.equal(auth.body.error.type, "api_error");
  for (const script of [[529, ""], [529, ""]]) claude.next(script);
  const busy = await server.call(customer.key, "/v1/messages", chat("claude"), anthropicHeaders);
  assert.equal(busy.status, 502, busy.text);
  assert.equal(busy.body.type, "error");
  await books.untouched();
  claude.next([200, message("fine", { input_tokens: 2, output_tokens: 1 })]);
  const fine = await server.call(customer.key, "/v1/messages", chat("claude"), anthropicHeaders);
  await books.paid(fine.id, { price, usage: { input: 2, output: 1 }, headers: fine.headers });
});

test("requests that could be read in two ways are refused and the connection closed", async () => {
  const { hostname, port } = new URL(server.gateway);
  const auth = `host: x\r\nauthorization: Bearer ${customer.key}\r\n`;
  for (const head of [
    `POST /v1/chat/completions HTTP/1.1\r\n${auth}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    `POST /v1/chat/completions HTTP/1.1\r\n${auth}content-length: 5\r\ncontent-length: 6\r\n\r\nhello!`,
    `POST /v1/chat/completions HTTP/1.1\r\n${auth}transfer-encoding : chunked\r\n\r\n0\r\n\r\n`,
    `POST /v1/chat/completions HTTP/1.1\r\n${auth}x: a\nb: c\r\n\r\n`,
    `POST /v1/chat/completions HTTP/1.1\r\n${auth}content-length: +5\r\n\r\nhello`,
  ]) {
    const socket = connect(Number(port), hostname);
    let text = "";
    socket.on("data", (data) => (text += data));
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.write(head);
    await closed;
    assert.match(text, /^HTTP\/1\.1 400 /, head);
    assert.equal(text.match(/HTTP\/1\.1/g).length, 1, "one answer only");
  }
  assert.equal(first.failures.length, 0);
  await books.untouched();
});
