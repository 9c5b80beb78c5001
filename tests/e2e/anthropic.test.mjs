// Anthropic's own SDK through the gateway.
import { after, before, beforeEach, test } from "node:test";
import assert from "node:assert/strict";
import { requirePackage, startTollgate, toml } from "./lib/tollgate.mjs";
import { Anthropic, anthropic, collect, rejection } from "./lib/clients.mjs";
import { Books } from "./lib/money.mjs";
import { message, named, startUpstream } from "./lib/upstream.mjs";

const { LLMock } = requirePackage("@copilotkit/aimock");
const price = { input: "3", output: "15", cache_read: "0.30", cache_write_5m: "3.75", cache_write_1h: "6" };
let mock, upstream, server, customer, books, client;

before(async () => {
  mock = new LLMock({ port: 0 });
  await mock.start();
  upstream = await startUpstream();
  server = await startTollgate({
    config: toml({
      provider: [
        { name: "mock", kind: "anthropic", base_url: mock.url, api_key: "sk-ant-mock" },
        { name: "up", kind: "anthropic", base_url: upstream.origin, api_key: "sk-ant-upstream" },
      ],
      model: [
        { name: "mocked", targets: [{ provider: "mock", model: "claude-mock" }], price },
        { name: "claude", targets: [{ provider: "up", model: "claude-upstream" }], price },
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
  client = anthropic(server, customer.key);
});

const say = (text) => [{ role: "user", content: text }];
const start = (usage) => named({ type: "message_start", message: { ...message("", usage), content: [], stop_reason: null } });
const text = (value, index = 0) => named({ type: "content_block_delta", index, delta: { type: "text_delta", text: value } });
const open = (index = 0, block = { type: "text", text: "" }) => named({ type: "content_block_start", index, content_block: block });
const close = (index = 0) => named({ type: "content_block_stop", index });
const end = (usage, reason = "end_turn") => named({ type: "message_delta", delta: { stop_reason: reason, stop_sequence: null }, usage }) + named({ type: "message_stop" });

test("a message is answered and charged", async () => {
  mock.onMessage("bonjour", { content: "Bonjour, monde.", usage: { input_tokens: 9, output_tokens: 4 } });
  const { data, response } = await client.messages.create({ model: "mocked", max_tokens: 64, messages: say("bonjour") }).withResponse();
  assert.equal(data.content[0].text, "Bonjour, monde.");
  assert.equal(data.stop_reason, "end_turn");
  assert.equal(mock.getLastRequest().body.model, "claude-mock");
  await books.paid(response.headers.get("x-request-id"), {
    price, usage: { input: 9, output: 4 }, headers: response.headers, surface: "anthropic_messages", path: "/v1/messages", provider: "mock", usage_source: "provider",
  });
  assert.equal(response.headers.get("request-id"), response.headers.get("x-request-id"));
});

test("the SDK's stream helpers work, and the usage of start and end make one charge", async () => {
  mock.onMessage("count for me", { content: "One, two, three.", usage: { input_tokens: 12, output_tokens: 6 } });
  const stream = client.messages.stream({ model: "mocked", max_tokens: 64, messages: say("count for me") });
  let told = "";
  stream.on("text", (piece) => (told += piece));
  const { response } = await stream.withResponse();
  const final = await stream.finalMessage();
  assert.equal(told, "One, two, three.");
  assert.equal(final.content[0].text, told);
  await books.paid(response.headers.get("x-request-id"), { price, usage: { input: 12, output: 6 }, streamed: true, usage_source: "provider" });
});

test("a stream's bytes are the provider's", async () => {
  const bytes = start({ input_tokens: 25, output_tokens: 1 }) + named({ type: "ping" }) + open() + text("Hel") + text("lo") + close() + end({ output_tokens: 15 });
  upstream.next((call) => call.events(bytes));
  const answer = await server.call(customer.key, "/v1/messages", { model: "claude", max_tokens: 64, stream: true, messages: say("x") }, { "anthropic-version": "2023-06-01" });
  assert.equal(answer.text, bytes);
  assert.equal(upstream.last.json.stream_options, undefined);
  await books.paid(answer.id, { price, usage: { input: 25, output: 15 } });
});

test("tool use and tool results pass both ways", async () => {
  const tools = [{ name: "weather", description: "now", input_schema: { type: "object", properties: { city: { type: "string" } } } }];
  upstream.next([200, message("", { input_tokens: 400, output_tokens: 50 }, { content: [{ type: "tool_use", id: "toolu_1", name: "weather", input: { city: "Wien" } }], stop_reason: "tool_use" })]);
  const first = await client.messages.create({ model: "claude", max_tokens: 100, tools, messages: say("weather?") }).withResponse();
  assert.deepEqual(first.data.content[0].input, { city: "Wien" });
  assert.deepEqual(upstream.last.json.tools, tools);
  await books.paid(first.response.headers.get("x-request-id"), { price, usage: { input: 400, output: 50 }, headers: first.response.headers });
  upstream.next((call) => call.events(start({ input_tokens: 470, output_tokens: 1 }), open(), text("Sunny."), close(), end({ output_tokens: 3 })));
  const messages = [...say("weather?"), { role: "assistant", content: first.data.content }, { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "sunny" }] }];
  const stream = client.messages.stream({ model: "claude", max_tokens: 100, tools, messages });
  const { response } = await stream.withResponse();
  assert.equal(await stream.finalText(), "Sunny.");
  assert.deepEqual(upstream.last.json.messages, messages);
  await books.paid(response.headers.get("x-request-id"), { price, usage: { input: 470, output: 3 } });
});

test("partial tool input streams through", async () => {
  const input = (json) => named({ type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: json } });
  upstream.next((call) => call.events(start({ input_tokens: 40, output_tokens: 2 }), open(0, { type: "tool_use", id: "toolu_2", name: "weather", input: {} }), input('{"ci'), input('ty":"Linz"}'), close(), end({ output_tokens: 22 }, "tool_use")));
  const stream = client.messages.stream({ model: "claude", max_tokens: 100, messages: say("x"), tools: [{ name: "weather", input_schema: { type: "object" } }] });
  const { response } = await stream.withResponse();
  assert.deepEqual((await stream.finalMessage()).content[0].input, { city: "Linz" });
  await books.paid(response.headers.get("x-request-id"), { price, usage: { input: 40, output: 22 } });
});

test("images and documents go on untouched", async () => {
  const content = [
    { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==" } },
    { type: "text", text: "what is it?" },
  ];
  upstream.next([200, message("A pixel.", { input_tokens: 1600, output_tokens: 4 })]);
  const { response } = await client.messages.create({ model: "claude", max_tokens: 50, messages: [{ role: "user", content }] }).withResponse();
  assert.deepEqual(upstream.last.json.messages[0].content, content);
  await books.paid(response.headers.get("x-request-id"), { price, usage: { input: 1600, output: 4 }, headers: response.headers });
});

test("cache reads and writes are charged by their lifetime; an unsplit write as five minutes", async () => {
  const cases = [
    [{ input_tokens: 3, cache_read_input_tokens: 1000, cache_creation_input_tokens: 0, output_tokens: 2 }, { input: 3, cache_read: 1000, output: 2 }],
    [{ input_tokens: 3, cache_read_input_tokens: 10, cache_creation_input_tokens: 700, cache_creation: { ephemeral_5m_input_tokens: 300, ephemeral_1h_input_tokens: 400 }, output_tokens: 2 },
      { input: 3, cache_read: 10, cache_write_5m: 300, cache_write_1h: 400, output: 2 }],
    [{ input_tokens: 3, cache_creation_input_tokens: 700, output_tokens: 2 }, { input: 3, cache_write_5m: 700, output: 2 }],
  ];
  for (const [reported, usage] of cases) {
    upstream.next([200, message("x", reported)]);
    const whole = await client.messages.create({ model: "claude", max_tokens: 50, system: [{ type: "text", text: "long", cache_control: { type: "ephemeral" } }], messages: say("x") }).withResponse();
    await books.paid(whole.response.headers.get("x-request-id"), { price, usage, headers: whole.response.headers });
    const { output_tokens, ...input } = reported;
    upstream.next((call) => call.events(start({ ...input, output_tokens: 1 }), open(), text("x"), close(), end({ output_tokens })));
    const stream = client.messages.stream({ model: "claude", max_tokens: 50, messages: say("x") });
    const { response } = await stream.withResponse();
    await stream.finalMessage();
    await books.paid(response.headers.get("x-request-id"), { price, usage });
  }
});

test("counting tokens is free", async () => {
  upstream.next([200, { input_tokens: 4321 }]);
  const { data, response } = await client.messages.countTokens({ model: "claude", messages: say("how much?") }).withResponse();
  assert.equal(data.input_tokens, 4321);
  assert.equal(upstream.last.path, "/v1/messages/count_tokens");
  assert.equal(upstream.last.json.model, "claude-upstream");
  await books.nothing(response.headers.get("x-request-id"), { outcome: "success", status: 200, surface: "anthropic_count_tokens" });
});

test("version, beta and unknown fields reach the provider; the caller's key does not", async () => {
  upstream.next([200, message("x", { input_tokens: 1, output_tokens: 1 })]);
  const body = '{"model":"claude","max_tokens":5,"messages":[{"role":"user","content":"x"}],"x_new":{"deep":[1.50]}}';
  await server.call(undefined, "/v1/messages", body, { "x-api-key": customer.key, "anthropic-version": "2023-06-01", "anthropic-beta": "context-1m-2025-08-07,other-beta" });
  assert.equal(upstream.last.headers["anthropic-version"], "2023-06-01");
  assert.equal(upstream.last.headers["anthropic-beta"], "context-1m-2025-08-07,other-beta");
  assert.equal(upstream.last.headers["x-api-key"], "sk-ant-upstream");
  assert.ok(!JSON.stringify(upstream.last.headers).includes(customer.key));
  assert.equal(upstream.last.text, body.replace('"claude"', '"claude-upstream"'));
});

test("models are listed in Anthropic's shape", async () => {
  const models = await collect(client.models.list());
  const one = models.find((model) => model.id === "claude");
  assert.equal(one.type, "model");
  assert.ok(one.display_name.length > 0);
  assert.equal((await client.models.retrieve("claude")).id, "claude");
});

test("errors come in Anthropic's shape, and its SDK understands them", async () => {
  const cases = [
    [() => anthropic(server, "tg_wrong_key_0123456789").messages.create({ model: "claude", max_tokens: 5, messages: say("x") }), Anthropic.AuthenticationError, 401, "authentication_error"],
    [() => client.messages.create({ model: "no-such", max_tokens: 5, messages: say("x") }), Anthropic.NotFoundError, 404, "not_found_error"],
    [() => client.messages.create({ max_tokens: 5, messages: say("x") }), Anthropic.BadRequestError, 400, "invalid_request_error"],
  ];
  for (const [call, type, status, name] of cases) {
    const error = await rejection(call());
    assert.ok(error instanceof type, `${error}`);
    assert.equal(error.status, status);
    assert.equal(error.error.type, "error");
    assert.equal(error.error.error.type, name);
    assert.equal(error.error.request_id, error.headers.get("x-request-id"));
  }
  const poor = await server.customer({ credit: "0" });
  const error = await rejection(anthropic(server, poor.key).messages.create({ model: "claude", max_tokens: 5, messages: say("x") }));
  assert.equal(error.status, 402);
  assert.equal(error.error.error.type, "billing_error");
});

test("what the provider says about a bad request is relayed, and costs nothing", async () => {
  const refusal = { type: "error", error: { type: "invalid_request_error", message: "max_tokens: too large" }, request_id: "req_theirs" };
  upstream.next([400, refusal]);
  const error = await rejection(client.messages.create({ model: "claude", max_tokens: 5, messages: say("x") }));
  assert.equal(error.status, 400);
  assert.deepEqual(error.error, refusal);
  await books.nothing(error.headers.get("x-request-id"), { outcome: "upstream_error", status: 400 });
});
