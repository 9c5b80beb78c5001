// The first minutes of a new operator: the banner works as printed, a second start keeps everything, signals behave.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { nanos, requirePackage, startTollgate, toml, until } from "./lib/tollgate.mjs";
import { anthropic, collect, events, openai } from "./lib/clients.mjs";
import { checkBooks, usd } from "./lib/money.mjs";
import { delta, DONE, signal, startUpstream, tokens, usageChunk } from "./lib/upstream.mjs";

const { encode } = requirePackage("gpt-tokenizer/encoding/o200k_base");
const data = mkdtempSync(join(tmpdir(), "tollgate-first-start-"));
const generated = { TOLLGATE_ADMIN_TOKEN: undefined };
let server, key, curl, upstream;
const provider = () => ({ name: "up", kind: "openai_compatible", base_url: upstream.url, api_key: "sk-upstream" });
const model = (name) => ({ name, targets: [{ provider: "up", model: `${name}-v1` }], price: { input: "3", output: "15" } });
const config = (...names) => toml({ provider: [provider()], model: names.map(model) });

before(async () => {
  upstream = await startUpstream();
  server = await startTollgate({ data, env: generated, config: config("paced") });
  await until(() => server.output.includes("curl"), "the banner");
  await until(() => (server.output.includes("\n", server.output.indexOf("curl"))), "all of the curl line");
  key = /tg_[0-9A-Za-z]{49}/.exec(server.output)?.[0];
  server.token = /tga_[0-9a-f]{48}/.exec(server.output)?.[0];
});
after(async () => {
  await server?.stop();
  await upstream.stop();
  rmSync(data, { recursive: true, force: true });
});

test("the banner shows the console's address, an admin token and a ready key", async () => {
  assert.ok(server.output.includes(server.console), server.output);
  assert.ok(key, `no key in: ${server.output}`);
  assert.ok(server.token, `no admin token in: ${server.output}`);
  const me = await server.must("GET", "/api/auth/me");
  assert.deepEqual(me.scopes, ["admin"]);
});

test("the banner's curl line, run as printed, answers at once", async () => {
  const text = server.output.slice(server.output.indexOf("curl"));
  const lines = text.split("\n");
  const until_ = lines.findIndex((line) => !line.trimEnd().endsWith("\\"));
  const multi = lines.slice(0, until_ + 1).join("\n");
  curl = multi;
  const { stdout } = await promisify(execFile)("bash", ["-c", multi]);
  const body = JSON.parse(stdout.slice(stdout.indexOf("{")));
  assert.equal(body.object, "chat.completion");
  assert.ok(body.choices[0].message.content.length > 0);
  assert.ok(body.usage.prompt_tokens > 0);
});

test("the first account has a dollar of promotional credit, and only what was used is gone", async () => {
  const { data: accounts } = await server.must("GET", "/api/accounts");
  assert.equal(accounts.length, 1);
  const account = accounts[0].id;
  const { rows } = await until(async () => {
    const books = await checkBooks(server, { account });
    return books.rows.length >= 2 && books;
  }, "the curl line's charge");
  assert.equal(rows[0].kind, "bonus");
  assert.equal(rows[0].amount, "1");
  assert.equal(rows.length, 2, "the grant and the banner's call");
  assert.ok(nanos(rows[1].amount) < 0n);
});

test("both SDKs reach the demo models, with real token counts", async () => {
  const text = "Good morning, toll gate! 早安";
  const chat = await openai(server, key).chat.completions.create({ model: "demo/echo", messages: [{ role: "user", content: text }] });
  assert.equal(chat.choices[0].message.content, text);
  assert.equal(chat.usage.completion_tokens, encode(text).length);
  const stream = await collect(await openai(server, key).chat.completions.create({
    model: "demo/stream", messages: [{ role: "user", content: "tell" }], stream: true, stream_options: { include_usage: true },
  }));
  const told = stream.map((chunk) => chunk.choices[0]?.delta?.content ?? "").join("");
  assert.ok(told.length > 40);
  assert.equal(stream.at(-1).usage.completion_tokens, encode(told).length);
  const message = await anthropic(server, key).messages.create({ model: "demo/echo", max_tokens: 100, messages: [{ role: "user", content: text }] });
  assert.equal(message.content[0].text, text);
  assert.equal(message.usage.output_tokens, encode(text).length);
  const final = await anthropic(server, key).messages.stream({ model: "demo/stream", max_tokens: 200, messages: [{ role: "user", content: "tell" }] }).finalMessage();
  assert.equal(final.content[0].text, told);
});

test("the data folder and its secrets are the operator's alone", () => {
  assert.equal(statSync(data).mode & 0o777, 0o700);
  assert.equal(statSync(join(data, "server.json")).mode & 0o777, 0o600);
});

test("SIGHUP reloads the file: a new model appears, one taken out is gone", async () => {
  upstream.always([200, { id: "x", object: "chat.completion", created: 1, model: "m", choices: [], usage: tokens(1, 1) }]);
  const before = await server.call(key, "/v1/models/added");
  assert.equal(before.status, 404);
  writeFileSync(server.configFile, config("paced", "added"));
  server.signal("SIGHUP");
  await until(async () => (await server.call(key, "/v1/models/added")).status === 200, "the added model");
  const answer = await server.call(key, "/v1/chat/completions", { model: "added", max_tokens: 5, messages: [] });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(upstream.last.json.model, "added-v1");
  writeFileSync(server.configFile, config("paced"));
  server.signal("SIGHUP");
  await until(async () => (await server.call(key, "/v1/models/added")).status === 404, "the model to go");
});

test("a file that is wrong on SIGHUP changes nothing", async () => {
  writeFileSync(server.configFile, `${config("paced")}\n[gatewy]\ndrain_seconds = 3\n`);
  server.signal("SIGHUP");
  await until(() => /gatewy/.test(server.log + server.output), "the complaint in the log");
  assert.equal((await server.call(key, "/v1/models/paced")).status, 200);
  writeFileSync(server.configFile, config("paced"));
});

test("SIGTERM lets an open stream finish, refuses new connections, and exits 0", async () => {
  const go = signal();
  upstream.next(async (call) => {
    call.stream();
    await call.send(delta("first"));
    await go.promise;
    await call.send(delta(" second", "stop"));
    call.end(usageChunk(tokens(7, 2)) + DONE);
  });
  const { data: [account] } = await server.must("GET", "/api/accounts");
  const before = nanos(account.balance);
  const response = await fetch(`${server.gateway}/v1/chat/completions`, {
    method: "POST", headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "paced", stream: true, messages: [{ role: "user", content: "hi" }] }),
  });
  const seen = events(response);
  assert.equal(JSON.parse((await seen.next()).value.data).choices[0].delta.content, "first");
  server.signal("SIGTERM");
  const { hostname, port } = new URL(server.gateway);
  await until(() => new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => resolve(socket.destroy() && false));
    socket.on("error", (error) => resolve(error.code === "ECONNREFUSED"));
  }), "the listener to close");
  go.resolve();
  const rest = await collect(seen);
  assert.equal(JSON.parse(rest[0].data).choices[0].delta.content, " second");
  assert.equal(rest.at(-1).data, "[DONE]");
  assert.deepEqual(await server.exited, { code: 0, signal: null });

  const old = key;
  server = await startTollgate({ data, env: generated, config: config("paced") }).then((s) => Object.assign(s, { token: server.token }));
  const record = await server.record(response.headers.get("x-request-id"));
  assert.equal(record.outcome, "success");
  assert.equal(record.charge, usd(7n * 3000n + 2n * 15000n));
  const { data: accounts } = await server.must("GET", "/api/accounts");
  assert.equal(accounts.length, 1, "a second start makes no second account");
  assert.equal(accounts[0].balance, usd(before - 51000n));
  assert.equal(accounts[0].held, "0");
  await checkBooks(server, { account: accounts[0].id });
  assert.ok(!server.output.includes(old), "the key is printed once");
  const again = await openai(server, old).chat.completions.create({ model: "demo/echo", messages: [{ role: "user", content: "still here" }] });
  assert.equal(again.choices[0].message.content, "still here");
});
