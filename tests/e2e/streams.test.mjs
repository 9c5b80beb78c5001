// Streams: every chunk at once, exact counts where the provider gives none, and what is charged when one side leaves.
import { after, before, beforeEach, test } from "node:test";
import assert from "node:assert/strict";
import { delay, nanos, requirePackage, startTollgate, toml, until } from "./lib/tollgate.mjs";
import { anthropic, collect, events, openai } from "./lib/clients.mjs";
import { Books, usd } from "./lib/money.mjs";
import { completion, delta, DONE, event, message, named, signal, startUpstream, tokens, usageChunk } from "./lib/upstream.mjs";

const { encode } = requirePackage("gpt-tokenizer/encoding/o200k_base");
const { encodeChat } = requirePackage("gpt-tokenizer/model/gpt-4o");
const price = { input: "10", output: "40" };
let upstream, server, customer, books;

before(async () => {
  upstream = await startUpstream();
  const target = (model) => [{ provider: "up", model }];
  server = await startTollgate({
    config: toml({
      timeouts: { idle_ms: 2000, drain_max_ms: 3000 },
      routing: { breaker_failures: 1_000_000, breaker_error_percent: 101 },
      provider: [
        { name: "up", kind: "openai_compatible", base_url: upstream.url, api_key: "sk-up" },
        { name: "claude", kind: "anthropic", base_url: upstream.origin, api_key: "sk-claude" },
      ],
      model: [
        { name: "gpt-4o", targets: target("gpt-4o"), price },
        { name: "leaves", targets: target("gpt-4o"), price, cancel_on_disconnect: true },
        { name: "claude", targets: [{ provider: "claude", model: "claude-x" }], price },
      ],
    }),
  });
});
after(async () => {
  await server?.stop();
  await upstream?.stop();
});
beforeEach(async () => {
  customer = await server.customer({ credit: "1" });
  books = new Books(server, customer, "1");
});

const messages = [{ role: "system", content: "You are brief." }, { role: "user", content: "Tell me about toll gates — and 收费站." }];
const promptTokens = () => encodeChat(messages, "gpt-4o").length;
const words = (n) => Array.from({ length: n }, (_, i) => ` word${i}`);

/** An open streaming call: {id, events (async iterator), abort}. */
async function open(body, { path = "/v1/chat/completions", headers = {}, who = customer } = {}) {
  const abort = new AbortController();
  const response = await fetch(server.gateway + path, {
    method: "POST", signal: abort.signal, headers: { authorization: `Bearer ${who.key}`, "content-type": "application/json", ...headers },
    body: JSON.stringify({ stream: true, ...body }),
  });
  return { id: response.headers.get("x-request-id"), status: response.status, response, events: events(response), abort: () => abort.abort() };
}
const contentOf = (item) => JSON.parse(item.data).choices?.[0]?.delta?.content ?? "";

test("a stream without usage is counted, token for token as OpenAI's own tokenizer counts", async () => {
  const pieces = ["Toll ", "gates ar", "e older than mon", "ey. 🛣", "️ 收费站", "\n\n```js\nlet x = 1;\n```", " fin"];
  upstream.next((call) => call.events(...pieces.map((piece) => delta(piece)), delta(null, "stop"), DONE));
  const answer = await server.call(customer.key, "/v1/chat/completions", { model: "gpt-4o", stream: true, messages });
  await books.paid(answer.id, { price, usage: { input: promptTokens(), output: encode(pieces.join("")).length }, usage_source: "counted", streamed: true });
});

test("an answer without usage is counted the same way", async () => {
  const text = "No usage here, only words: " + words(50).join("");
  upstream.next([200, completion(text)]);
  const answer = await server.call(customer.key, "/v1/chat/completions", { model: "gpt-4o", max_tokens: 500, messages });
  await books.paid(answer.id, { price, usage: { input: promptTokens(), output: encode(text).length }, usage_source: "counted", headers: answer.headers });
});

test("a token split over chunks and a character split over packets are counted once", async () => {
  const text = "antidisestablishmentarianism naïve 収費站 👩‍👩‍👧‍👦";
  upstream.next(async (call) => {
    call.stream();
    const bytes = Buffer.from([...text].map((character) => delta(character)).join("") + delta(null, "stop") + DONE);
    for (let at = 0; at < bytes.length; at += 7) await call.send(bytes.subarray(at, at + 7));
    call.end();
  });
  const stream = await open({ model: "gpt-4o", messages });
  const told = (await collect(stream.events)).filter((item) => item.data !== "[DONE]").map(contentOf).join("");
  assert.equal(told, text);
  await books.paid(stream.id, { price, usage: { input: promptTokens(), output: encode(text).length }, usage_source: "counted" });
});

test("every chunk is passed on before the next one is made", async () => {
  for (const include_usage of [true, false]) {
    const steps = [signal(), signal(), signal()];
    upstream.next(async (call) => {
      call.stream();
      for (const [i, step] of steps.entries()) {
        await call.send(delta(`chunk ${i}`));
        await step.promise; // the test has seen it
      }
      call.end(delta(null, "stop") + usageChunk(tokens(9, 9)) + DONE);
    });
    const stream = await open({ model: "gpt-4o", messages, stream_options: { include_usage } });
    for (const [i, step] of steps.entries()) {
      assert.equal(contentOf((await stream.events.next()).value), `chunk ${i}`);
      step.resolve();
    }
    const rest = await collect(stream.events);
    assert.equal(rest.at(-1).data, "[DONE]");
    assert.equal(rest.length, include_usage ? 3 : 2);
    await books.paid(stream.id, { price, usage: { input: 9, output: 9 } });
  }
});

test("the terminal record is there before the last byte of a stream", async () => {
  upstream.next((call) => call.events(delta("x", "stop"), usageChunk(tokens(9, 1)), DONE));
  const stream = await open({ model: "gpt-4o", messages });
  await collect(stream.events);
  const account = await server.must("GET", `/api/accounts/${customer.account}`);
  assert.equal(account.held, "0", "nothing is held the moment the last byte is here");
  assert.equal(nanos(account.balance), nanos("1") - 9n * 10_000n - 40_000n);
});

test("a caller who leaves is charged what the provider reports when the stream is drained", async () => {
  const left = signal();
  upstream.next(async (call) => {
    call.stream();
    await call.send(delta("one"));
    await left.promise;
    for (let i = 0; i < 20; i++) { // more than one packet: the second write is the one that shows that nobody reads
      await call.send(delta(` more ${i}`));
      await delay(5);
    }
    call.end(delta(null, "stop") + usageChunk(tokens(30, 64)) + DONE);
  });
  const stream = await open({ model: "gpt-4o", messages });
  assert.equal(contentOf((await stream.events.next()).value), "one");
  stream.abort();
  left.resolve();
  await books.paid(stream.id, { price, usage: { input: 30, output: 64 }, outcome: "client_closed", usage_source: "provider" });
});

test("where the operator prefers to cancel, the provider is cut off and what was delivered is counted", async () => {
  const gone = signal();
  upstream.next(async (call) => {
    call.gone.then(gone.resolve);
    call.stream();
    await call.send(delta("one two three"));
    const more = setInterval(() => call.response.write(delta(" more")), 20); // a write is what shows that the caller left
    await call.gone;
    clearInterval(more);
  });
  const stream = await open({ model: "leaves", messages });
  assert.equal(contentOf((await stream.events.next()).value), "one two three");
  stream.abort();
  await gone.promise;
  const record = await server.record(stream.id);
  assert.equal(record.outcome, "client_closed");
  assert.equal(record.usage_source, "counted");
  assert.equal(record.usage.input, promptTokens());
  assert.ok(record.usage.output >= 3 && record.usage.output < 40, `delivered ${record.usage.output}`);
  assert.equal(nanos(record.charge), BigInt(record.usage.input) * 10_000n + BigInt(record.usage.output) * 40_000n);
  books.balance -= nanos(record.charge);
  assert.equal((await books.settled()).balance, usd(books.balance));
});

test("a provider that resets in the middle: what was delivered is charged, the caller is told", async () => {
  const text = words(30).join("");
  upstream.next(async (call) => {
    call.stream();
    await call.send(delta(text));
    await until(() => call.told, "the caller to have read");
    call.reset();
  });
  const stream = await open({ model: "gpt-4o", messages });
  assert.equal(contentOf((await stream.events.next()).value), text);
  upstream.last.told = true;
  const rest = await collect(stream.events);
  assert.equal(JSON.parse(rest.at(-1).data).error.code, "upstream_failed");
  await books.paid(stream.id, { price, usage: { input: promptTokens(), output: encode(text).length }, outcome: "upstream_partial", usage_source: "counted", error_type: "upstream_failed" });
});

test("a provider that falls silent in the middle is given up after the idle limit", async () => {
  upstream.next(async (call) => {
    call.stream();
    await call.send(delta("silence follows"));
    await call.gone;
  });
  const stream = await open({ model: "gpt-4o", messages });
  const all = await collect(stream.events);
  assert.equal(contentOf(all[0]), "silence follows");
  assert.equal(JSON.parse(all.at(-1).data).error.code, "upstream_timeout");
  await books.paid(stream.id, { price, usage: { input: promptTokens(), output: encode("silence follows").length }, outcome: "upstream_partial", error_type: "upstream_timeout" });
});

test("an error event inside a stream passes through, and what came before it is charged", async () => {
  const error = event({ error: { message: "The server had an error", type: "server_error", param: null, code: null } });
  upstream.next((call) => call.events(delta("before the fall"), error, DONE));
  const answer = await server.call(customer.key, "/v1/chat/completions", { model: "gpt-4o", stream: true, messages });
  assert.ok(answer.text.includes(error));
  const record = await server.record(answer.id);
  assert.equal(record.usage.output, encode("before the fall").length);
  assert.equal(nanos(record.charge), BigInt(promptTokens()) * 10_000n + BigInt(record.usage.output) * 40_000n);
});

test("an Anthropic stream without its last word is counted, not charged by the figure of its start", async () => {
  const text = words(120).join("");
  const begin = named({ type: "message_start", message: { ...message("", { input_tokens: 7, cache_read_input_tokens: 400, output_tokens: 1 }), content: [], stop_reason: null } })
    + named({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } })
    + named({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } });
  const overloaded = named({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } });
  const scripts = [
    ["an error event", (call) => call.events(begin, overloaded), "upstream_partial"],
    ["just an end", (call) => call.events(begin), undefined],
    ["a reset", async (call) => { call.stream(); await call.send(begin); await until(() => call.told, "the caller to have read"); call.reset(); }, "upstream_partial"],
  ];
  for (const [how, script, outcome] of scripts) {
    upstream.next(script);
    const stream = await open({ model: "claude", max_tokens: 1000, messages: messages.slice(1) }, { path: "/v1/messages", headers: { "anthropic-version": "2023-06-01" } });
    for (let i = 0; i < 3; i++) await stream.events.next();
    upstream.last.told = true;
    await collect(stream.events);
    const record = await server.record(stream.id);
    if (outcome) assert.equal(record.outcome, outcome, how);
    assert.deepEqual([record.usage.input, record.usage.cache_read], [7, 400], how);
    assert.ok(record.usage.output >= encode(text).length && record.usage.output < 2 * encode(text).length, `${how}: ${record.usage.output} charged, ${encode(text).length} delivered`);
    books.balance -= nanos(record.charge);
    assert.equal((await books.settled()).balance, usd(books.balance));
  }
});

test("credit that runs out in the middle cuts the stream: a regular end, a charge up to the cut, a balance not below zero", async () => {
  for (const dialect of ["openai", "anthropic"]) {
    const poor = await server.customer({ credit: "0.03" });
    const own = new Books(server, poor, "0.03");
    const gone = signal();
    let sent = 0;
    upstream.next(async (call) => {
      call.gone.then(gone.resolve);
      call.stream();
      if (dialect === "anthropic")
        await call.send(named({ type: "message_start", message: { ...message("", { input_tokens: 20, output_tokens: 1 }), content: [], stop_reason: null } })
          + named({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }));
      for (let stop = false; !stop && sent < 5000; sent++) {
        await call.send(dialect === "openai" ? delta(` word${sent}`) : named({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: ` word${sent}` } }));
        await new Promise((next) => setImmediate(next));
        stop = call.response.destroyed || call.socket.destroyed;
      }
      if (!call.socket.destroyed) call.end();
    });
    const stream = dialect === "openai" ? await open({ model: "gpt-4o", messages }, { who: poor })
      : await open({ model: "claude", max_tokens: 5000, messages: messages.slice(1) }, { who: poor, path: "/v1/messages", headers: { "anthropic-version": "2023-06-01" } });
    const all = await collect(stream.events);
    assert.ok(all.length < 3000, "the stream was cut");
    for (const item of all) if (item.data !== "[DONE]") assert.doesNotThrow(() => JSON.parse(item.data), `whole events only: ${item.text}`);
    if (dialect === "openai") {
      assert.equal(all.at(-1).data, "[DONE]");
      const end = JSON.parse(all.findLast((item) => item.data.includes("finish_reason")).data);
      assert.equal(end.choices[0].finish_reason, "length");
      assert.ok(all.some((item) => item.data.includes("credit_exhausted")));
    } else {
      assert.equal(all.at(-1).event, "message_stop");
      assert.equal(JSON.parse(all.findLast((item) => item.event === "message_delta").data).delta.stop_reason, "max_tokens");
    }
    await gone.promise; // the upstream is cancelled
    const told = dialect === "openai" ? all.filter((item) => item.data !== "[DONE]").map(contentOf).join("")
      : all.filter((item) => item.event === "content_block_delta").map((item) => JSON.parse(item.data).delta.text).join("");
    const record = await server.record(stream.id);
    assert.equal(record.outcome, "credit_exhausted");
    const account = await own.settled();
    assert.equal(nanos(account.balance), nanos("0.03") - nanos(record.charge));
    assert.ok(nanos(account.balance) >= -256n * 40_000n, `balance ${account.balance}: not below zero by more than one interval`);
    if (dialect === "openai") assert.ok(Math.abs(record.usage.output - encode(told).length) <= 256, `${record.usage.output} charged, ${encode(told).length} delivered`);
    // Claude's tokenizer is not public: its count is OpenAI's with a margin.
    assert.ok(record.usage.output <= encode(told).length * (dialect === "openai" ? 1 : 1.6) + 256, `${record.usage.output} charged, ${encode(told).length} delivered`);
  }
});

test("a cut leaves whole events behind, also where the provider's packets end in the middle of one", async () => {
  for (const include_usage of [true, false]) {
    const poor = await server.customer({ credit: "0.03" });
    upstream.next(async (call) => {
      call.stream();
      const bytes = words(4000).map((word) => delta(word)).join("");
      for (let at = 0; at < bytes.length && !call.socket.destroyed; at += 60_013) {
        await call.send(bytes.slice(at, at + 60_013));
        await new Promise((next) => setImmediate(next));
      }
      if (!call.socket.destroyed) call.end(DONE);
    });
    const stream = await open({ model: "gpt-4o", messages, stream_options: { include_usage } }, { who: poor });
    const all = await collect(stream.events);
    for (const item of all) if (item.data !== "[DONE]") assert.doesNotThrow(() => JSON.parse(item.data), `whole events only: ${item.text}`);
    assert.equal(all.at(-1).data, "[DONE]");
    const told = all.filter((item) => item.data !== "[DONE]").map(contentOf).join("");
    assert.ok(words(4000).join("").startsWith(told), "nothing is left out before the cut");
    const record = await server.record(stream.id);
    assert.equal(record.outcome, "credit_exhausted");
    assert.ok(record.usage.output <= encode(told).length, `${record.usage.output} charged, ${encode(told).length} delivered`);
  }
});

test("a parallel stream is held its first step only, so that many fit", async () => {
  const many = await server.customer({ credit: "0.25" }); // ten times (512 x 0.00004 + prompt) fit, ten times 16,000 tokens do not
  const go = signal();
  let here = 0;
  upstream.always(async (call) => {
    here++;
    call.stream();
    await call.send(delta("x"));
    await go.promise;
    call.end(delta(null, "stop") + usageChunk(tokens(10, 1)) + DONE);
  });
  const streams = await Promise.all(Array.from({ length: 10 }, () => open({ model: "gpt-4o", messages }, { who: many })));
  assert.deepEqual(streams.map((stream) => stream.status), Array(10).fill(200));
  const held = nanos((await server.must("GET", `/api/accounts/${many.account}`)).held);
  assert.ok(held >= 10n * 512n * 40_000n && held <= nanos("0.25"), `held ${held}`);
  go.resolve();
  await Promise.all(streams.map((stream) => collect(stream.events)));
  const own = new Books(server, many, "0.25");
  assert.equal((await own.settled()).balance, usd(nanos("0.25") - 10n * (10n * 10_000n + 40_000n)));
  assert.equal(here, 10);
});

test("an HTTP/1.0 caller gets the stream without chunks", async () => {
  const { connect } = await import("node:net");
  upstream.next((call) => call.events(delta("old"), delta(null, "stop"), usageChunk(tokens(4, 1)), DONE));
  const { hostname, port } = new URL(server.gateway);
  const body = JSON.stringify({ model: "gpt-4o", stream: true, messages });
  const socket = connect(Number(port), hostname);
  let text = "";
  socket.on("data", (data) => (text += data));
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.write(`POST /v1/chat/completions HTTP/1.0\r\nauthorization: Bearer ${customer.key}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  await closed;
  const [head, rest] = text.split("\r\n\r\n");
  assert.match(head, /^HTTP\/1\.[01] 200 /);
  assert.ok(!/transfer-encoding/i.test(head));
  assert.equal(rest.startsWith("data: "), true);
  assert.ok(text.endsWith(DONE));
  await books.paid(/x-request-id: (\S+)/i.exec(head)[1], { price, usage: { input: 4, output: 1 } });
});

test("the SDKs' streams survive many events in one packet and one event in many", async () => {
  const pieces = words(400);
  upstream.next(async (call) => {
    call.stream();
    const bytes = Buffer.from(pieces.map((piece) => delta(piece)).join("") + delta(null, "stop") + usageChunk(tokens(11, 800)) + DONE);
    for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 4093 || 1) await call.send(bytes.subarray(at, at + size));
    call.end();
  });
  const { data, response } = await openai(server, customer.key).chat.completions.create({ model: "gpt-4o", messages, stream: true }).withResponse();
  const chunks = await collect(data);
  assert.equal(chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join(""), pieces.join(""));
  await books.paid(response.headers.get("x-request-id"), { price, usage: { input: 11, output: 800 } });
});
