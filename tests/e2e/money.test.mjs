// Holds, prices, idempotency and credit: the same cent is never spent twice, and every figure can be computed again.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { nanos, requirePackage, startTollgate, toml, until } from "./lib/tollgate.mjs";
import { Books, chargeOf, checkBooks, recordsOf, usd } from "./lib/money.mjs";
import { completion, signal, startUpstream, tokens } from "./lib/upstream.mjs";

const { calcPrice } = requirePackage("@pydantic/genai-prices");
const price = { input: "1", output: "100" };
let upstream, server;

before(async () => {
  upstream = await startUpstream();
  const at = (model, provider = "up") => [{ provider, model }];
  server = await startTollgate({
    config: toml({
      provider: [
        { name: "up", kind: "openai_compatible", base_url: upstream.url, api_key: "sk-up" },
        { name: "openai", kind: "openai", base_url: upstream.url, api_key: "sk-openai" },
        { name: "google", kind: "openai_compatible", base_url: upstream.url, api_key: "sk-google", price_provider: "google" },
      ],
      model: [
        { name: "m", targets: at("m-1"), price },
        { name: "marked", targets: at("m-1"), price, multiplier: "1.3333" },
        { name: "zero", targets: at("m-1"), price: { input: "0", output: "0" } },
        { name: "flat", targets: at("m-1"), price: { request: "0.002", input: "0.5" } },
        { name: "book", targets: at("gpt-4o", "openai") },
        { name: "book-sold", targets: at("gpt-4o", "openai"), price: { input: "5", output: "20" } },
        { name: "tiered", targets: at("gemini-2.5-pro", "google") },
      ],
      cache: { charge: "0.5" },
    }),
  });
});
after(async () => {
  await server?.stop();
  await upstream?.stop();
});

const chat = (model, extra = {}) => ({ model, max_tokens: 100, messages: [{ role: "user", content: "hi" }], ...extra });
const ask = (customer, model, extra, headers) => server.call(customer.key, "/v1/chat/completions", chat(model, extra), headers);
const replies = (prompt, output, extra) => upstream.always([200, completion("x", tokens(prompt, output, extra))]);
async function payer(credit, options = {}) {
  const customer = await server.customer({ credit, ...options });
  return { ...customer, books: new Books(server, customer, credit) };
}

test("forty calls race for the last cents: what is charged never exceeds the credit", async () => {
  replies(10, 100);
  const customer = await payer("0.1"); // one call is charged 0.01001 and holds a little more: nine fit
  const answers = await Promise.all(Array.from({ length: 40 }, () => ask(customer, "m")));
  const served = answers.filter((answer) => answer.status === 200);
  assert.deepEqual([...new Set(answers.map((answer) => answer.status))].sort(), [200, 402]);
  assert.ok(served.length >= 1 && served.length <= 9, `${served.length} served`);
  customer.books.balance -= BigInt(served.length) * (10n * 1000n + 100n * 100_000n);
  assert.equal((await customer.books.settled()).balance, usd(customer.books.balance));
  const { rows } = await checkBooks(server, customer);
  assert.equal(rows.length, 1 + served.length);
  assert.ok(rows.every((row) => nanos(row.balance_after) >= 0n));
  await recordsOf(server, customer, 40);
  for (let i = served.length; i < 9; i++) assert.equal((await ask(customer, "m")).status, 200, "what was held came back");
  assert.equal((await ask(customer, "m")).status, 402);
});

test("while a call is open its upper bound is held; afterwards only the charge is gone", async () => {
  const customer = await payer("1");
  const go = signal(), here = signal();
  upstream.next(async (call) => {
    here.resolve();
    await go.promise;
    call.reply(200, completion("x", tokens(7, 3)));
  });
  const open = ask(customer, "m", { max_tokens: 5000 });
  await here.promise;
  const during = await server.must("GET", `/api/accounts/${customer.account}`);
  assert.equal(during.balance, "1");
  assert.ok(nanos(during.held) >= 5000n * 100_000n && nanos(during.held) < 5100n * 100_000n, `held ${during.held}`);
  const refused = await ask(customer, "m", { max_tokens: 6000 });
  assert.equal(refused.status, 402, "0.5 are held, so 0.6 are not there");
  go.resolve();
  const answer = await open;
  await customer.books.paid(answer.id, { price, usage: { input: 7, output: 3 }, headers: answer.headers });
});

test("a caller who names no maximum and cannot afford the model's own gets an affordable one", async () => {
  replies(8, 20);
  const customer = await payer("0.05");
  const answer = await ask(customer, "m", { max_tokens: undefined });
  assert.equal(answer.status, 200, answer.text);
  const limit = upstream.last.json.max_tokens ?? upstream.last.json.max_completion_tokens;
  assert.ok(Number.isInteger(limit) && limit >= 1 && BigInt(limit) * 100_000n <= nanos("0.05"), `limit ${limit}`);
  await customer.books.paid(answer.id, { price, usage: { input: 8, output: 20 }, headers: answer.headers });
  const rich = await payer("1000");
  await ask(rich, "m", { max_tokens: undefined });
  assert.equal(upstream.last.json.max_tokens, undefined, "where the credit covers it, nothing is added");
});

test("account and model multipliers are folded and rounded once", async () => {
  const customer = await payer("1", { account: { multiplier: "0.77" } });
  for (const [input, output] of [[1, 0], [3, 1], [333, 77], [99_999, 1]]) {
    replies(input, output);
    const answer = await ask(customer, "marked");
    const record = await customer.books.paid(answer.id, { price, multipliers: ["1.026641"], usage: { input, output }, headers: answer.headers });
    assert.equal(record.multiplier, "1.026641");
  }
});

test("a price of zero is free, though metered", async () => {
  replies(1000, 1000);
  const customer = await payer("0.000001");
  const answer = await ask(customer, "zero", { max_tokens: 100_000 });
  await customer.books.paid(answer.id, { charge: 0n, usage: { input: 1000, output: 1000 }, headers: answer.headers });
});

test("a price per request is charged once a call, a bucket without a price is free", async () => {
  replies(1000, 1000);
  const customer = await payer("1");
  const answer = await ask(customer, "flat");
  await customer.books.paid(answer.id, { charge: 2_000_000n + 1000n * 500n, usage: { input: 1000, output: 1000 }, headers: answer.headers });
});

/** A dollar amount of the price library (a float of a few digits) as nano-dollars. */
const library = (usage, model, provider) => BigInt(Math.round(calcPrice(usage, model, { providerId: provider }).total_price * 1e9));

test("a model without a price of its own is sold at the price book's; one with it has the book's as cost", async () => {
  const customer = await payer("10");
  replies(10_000, 1000, { prompt_tokens_details: { cached_tokens: 4000 } });
  const book = library({ input_tokens: 10_000, cache_read_tokens: 4000, output_tokens: 1000 }, "gpt-4o", "openai");
  const answer = await ask(customer, "book", { max_tokens: 2000 });
  const record = await customer.books.paid(answer.id, { charge: book, usage: { input: 6000, cache_read: 4000, output: 1000 }, headers: answer.headers });
  assert.equal(record.cost, usd(book));
  const sold = await ask(customer, "book-sold", { max_tokens: 2000 });
  const own = await customer.books.paid(sold.id, { price: { input: "5", output: "20" }, usage: { input: 6000, cache_read: 4000, output: 1000 }, headers: sold.headers });
  assert.equal(own.cost, usd(book));
  assert.ok(own.price_version && own.price_version !== record.price_version);
});

test("a tier begins strictly above its threshold and holds for the whole request", async () => {
  const customer = await payer("100");
  for (const prompt of [200_000, 200_001]) {
    replies(prompt, 100);
    const answer = await ask(customer, "tiered");
    assert.equal(answer.status, 200, answer.text);
    await customer.books.paid(answer.id, { charge: library({ input_tokens: prompt, output_tokens: 100 }, "gemini-2.5-pro", "google"), usage: { input: prompt, output: 100 }, headers: answer.headers });
  }
});

test("x-tollgate-max-cost refuses what could cost more, and lets pass what cannot", async () => {
  replies(5, 5);
  const customer = await payer("1");
  const calls = upstream.calls.length;
  const refused = await ask(customer, "m", {}, { "x-tollgate-max-cost": "0.0099" });
  assert.equal(refused.status, 402, refused.text);
  assert.match(refused.body.error.message, /x-tollgate-max-cost/);
  assert.equal(upstream.calls.length, calls);
  assert.equal((await ask(customer, "m", {}, { "x-tollgate-max-cost": "a lot" })).status, 400);
  assert.equal((await ask(customer, "m", {}, { "x-tollgate-max-cost": "-1" })).status, 400);
  await customer.books.untouched();
  const answer = await ask(customer, "m", {}, { "x-tollgate-max-cost": "0.0111" });
  await customer.books.paid(answer.id, { price, usage: { input: 5, output: 5 }, headers: answer.headers });
});

test("an idempotency key: the same call is answered again without a second charge, another body is a 422", async () => {
  upstream.next([200, completion("the first answer", tokens(5, 5))]);
  const customer = await payer("1");
  const headers = { "idempotency-key": "order-17" };
  const first = await ask(customer, "m", {}, headers);
  await customer.books.paid(first.id, { price, usage: { input: 5, output: 5 }, headers: first.headers });
  const calls = upstream.calls.length;
  const again = await ask(customer, "m", {}, headers);
  assert.equal(again.status, 200);
  assert.equal(again.text, first.text);
  const other = await ask(customer, "m", { max_tokens: 99 }, headers);
  assert.equal(other.status, 422, other.text);
  assert.equal(upstream.calls.length, calls);
  await customer.books.untouched();
  const stranger = await payer("1");
  replies(5, 5);
  assert.notEqual((await ask(stranger, "m", {}, headers)).text, first.text, "keys of others do not meet");
});

test("an idempotent call that is still open is a 409; one that failed may be tried again", async () => {
  const customer = await payer("1");
  const headers = { "idempotency-key": "slow" };
  const go = signal(), here = signal();
  upstream.next(async (call) => {
    here.resolve();
    await go.promise;
    call.reply(200, completion("x", tokens(5, 5)));
  });
  const open = ask(customer, "m", {}, headers);
  await here.promise;
  const meanwhile = await ask(customer, "m", {}, headers);
  assert.equal(meanwhile.status, 409);
  go.resolve();
  const first = await open;
  assert.equal((await ask(customer, "m", {}, headers)).text, first.text);
  await customer.books.paid(first.id, { price, usage: { input: 5, output: 5 } });
  upstream.next([500, "boom"]).next([500, "boom"]).next([500, "boom"]).next([500, "boom"]);
  const failed = await ask(customer, "m", {}, { "idempotency-key": "failing" });
  assert.ok(failed.status >= 500, failed.text);
  upstream.always([200, completion("x", tokens(5, 5))]);
  const retried = await until(async () => {
    const answer = await ask(customer, "m", {}, { "idempotency-key": "failing" });
    return answer.status === 200 && answer;
  }, "the retry to be served");
  await customer.books.paid(retried.id, { price, usage: { input: 5, output: 5 } });
});

test("the response cache answers the same question again at its fraction of the charge", async () => {
  upstream.next([200, completion("cached answer", tokens(1001, 1))]);
  const customer = await payer("1");
  const headers = { "x-tollgate-cache": "on" };
  const miss = await ask(customer, "m", {}, headers);
  assert.equal(miss.headers.get("x-tollgate-cache"), "miss");
  await customer.books.paid(miss.id, { price, usage: { input: 1001, output: 1 }, headers: miss.headers });
  const calls = upstream.calls.length;
  const hit = await ask(customer, "m", {}, headers);
  assert.equal(hit.headers.get("x-tollgate-cache"), "hit");
  assert.equal(hit.text, miss.text);
  assert.equal(upstream.calls.length, calls);
  assert.equal(hit.headers.get("x-tollgate-cost"), usd((1001n * 1000n + 100_000n) / 2n));
  await customer.books.paid(hit.id, { charge: (1001n * 1000n + 100_000n) / 2n, usage: {}, outcome: "cached", cached: true });
  replies(1, 1);
  const own = await ask(customer, "m");
  assert.equal(own.headers.get("x-tollgate-cache"), null, "who does not ask is not served from it");
});

test("credit: a reference posts once; refunds take off at most the unspent paid part", async () => {
  const customer = await server.customer({ credit: "0" });
  const post = (body) => server.api("POST", `/api/accounts/${customer.account}/credit`, body);
  const first = await post({ amount: "10", kind: "purchase", reference: "pi_1", description: "card" });
  assert.equal(first.status, 200, first.text);
  assert.deepEqual([first.body.balance_before, first.body.amount, first.body.balance_after], ["0", "10", "10"]);
  const again = await post({ amount: "10", kind: "purchase", reference: "pi_1", description: "card" });
  assert.equal(again.body.id, first.body.id);
  assert.equal(again.body.balance_after, "10");
  const bonus = await post({ amount: "2.5", kind: "bonus", reference: "b_1", description: "welcome" });
  assert.equal(bonus.body.balance_after, "12.5");
  const tooMuch = await post({ amount: "10.000000001", kind: "refund", reference: "r_0", description: "all and more" });
  assert.ok(tooMuch.status >= 400 && tooMuch.status < 500, tooMuch.text);
  replies(0, 40_000); // 4 dollars: the bonus burns first, then 1.5 of the paid part
  const answer = await ask(customer, "m", { max_tokens: 40_000 });
  assert.equal(answer.status, 200, answer.text);
  await until(async () => (await server.must("GET", `/api/accounts/${customer.account}`)).balance === "8.5", "the charge");
  await server.record(answer.id);
  const stillTooMuch = await post({ amount: "8.6", kind: "refund", reference: "r_1", description: "x" });
  assert.ok(stillTooMuch.status >= 400 && stillTooMuch.status < 500, stillTooMuch.text);
  const refund = await post({ amount: "8.5", kind: "refund", reference: "r_2", description: "rest" });
  assert.equal(refund.status, 200, refund.text);
  assert.equal(refund.body.amount, "-8.5");
  assert.equal(refund.body.balance_after, "0");
  const { rows } = await checkBooks(server, customer);
  assert.deepEqual(rows.map((row) => row.kind), ["purchase", "bonus", "usage", "refund"]);
  assert.equal((await ask(customer, "m")).status, 402, "the wallet knows at once");
});

test("adjustments go both ways and never below zero", async () => {
  const customer = await server.customer({ credit: "1" });
  const post = (amount, reference) => server.api("POST", `/api/accounts/${customer.account}/credit`, { amount, kind: "adjustment", reference, description: "x" });
  assert.equal((await post("0.25", "a1")).body.balance_after, "1.25");
  assert.equal((await post("-0.5", "a2")).body.balance_after, "0.75");
  const below = await post("-0.76", "a3");
  assert.ok(below.status >= 400 && below.status < 500, below.text);
  assert.equal((await server.must("GET", `/api/accounts/${customer.account}`)).balance, "0.75");
});

test("an allowed overdraft can be used, and no more", async () => {
  replies(0, 100);
  const customer = await payer("0.005", { account: { overdraft: "0.01" } });
  const answer = await ask(customer, "m"); // 0.01 for output: 0.015 are available
  assert.equal(answer.status, 200, answer.text);
  await customer.books.paid(answer.id, { price, usage: { output: 100 }, headers: answer.headers });
  assert.equal((await customer.books.settled()).balance, "-0.005");
  assert.equal((await ask(customer, "m")).status, 402);
});

test("a quote is what the call is charged afterwards, by model and by the price book", async () => {
  replies(12_345, 678, { prompt_tokens_details: { cached_tokens: 45 } });
  const customer = await payer("10", { account: { multiplier: "1.1" } });
  const usage = { input: 12_300, cache_read: 45, output: 678 };
  for (const model of ["marked", "book", "flat"]) {
    const quote = await server.must("POST", "/internal/billing/quote", { model, tenant_id: customer.account, usage: { ...usage, request: 1 } });
    const answer = await ask(customer, model, { max_tokens: 1000 });
    const record = await customer.books.paid(answer.id, { charge: nanos(quote.charge), usage, headers: answer.headers });
    assert.equal(record.multiplier, quote.multiplier);
    assert.equal(record.price_version, quote.price_version);
    assert.deepEqual(record.price, Object.fromEntries(Object.entries(quote.price).filter(([key]) => key in record.price)));
  }
  const book = await server.must("POST", "/internal/billing/quote", { provider_model_id: "openai/gpt-4o", usage: { input: 1000, output: 100 }, reported_cost: "1" });
  assert.equal(book.cost, usd(library({ input_tokens: 1000, output_tokens: 100 }, "gpt-4o", "openai")));
  assert.equal(nanos(book.difference), nanos("1") - nanos(book.cost));
  const counted = await server.must("POST", "/internal/billing/quote", { model: "book-sold", messages: [{ role: "user", content: "hello world" }], max_tokens: 10 });
  const { encodeChat } = requirePackage("gpt-tokenizer/model/gpt-4o");
  assert.equal(counted.usage.input, encodeChat([{ role: "user", content: "hello world" }], "gpt-4o").length);
  assert.equal(nanos(counted.charge), chargeOf({ input: "5", output: "20" }, { input: 9, output: 10 }));
});

test("billing's transactions and summary add up to the records, by tenant and by key", async () => {
  const customer = await payer("5", { account: { external_id: "tenant-éa/7" } });
  const second = await server.must("POST", "/api/keys", { name: "second", account_id: customer.account });
  let charged = 0n;
  for (const [key, output] of [[customer.key, 3], [second.key, 5], [customer.key, 7]]) {
    replies(1, output);
    const answer = await server.call(key, "/v1/chat/completions", chat("m"));
    await server.record(answer.id);
    charged += 1000n + BigInt(output) * 100_000n;
  }
  const tenant = encodeURIComponent("tenant-éa/7");
  const transactions = await server.must("GET", `/internal/billing/transactions?tenant_id=${tenant}&limit=2`);
  assert.equal(transactions.data.length, 2);
  assert.ok(transactions.next_cursor);
  const all = await server.must("GET", `/internal/billing/transactions?tenant_id=${customer.account}&limit=50&offset=0`);
  assert.deepEqual(all.data.map((row) => row.kind), ["usage", "usage", "usage", "purchase"]);
  const skipped = await server.must("GET", `/internal/billing/transactions?tenant_id=${customer.account}&limit=50&offset=3`);
  assert.deepEqual(skipped.data.map((row) => row.kind), ["purchase"]);
  const byKey = await server.must("GET", `/internal/billing/transactions?api_key_id=${second.id}`);
  assert.deepEqual(byKey.data.map((row) => row.amount), [usd(-(1000n + 500_000n))]);
  const now = Date.now();
  const range = `start=${new Date(now - 3_600_000).toISOString()}&end=${new Date(now + 3_600_000).toISOString()}`;
  const summary = await server.must("GET", `/internal/billing/summary?tenant_id=${tenant}&${range}`);
  assert.equal(summary.requests, 3);
  assert.equal(summary.charge, usd(charged));
  assert.equal(summary.input_tokens, 3);
  assert.equal(summary.output_tokens, 15);
  assert.equal(summary.total_spent, usd(charged));
  assert.equal(summary.balance, usd(nanos("5") - charged));
  assert.equal(summary.held, "0");
  assert.equal(summary.by_model.length, 1);
  assert.equal(summary.by_model[0].model, "m");
  assert.equal(summary.by_model[0].charge, usd(charged));
});

test("a customer sees the balance and the key by the key itself", async () => {
  replies(0, 10);
  const customer = await payer("1", { key: { caps: { month: "0.5" } } });
  const answer = await ask(customer, "m");
  await customer.books.paid(answer.id, { price, usage: { output: 10 }, headers: answer.headers });
  for (const origin of [server.gateway, server.console]) {
    const get = async (path) => (await fetch(origin + path, { headers: { authorization: `Bearer ${customer.key}` } })).json();
    const balance = await get("/api/credits/balance");
    assert.deepEqual(balance, { balance: "0.999", credits: "99.9", held: "0", total_earned: "1", total_spent: "0.001" });
    const key = await get("/api/v1/key");
    assert.equal(key.data.usage, 0.001);
    assert.equal(key.data.limit, 0.5);
    assert.equal(key.data.limit_remaining, 0.499);
    assert.deepEqual(await get("/api/v1/credits"), { data: { total_credits: 1, total_usage: 0.001 } });
  }
});
