// Rates, concurrency, caps, revocation and rotation of keys.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { startTollgate, toml, until } from "./lib/tollgate.mjs";
import { OpenAI, openai, rejection } from "./lib/clients.mjs";
import { Books } from "./lib/money.mjs";
import { completion, delta, DONE, signal, startUpstream, tokens, usageChunk } from "./lib/upstream.mjs";

const price = { input: "0", output: "1000" }; // a tenth of a cent a token: caps are reached soon
let upstream, server;

before(async () => {
  upstream = await startUpstream();
  server = await startTollgate({
    config: toml({
      provider: [
        { name: "up", kind: "openai_compatible", base_url: upstream.url, api_key: "sk-up" },
        { name: "claude", kind: "anthropic", base_url: upstream.origin, api_key: "sk-claude" },
      ],
      model: [
        { name: "m", targets: [{ provider: "up", model: "m-1" }], price },
        { name: "narrow", targets: [{ provider: "up", model: "m-1" }], price, limits: { rpm: 2 } },
        { name: "claude", targets: [{ provider: "claude", model: "c-1" }], price },
      ],
    }),
  });
});
after(async () => {
  await server?.stop();
  await upstream?.stop();
});

const chat = (extra = {}) => ({ model: "m", max_tokens: 10, messages: [{ role: "user", content: "hi" }], ...extra });
const ask = (customer, extra, headers) => server.call(customer.key, "/v1/chat/completions", chat(extra), headers);
const answerWith = (output) => upstream.always([200, completion("x", tokens(5, output))]);

test("requests per minute: headers count down, the next is a 429 with retry-after, and is not charged", async () => {
  answerWith(1);
  const customer = await server.customer({ key: { limits: { rpm: 3 } } });
  for (const left of ["2", "1", "0"]) {
    const answer = await ask(customer);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers.get("x-ratelimit-limit-requests"), "3");
    assert.equal(answer.headers.get("x-ratelimit-remaining-requests"), left);
    assert.match(answer.headers.get("x-ratelimit-reset-requests"), /^(\d+m)?\d+(\.\d+)?(ms|s)$/);
  }
  const calls = upstream.calls.length;
  const refused = await ask(customer);
  assert.equal(refused.status, 429);
  assert.equal(refused.body.error.code, "rate_limited");
  assert.match(refused.body.error.message, /3 requests per minute/);
  const wait = Number(refused.headers.get("retry-after"));
  assert.ok(Number.isInteger(wait) && wait >= 1 && wait <= 20, `retry-after ${wait}`);
  assert.equal(upstream.calls.length, calls);
  const record = await server.record(refused.id);
  assert.equal(record.outcome, "refused");
  assert.equal(record.charge, "0");
  const error = await rejection(openai(server, customer.key).chat.completions.create(chat()));
  assert.ok(error instanceof OpenAI.RateLimitError);
  const anthropic = await server.call(customer.key, "/v1/messages", chat({ model: "claude" }), { "anthropic-version": "2023-06-01" });
  assert.equal(anthropic.status, 429);
  assert.equal(anthropic.body.error.type, "rate_limit_error");
});

test("another key of the same account has a rate of its own", async () => {
  answerWith(1);
  const customer = await server.customer({ key: { limits: { rpm: 1 } } });
  assert.equal((await ask(customer)).status, 200);
  assert.equal((await ask(customer)).status, 429);
  const other = await server.must("POST", "/api/keys", { name: "other", account_id: customer.account, limits: { rpm: 1 } });
  assert.equal((await ask({ key: other.key })).status, 200);
});

test("tokens per minute: debited by the estimate, corrected by what was used", async () => {
  answerWith(300);
  const customer = await server.customer({ key: { limits: { tpm: 1000 } } });
  const first = await ask(customer, { max_tokens: 400 });
  assert.equal(first.status, 200, first.text);
  assert.equal(first.headers.get("x-ratelimit-limit-tokens"), "1000");
  // 305 were used: two more such calls of an estimate of about 400 fit one after the other, a third does not.
  assert.equal((await ask(customer, { max_tokens: 400 })).status, 200);
  const third = await ask(customer, { max_tokens: 400 });
  assert.equal(third.status, 429);
  assert.match(third.body.error.message, /1000 tokens per minute/);
  assert.ok(Number(third.headers.get("retry-after")) >= 1);
  const never = await ask(await server.customer({ key: { limits: { tpm: 100 } } }), { max_tokens: 400 });
  assert.equal(never.status, 429);
  assert.match(never.body.error.message, /whole limit of 100/);
});

test("requests at once: the second waits outside until the first has ended", async () => {
  const customer = await server.customer({ key: { limits: { concurrency: 1 } } });
  const go = signal(), here = signal();
  upstream.next(async (call) => {
    here.resolve();
    await go.promise;
    call.reply(200, completion("slow", tokens(1, 1)));
  });
  const slow = ask(customer);
  await here.promise;
  const refused = await ask(customer);
  assert.equal(refused.status, 429);
  assert.match(refused.body.error.message, /1 in flight/);
  go.resolve();
  assert.equal((await slow).status, 200);
  answerWith(1);
  assert.equal((await ask(customer)).status, 200);
});

test("a place is given back when the caller hangs up, too", async () => {
  const customer = await server.customer({ key: { limits: { concurrency: 1 } } });
  const here = signal(), go = signal();
  upstream.next(async (call) => {
    call.stream();
    await call.send(delta("one"));
    here.resolve();
    await go.promise;
    call.end(delta(null, "stop") + usageChunk(tokens(5, 1)) + DONE);
  });
  const abort = new AbortController();
  const response = await fetch(`${server.gateway}/v1/chat/completions`, {
    method: "POST", signal: abort.signal, headers: { authorization: `Bearer ${customer.key}`, "content-type": "application/json" }, body: JSON.stringify(chat({ stream: true })),
  });
  await response.body.getReader().read();
  await here.promise;
  abort.abort();
  go.resolve();
  answerWith(1);
  await until(async () => (await ask(customer)).status === 200, "the place to be free");
});

test("a model's own rate holds for all callers together", async () => {
  answerWith(1);
  const [a, b] = [await server.customer(), await server.customer()];
  assert.equal((await ask(a, { model: "narrow" })).status, 200);
  assert.equal((await ask(b, { model: "narrow" })).status, 200);
  const refused = await ask(a, { model: "narrow" });
  assert.equal(refused.status, 429);
  assert.match(refused.body.error.message, /model/);
});

test("a cap for the day and one for ever are 402s once the next call does not fit", async () => {
  for (const [window, caps] of [["day", { day: "0.02" }], ["total", { total: "0.02" }]]) {
    answerWith(8);
    const customer = await server.customer({ credit: "1", key: { caps } });
    const books = new Books(server, customer, "1");
    const one = await ask(customer); // holds 0.01, charges 0.008
    await books.paid(one.id, { price, usage: { input: 5, output: 8 }, headers: one.headers });
    const two = await ask(customer);
    await books.paid(two.id, { price, usage: { input: 5, output: 8 }, headers: two.headers });
    const three = await ask(customer); // 0.016 spent: 0.004 are left, 0.01 are needed
    assert.equal(three.status, 402, three.text);
    assert.equal(three.body.error.code, "spending_cap_exceeded");
    await books.nothing(three.id, { outcome: "refused", status: 402, error_type: "spending_cap_exceeded" });
    const four = await ask(customer, { max_tokens: 4 });
    assert.equal(four.status, 200, four.text);
    const key = await server.must("GET", `/api/keys/${customer.keyId}`);
    assert.equal(key.spent[window], "0.024"); // the provider answered with more than it was asked for
    await server.must("PATCH", `/api/keys/${customer.keyId}`, { caps: { [window]: "1" } });
    assert.equal((await ask(customer)).status, 200, "a raised cap is in force at once");
  }
});

test("a revoked key is refused at once, also on a connection that is already open", async () => {
  answerWith(1);
  const customer = await server.customer();
  const client = openai(server, customer.key);
  await client.chat.completions.create(chat());
  await server.must("DELETE", `/api/keys/${customer.keyId}`);
  const error = await rejection(client.chat.completions.create(chat()));
  assert.equal(error.status, 401);
  const again = await server.api("PATCH", `/api/keys/${customer.keyId}`, { enabled: true });
  assert.equal(again.status, 409);
});

test("a disabled key can be enabled again", async () => {
  answerWith(1);
  const customer = await server.customer();
  await server.must("PATCH", `/api/keys/${customer.keyId}`, { enabled: false });
  assert.equal((await ask(customer)).status, 401);
  await server.must("PATCH", `/api/keys/${customer.keyId}`, { enabled: true });
  assert.equal((await ask(customer)).status, 200);
});

test("rotation: the new key works at once, the old one for as long as it is given grace", async () => {
  answerWith(1);
  const customer = await server.customer();
  const graced = await server.must("POST", `/api/keys/${customer.keyId}/rotate`, { grace_seconds: 3600 });
  assert.equal(graced.id, customer.keyId);
  assert.notEqual(graced.key, customer.key);
  assert.equal((await ask({ key: graced.key })).status, 200);
  assert.equal((await ask({ key: customer.key })).status, 200);
  const hard = await server.must("POST", `/api/keys/${customer.keyId}/rotate`, {});
  assert.equal((await ask({ key: hard.key })).status, 200);
  assert.equal((await ask({ key: graced.key })).status, 401);
  assert.equal((await ask({ key: customer.key })).status, 401);
  const short = await server.must("POST", `/api/keys/${customer.keyId}/rotate`, { grace_seconds: 1 });
  assert.equal((await ask({ key: short.key })).status, 200);
  await until(async () => (await ask({ key: hard.key })).status === 401, "the grace to end");
});
