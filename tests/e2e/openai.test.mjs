// OpenAI's own SDK through the gateway: content, headers, record, transaction and balance of every kind of call.
import { after, before, beforeEach, test } from "node:test";
import assert from "node:assert/strict";
import { requirePackage, startTollgate, toml } from "./lib/tollgate.mjs";
import { collect, events, openai } from "./lib/clients.mjs";
import { Books, checkBooks, usd } from "./lib/money.mjs";
import { completion, delta, DONE, event, startUpstream, tokens, usageChunk } from "./lib/upstream.mjs";

const { LLMock } = requirePackage("@copilotkit/aimock");
const price = { input: "2.5", output: "10", cache_read: "1.25" };
const odd = { input: "0.0375", output: "0.1501", cache_read: "0.0011" }; // half a nano-dollar and less: rounding shows
let mock, upstream, server, customer, books, client;

before(async () => {
  mock = new LLMock({ port: 0 });
  await mock.start();
  upstream = await startUpstream();
  server = await startTollgate({
    config: toml({
      provider: [
        { name: "mock", kind: "openai_compatible", base_url: `${mock.url}/v1`, api_key: "sk-mock" },
        { name: "up", kind: "openai_compatible", base_url: upstream.url, api_key: "sk-upstream-credential" },
      ],
      model: [
        { name: "mocked", targets: [{ provider: "mock", model: "gpt-4o-mock" }], price },
        { name: "plain", targets: [{ provider: "up", model: "vendor/plain-1" }], price },
        { name: "odd", targets: [{ provider: "up", model: "vendor/odd-1" }], price: odd, multiplier: "1.15" },
        { name: "embed", targets: [{ provider: "up", model: "embed-1" }], price: { input: "0.02" } },
      ],
    }),
  });
});
after(async () => {
  await server?.stop();
  await upstream?.stop();
  await mock?.stop();
});
beforeEach(async () => {
  customer = await server.customer({ credit: "5" });
  books = new Books(server, customer, "5");
  client = openai(server, customer.key);
});

const say = (text) => [{ role: "user", content: text }];

test("a chat is answered by the provider and charged to the nano-dollar", async () => {
  mock.onMessage("good morning", { content: "Good morning to you.", usage: { prompt_tokens: 11, completion_tokens: 5 } });
  const { data, response } = await client.chat.completions.create({ model: "mocked", messages: say("good morning") }).withResponse();
  assert.equal(data.choices[0].message.content, "Good morning to you.");
  assert.equal(data.usage.prompt_tokens, 11);
  assert.equal(mock.getLastRequest().body.model, "gpt-4o-mock");
  assert.match(response.headers.get("x-request-id"), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const record = await books.paid(response.headers.get("x-request-id"), {
    price, usage: { input: 11, output: 5 }, headers: response.headers, surface: "openai_chat", method: "POST", path: "/v1/chat/completions",
    model: "mocked", provider: "mock", provider_model: "gpt-4o-mock", usage_source: "provider", streamed: false, attempts: 1, multiplier: "1",
    client_ip: "127.0.0.1", error_type: null,
  });
  assert.deepEqual(record.price, { input: "2.5", output: "10" });
  assert.equal(record.user_agent, "OpenAI/JS 6.49.0");
  assert.ok(record.request_bytes > 50 && record.response_bytes > 200, JSON.stringify(record));
});

test("cached prompt tokens, half nano-dollars and a multiplier are rounded once, half to even", async () => {
  for (const [prompt, cached, output] of [[1, 0, 0], [7, 3, 1], [1001, 999, 13], [123_457, 100_001, 4097]]) {
    upstream.next([200, completion("x", tokens(prompt, output, { prompt_tokens_details: { cached_tokens: cached } }))]);
    const { response } = await client.chat.completions.create({ model: "odd", max_tokens: 5000, messages: say("x") }).withResponse();
    await books.paid(response.headers.get("x-request-id"), {
      price: odd, multipliers: ["1.15"], usage: { input: prompt - cached, cache_read: cached, output }, headers: response.headers, multiplier: "1.15",
    });
  }
});

test("reasoning is part of the output, audio and image counts of their parents", async () => {
  upstream.next([200, completion("x", tokens(100, 50, {
    prompt_tokens_details: { cached_tokens: 20, audio_tokens: 10 }, completion_tokens_details: { reasoning_tokens: 30, audio_tokens: 5 },
  }))]);
  const { response } = await client.chat.completions.create({ model: "plain", messages: say("x") }).withResponse();
  await books.paid(response.headers.get("x-request-id"), {
    price, usage: { input: 70, cache_read: 20, audio_in: 10, output: 45, audio_out: 5 }, headers: response.headers,
  });
});

test("tool calls and their results pass both ways", async () => {
  mock.on({ toolName: "weather", hasToolResult: false }, {
    toolCalls: [{ id: "call_1", name: "weather", arguments: '{"city":"Wien"}' }, { id: "call_2", name: "weather", arguments: '{"city":"Graz"}' }],
    usage: { prompt_tokens: 60, completion_tokens: 31 },
  });
  mock.on({ toolName: "weather", hasToolResult: true }, { content: "Sunny in both.", usage: { prompt_tokens: 120, completion_tokens: 4 } });
  const tools = [{ type: "function", function: { name: "weather", description: "now", parameters: { type: "object", properties: { city: { type: "string" } } } } }];
  const first = await client.chat.completions.create({ model: "mocked", messages: say("weather?"), tools }).withResponse();
  const calls = first.data.choices[0].message.tool_calls;
  assert.deepEqual(calls.map((call) => JSON.parse(call.function.arguments).city), ["Wien", "Graz"]);
  assert.equal(first.data.choices[0].finish_reason, "tool_calls");
  await books.paid(first.response.headers.get("x-request-id"), { price, usage: { input: 60, output: 31 }, headers: first.response.headers });
  const second = await client.chat.completions.create({
    model: "mocked", tools,
    messages: [...say("weather?"), first.data.choices[0].message, ...calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: "sunny" }))],
  }).withResponse();
  assert.equal(second.data.choices[0].message.content, "Sunny in both.");
  await books.paid(second.response.headers.get("x-request-id"), { price, usage: { input: 120, output: 4 }, headers: second.response.headers });
});

test("images in the prompt go on untouched, inline and by address", async () => {
  const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
  const content = [
    { type: "text", text: "what is this?" },
    { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } },
    { type: "image_url", image_url: { url: "https://example.com/cat.png", detail: "low" } },
  ];
  upstream.next([200, completion("A pixel and a cat.", tokens(1234, 6))]);
  const { data, response } = await client.chat.completions.create({ model: "plain", messages: [{ role: "user", content }] }).withResponse();
  assert.equal(data.choices[0].message.content, "A pixel and a cat.");
  assert.deepEqual(upstream.last.json.messages[0].content, content);
  await books.paid(response.headers.get("x-request-id"), { price, usage: { input: 1234, output: 6 }, headers: response.headers });
});

test("several choices are billed by what the provider reports for all of them", async () => {
  const choices = [0, 1, 2].map((index) => ({ index, message: { role: "assistant", content: `n${index}` }, finish_reason: "stop" }));
  upstream.next([200, completion("", tokens(9, 33), { choices })]);
  const { data, response } = await client.chat.completions.create({ model: "plain", n: 3, max_tokens: 20, messages: say("thrice") }).withResponse();
  assert.deepEqual(data.choices.map((choice) => choice.message.content), ["n0", "n1", "n2"]);
  assert.equal(upstream.last.json.n, 3);
  await books.paid(response.headers.get("x-request-id"), { price, usage: { input: 9, output: 33 }, headers: response.headers });
});

test("the body reaches the provider byte for byte, but for the model's name", async () => {
  const body = '{\n\t"messages" : [ {"role":"user","content":"caf\\u00e9 \\ud83d\\ude00 \u00e9 \\/ "} ],\r\n "model":"plain" , "temperature":0.70, "seed":12345678901234567890,'
    + ' "x_unknown":{"a":[1e3,-0.0,null,true],"b":"\\u0000"}, "response_format":{"type":"json_object"},"max_tokens":16 }\n';
  const reply = `{ "id":"r","choices":[{"index":0,"message":{"role":"assistant","content":"{\\"ok\\":true}"},"finish_reason":"stop"}],\n\n"usage":{"prompt_tokens":31,"completion_tokens":6,"total_tokens":37},"model":"as the provider says","x_more":1.50}`;
  upstream.next([200, reply, { "openai-processing-ms": "12", "x-unknown-header": "kept?" }]);
  const answer = await server.call(customer.key, "/v1/chat/completions", body);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(upstream.last.text, body.replace('"plain"', '"vendor/plain-1"'));
  assert.equal(answer.text, reply);
  assert.equal(upstream.last.headers.authorization, "Bearer sk-upstream-credential");
  assert.ok(!JSON.stringify(upstream.last.headers).includes(customer.key), "the caller's key does not leave");
  await books.paid(answer.id, { price, usage: { input: 31, output: 6 }, headers: answer.headers });
});

test("headers of the caller that belong to the provider pass, those of the connection do not", async () => {
  upstream.next([200, completion("x", tokens(1, 1))]);
  await server.call(customer.key, "/v1/chat/completions", { model: "plain", max_tokens: 1, messages: say("x") },
    { "openai-beta": "assistants=v2", "x-tollgate-max-cost": "1", "user-agent": "probe/1", cookie: "a=b", "accept-encoding": "gzip" });
  const { headers } = upstream.last;
  assert.equal(headers["openai-beta"], "assistants=v2");
  assert.equal(headers.cookie, undefined);
  assert.equal(headers["x-tollgate-max-cost"], undefined);
  assert.ok(!/gzip/.test(headers["accept-encoding"] ?? ""), "what cannot be read cannot be metered");
});

test("answers in every framing of HTTP/1.1 arrive whole and are charged the same", async () => {
  const body = JSON.stringify(completion("framed", tokens(10, 2)));
  const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
  const hex = (n) => n.toString(16);
  const cut = Math.floor(body.length / 2);
  for (const bytes of [
    `${head}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    `${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${hex(cut)}\r\n${body.slice(0, cut)}\r\n${hex(body.length - cut)};ext=1\r\n${body.slice(cut)}\r\n0\r\nx-trailer: 1\r\n\r\n`,
    `HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n${body}`,
    `${head}Connection: close\r\n\r\n${body}`,
  ]) {
    upstream.next((call) => call.raw(bytes));
    const answer = await server.call(customer.key, "/v1/chat/completions", { model: "plain", max_tokens: 9, messages: say("x") });
    assert.equal(answer.text, body);
    await books.paid(answer.id, { price, usage: { input: 10, output: 2 }, headers: answer.headers });
  }
});

test("a stream with include_usage passes every event, the usage chunk included", async () => {
  mock.onMessage("stream please", { content: "One two three four.", usage: { prompt_tokens: 17, completion_tokens: 5 } });
  const { data, response } = await client.chat.completions.create({
    model: "mocked", messages: say("stream please"), stream: true, stream_options: { include_usage: true },
  }).withResponse();
  const chunks = await collect(data);
  assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta?.content ?? "").join(""), "One two three four.");
  assert.deepEqual(chunks.at(-1).usage, { prompt_tokens: 17, completion_tokens: 5, total_tokens: 22 });
  await books.paid(response.headers.get("x-request-id"), { price, usage: { input: 17, output: 5 }, streamed: true, usage_source: "provider" });
});

test("a caller who did not ask for usage gets no usage chunk, though the provider is asked for it", async () => {
  upstream.next((call) => call.events(delta("Hel"), delta("lo"), delta(null, "stop"), usageChunk(tokens(8, 2)), DONE));
  const { data, response } = await client.chat.completions.create({ model: "plain", messages: say("hi"), stream: true }).withResponse();
  const chunks = await collect(data);
  assert.equal(upstream.last.json.stream_options.include_usage, true);
  assert.equal(chunks.length, 3);
  assert.ok(chunks.every((chunk) => chunk.choices.length === 1 && !("usage" in chunk)));
  await books.paid(response.headers.get("x-request-id"), { price, usage: { input: 8, output: 2 }, streamed: true });
});

test("the events of such a stream are the provider's bytes, less the one event", async () => {
  const parts = [": comment\n\n", delta("a"), "data:" + delta("b").slice(6).replace("\n\n", "\r\n\r\n"), delta(null, "stop")];
  upstream.next((call) => call.events(...parts, usageChunk(tokens(3, 2)), DONE));
  const answer = await server.call(customer.key, "/v1/chat/completions", { model: "plain", stream: true, messages: say("x"), stream_options: { include_obfuscation: false } });
  assert.equal(answer.text, parts.join("") + DONE);
  assert.deepEqual(upstream.last.json.stream_options, { include_obfuscation: false, include_usage: true });
  await books.paid(answer.id, { price, usage: { input: 3, output: 2 } });
});

test("usage reported twice in a stream is charged once, by the last word", async () => {
  upstream.next((call) => call.events(delta("a", null, { usage: tokens(5, 1) }), delta(null, "stop", { usage: tokens(5, 2) }), usageChunk(tokens(5, 3)), DONE));
  const answer = await server.call(customer.key, "/v1/chat/completions", { model: "plain", stream: true, stream_options: { include_usage: true }, messages: say("x") });
  await books.paid(answer.id, { price, usage: { input: 5, output: 3 } });
});

test("usage of zero is zero, not missing", async () => {
  upstream.next([200, completion("free of charge", tokens(0, 0))]);
  const answer = await server.call(customer.key, "/v1/chat/completions", { model: "plain", max_tokens: 9, messages: say("x") });
  await books.paid(answer.id, { price, usage: { input: 0, output: 0 }, headers: answer.headers, usage_source: "provider" });
});

test("usage with include asks for the charge in the body, and the provider never sees that field", async () => {
  upstream.next([200, completion("x", tokens(1000, 10))]);
  const answer = await server.call(customer.key, "/v1/chat/completions", { model: "plain", usage: { include: true }, max_tokens: 20, messages: say("x") });
  assert.equal(upstream.last.json.usage, undefined);
  const charge = 1000n * 2500n + 10n * 10000n;
  assert.match(answer.text, new RegExp(`"cost":"?${usd(charge).replace(".", "\\.")}"?[,}]`));
  assert.equal(answer.body.usage.prompt_tokens, 1000);
  await books.paid(answer.id, { price, usage: { input: 1000, output: 10 }, headers: answer.headers });

  upstream.next((call) => call.events(delta("x"), delta(null, "stop"), usageChunk(tokens(1000, 10)), DONE));
  const streamed = await server.call(customer.key, "/v1/chat/completions", { model: "plain", usage: { include: true }, stream: true, messages: say("x") });
  const last = streamed.text.split("\n\n").filter((text) => text.includes('"cost"'));
  assert.equal(last.length, 1, streamed.text);
  assert.match(last[0], new RegExp(`"cost":"?${usd(charge).replace(".", "\\.")}"?[,}]`));
  assert.ok(!upstream.last.text.includes('"usage":{'), "our own option does not leave");
  await books.paid(streamed.id, { price, usage: { input: 1000, output: 10 } });
});

test("legacy completions: text and stream", async () => {
  const reply = (text, usage) => ({ id: "cmpl-1", object: "text_completion", created: 1, model: "plain-1", choices: [{ index: 0, text, logprobs: null, finish_reason: "stop" }], ...(usage ? { usage } : {}) });
  upstream.next([200, reply(" and everything", tokens(5, 2))]);
  const whole = await client.completions.create({ model: "plain", prompt: "life, the universe", max_tokens: 4 }).withResponse();
  assert.equal(whole.data.choices[0].text, " and everything");
  assert.equal(upstream.last.path, "/v1/completions");
  await books.paid(whole.response.headers.get("x-request-id"), { price, usage: { input: 5, output: 2 }, surface: "openai_completions", headers: whole.response.headers });
  upstream.next((call) => call.events(event(reply(" and")), event(reply(" more")), event({ ...reply("", tokens(5, 2)), choices: [] }), DONE));
  const streamed = await client.completions.create({ model: "plain", prompt: "life", stream: true }).withResponse();
  const chunks = await collect(streamed.data);
  assert.equal(chunks.map((chunk) => chunk.choices[0].text).join(""), " and more");
  await books.paid(streamed.response.headers.get("x-request-id"), { price, usage: { input: 5, output: 2 } });
});

test("embeddings are charged by their input", async () => {
  upstream.next([200, { object: "list", model: "embed-1", data: [{ object: "embedding", index: 0, embedding: [0.25, -0.5] }], usage: { prompt_tokens: 12_345, total_tokens: 12_345 } }]);
  const { data, response } = await client.embeddings.create({ model: "embed", input: ["one", "two"], encoding_format: "float" }).withResponse();
  assert.deepEqual(data.data[0].embedding, [0.25, -0.5]);
  assert.deepEqual(upstream.last.json.input, ["one", "two"]);
  await books.paid(response.headers.get("x-request-id"), { price: { input: "0.02" }, usage: { input: 12_345, output: 0 }, surface: "openai_embeddings", headers: response.headers });
});

test("the models a key may call are listed, and each can be asked for", async () => {
  const ids = (await collect(await client.models.list())).map((model) => model.id);
  for (const id of ["mocked", "plain", "odd", "embed", "demo/echo"]) assert.ok(ids.includes(id), `${id} in ${ids}`);
  const one = await client.models.retrieve("plain");
  assert.equal(one.id, "plain");
  assert.equal(one.object, "model");
  assert.equal((await client.models.retrieve("demo/echo")).id, "demo/echo");
  const narrow = await server.customer({ key: { models: ["pl*"] } });
  const seen = (await collect(await openai(server, narrow.key).models.list())).map((model) => model.id);
  assert.deepEqual(seen, ["plain"]);
});

test("a large answer beyond the buffering limit passes through and is charged", async () => {
  const text = "word ".repeat(500_000);
  upstream.next([200, completion(text, tokens(6, 500_000))]);
  const answer = await server.call(customer.key, "/v1/chat/completions", { model: "plain", max_tokens: 450_000, messages: say("x") });
  assert.equal(answer.body.choices[0].message.content.length, text.length);
  books.balance -= 6n * 2500n + 500_000n * 10_000n; // 5 dollars and more: the account ends below zero by the provider's deviation
  const account = await books.settled();
  assert.equal(account.balance, usd(books.balance));
  await checkBooks(server, customer);
});

test("two hundred calls at once on few connections: every one charged once", async () => {
  upstream.always([200, completion("x", tokens(100, 10))]);
  const answers = await Promise.all(Array.from({ length: 200 }, (_, i) =>
    server.call(customer.key, "/v1/chat/completions", { model: "plain", max_tokens: 10, messages: say(`number ${i}`) })));
  assert.ok(answers.every((answer) => answer.status === 200));
  assert.equal(new Set(answers.map((answer) => answer.id)).size, 200);
  books.balance -= 200n * (100n * 2500n + 10n * 10_000n);
  assert.equal((await books.settled()).balance, usd(books.balance));
  const { rows } = await checkBooks(server, customer);
  assert.equal(rows.length, 201);
});
