// What a hostile caller or a lying provider must not achieve: stop the gateway, spend what is not there, pass a key's
// address list, or be billed for nothing.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { nanos, startTollgate, toml } from "./lib/tollgate.mjs";
import { Books, usd } from "./lib/money.mjs";
import { completion, delta, event, named, message, signal, startUpstream, tokens, usageChunk, DONE } from "./lib/upstream.mjs";

const price = { input: "1", output: "100" };
let upstream, server;

before(async () => {
  upstream = await startUpstream();
  server = await startTollgate({
    config: toml({
      trusted_proxies: ["127.0.0.1"],
      provider: [
        { name: "up", kind: "openai_compatible", base_url: upstream.url, api_key: "sk-up" },
        { name: "claude-up", kind: "anthropic", base_url: upstream.url.replace(/\/v1$/, ""), api_key: "sk-up" },
      ],
      model: [
        { name: "m", targets: [{ provider: "up", model: "m-1" }], price },
        { name: "claude", targets: [{ provider: "claude-up", model: "claude-1" }], price },
      ],
      cache: { charge: "0.5" },
      timeouts: { drain_max_ms: 5000 },
    }),
  });
});
after(async () => {
  await server?.stop();
  await upstream?.stop();
});

const chat = (extra = {}) => ({ model: "m", max_tokens: 100, messages: [{ role: "user", content: "hi" }], ...extra });
const post = (key, body, headers = {}, path = "/v1/chat/completions", abort) => fetch(server.gateway + path, {
  method: "POST", signal: abort, headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers }, body: JSON.stringify(body),
});
async function payer(credit, options = {}) {
  const customer = await server.customer({ credit, ...options });
  return { ...customer, books: new Books(server, customer, credit) };
}
const recordOf = async (response) => {
  await response.text().catch(() => undefined);
  return server.record(response.headers.get("x-request-id"));
};

test("a cached answer without the credit for it is a 402, and everybody else is still served", async () => {
  upstream.always([200, completion("x", tokens(10, 100))]);
  const poor = await payer("0.0151"); // one answer costs 0.01001, a hit half of it
  const body = chat({ max_tokens: 100 });
  const first = await post(poor.key, body, { "x-tollgate-cache": "on" });
  assert.deepEqual([first.status, first.headers.get("x-tollgate-cache")], [200, "miss"]);
  await first.text();
  const hit = await post(poor.key, body, { "x-tollgate-cache": "on" });
  assert.deepEqual([hit.status, hit.headers.get("x-tollgate-cache"), hit.headers.get("x-tollgate-cost")], [200, "hit", "0.005005"]);
  await hit.text();
  const refused = await post(poor.key, body, { "x-tollgate-cache": "on" });
  assert.equal(refused.status, 402);
  const record = await recordOf(refused);
  assert.deepEqual([record.outcome, record.charge], ["refused", "0"]);
  const other = await payer("1");
  assert.equal((await post(other.key, body)).status, 200);
  poor.books.balance -= nanos("0.01001") + nanos("0.005005");
  assert.equal((await poor.books.settled()).balance, usd(poor.books.balance));
});

test("a provider that fails before its first token is not paid for", async () => {
  const overloaded = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
  const start = named({ type: "message_start", message: { ...message("", { input_tokens: 22, output_tokens: 1 }), content: [], stop_reason: null } });
  const cases = [
    ["an error as the first event", chat({ stream: true }), "/v1/chat/completions", (call) => call.events(event({ error: { message: "overloaded", type: "server_error" } }))],
    ["an Anthropic error event", { ...chat({ stream: true }), model: "claude" }, "/v1/messages", (call) => call.events(start, named(overloaded))],
    ["an error in a 200", chat(), "/v1/chat/completions", [200, { error: { message: "overloaded", type: "server_error" } }]],
    ["an empty stream", chat({ stream: true }), "/v1/chat/completions", (call) => call.events("")],
    ["a role and nothing else", chat({ stream: true }), "/v1/chat/completions", (call) => call.events(event({ id: "c", object: "chat.completion.chunk", choices: [{ index: 0, delta: { role: "assistant" }, finish_reason: null }] }))],
  ];
  const customer = await payer("1");
  for (const [how, body, path, script] of cases) {
    upstream.next(script);
    const record = await recordOf(await post(customer.key, body, path === "/v1/messages" ? { "anthropic-version": "2023-06-01" } : {}, path));
    assert.deepEqual([record.outcome, record.charge], ["upstream_error", "0"], how);
  }
  assert.equal((await customer.books.settled()).balance, "1");
});

test("who opens streams and leaves cannot make an account owe what it never had", async () => {
  const customer = await payer("0.7");
  const left = signal();
  upstream.next(async (call) => {
    call.stream();
    await call.send(delta("first"));
    await left.promise;
    for (let i = 0; i < 400 && !call.socket.destroyed; i++) {
      await call.send(Array.from({ length: 40 }, (_, n) => delta(` word${n}`)).join(""));
      await new Promise((next) => setImmediate(next));
    }
    if (!call.socket.destroyed) {
      await call.send(usageChunk(tokens(10, 120_000)) + DONE);
      call.end();
    }
  });
  const leave = new AbortController();
  const response = await post(customer.key, chat({ stream: true, max_tokens: 150_000 }), {}, undefined, leave.signal);
  const reader = response.body.getReader();
  await reader.read();
  leave.abort();
  await reader.closed.catch(() => undefined);
  left.resolve();
  const record = await server.record(response.headers.get("x-request-id"));
  assert.equal(record.outcome, "client_closed");
  const account = await customer.books.settled();
  assert.ok(nanos(account.balance) >= -512n * 100_000n, `balance ${account.balance}: one step of output at most is owed`);
});

test("a provider's absurd figures are not billed", async () => {
  const customer = await payer("1");
  for (const usage of [tokens(1e12, 5), tokens(10, 1e12), tokens(1e18, 1e18)]) {
    upstream.next([200, completion("a short answer", usage)]);
    const record = await recordOf(await post(customer.key, chat()));
    assert.equal(record.outcome, "success");
    assert.equal(record.usage_source, "estimated");
    assert.ok(nanos(record.charge) < nanos("0.01"), record.charge);
    customer.books.balance -= nanos(record.charge);
  }
  assert.equal((await customer.books.settled()).balance, usd(customer.books.balance));
});

test("a caller cannot put itself on a key's address list with a forwarded header of its own", async () => {
  upstream.always([200, completion("x", tokens(10, 1))]);
  const customer = await payer("1", { key: { allowed_ips: ["10.9.9.9"] } });
  const { request } = await import("node:http");
  const status = (lines) => new Promise((done, failed) => {
    const body = JSON.stringify(chat());
    const call = request(server.gateway + "/v1/chat/completions", {
      method: "POST", headers: { authorization: `Bearer ${customer.key}`, "content-length": Buffer.byteLength(body), "x-forwarded-for": lines },
    }, (answer) => { answer.resume(); done(answer.statusCode); });
    call.on("error", failed);
    call.end(body);
  });
  assert.equal(await status(["10.9.9.9"]), 200);
  assert.equal(await status(["10.9.9.9, 203.0.113.7"]), 403);
  assert.equal(await status(["10.9.9.9", "203.0.113.7"]), 403);
});
