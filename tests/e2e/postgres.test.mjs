// The same gateway on PostgreSQL: a condensed paid day, and a restart.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nanos, startTollgate, toml, until } from "./lib/tollgate.mjs";
import { anthropic, collect, openai } from "./lib/clients.mjs";
import { accountOf, Books, checkBooks, usd } from "./lib/money.mjs";
import { startPostgres } from "./lib/postgres.mjs";
import { completion, delta, DONE, message, startUpstream, tokens, usageChunk } from "./lib/upstream.mjs";

const price = { input: "2", output: "8" };
const data = mkdtempSync(join(tmpdir(), "tollgate-e2e-postgres-"));
let postgres, store, upstream, server, config, customer, books;

before(async () => {
  postgres = await startPostgres();
  store = postgres.database();
  upstream = await startUpstream();
  config = toml({
    provider: [
      { name: "up", kind: "openai_compatible", base_url: upstream.url, api_key: "sk-up" },
      { name: "claude", kind: "anthropic", base_url: upstream.origin, api_key: "sk-claude" },
    ],
    model: [
      { name: "m", targets: [{ provider: "up", model: "m-1" }], price },
      { name: "claude", targets: [{ provider: "claude", model: "claude-1" }], price },
    ],
  });
  server = await startTollgate({ data, store, config });
  customer = await server.customer({ credit: "3" });
  books = new Books(server, customer, "3");
});
after(async () => {
  await server?.stop();
  await upstream?.stop();
  await postgres?.stop();
  rmSync(data, { recursive: true, force: true });
});

test("chat, stream and message are charged exactly", async () => {
  upstream.next([200, completion("hello", tokens(1001, 33))]);
  const chat = await openai(server, customer.key).chat.completions.create({ model: "m", max_tokens: 100, messages: [{ role: "user", content: "hi" }] }).withResponse();
  await books.paid(chat.response.headers.get("x-request-id"), { price, usage: { input: 1001, output: 33 }, headers: chat.response.headers });
  upstream.next((call) => call.events(delta("a"), delta("b", "stop"), usageChunk(tokens(77, 2)), DONE));
  const stream = await openai(server, customer.key).chat.completions.create({ model: "m", stream: true, messages: [{ role: "user", content: "hi" }] }).withResponse();
  assert.equal((await collect(stream.data)).length, 2);
  await books.paid(stream.response.headers.get("x-request-id"), { price, usage: { input: 77, output: 2 } });
  upstream.next([200, message("bonjour", { input_tokens: 5, output_tokens: 4 })]);
  const said = await anthropic(server, customer.key).messages.create({ model: "claude", max_tokens: 50, messages: [{ role: "user", content: "hi" }] }).withResponse();
  await books.paid(said.response.headers.get("x-request-id"), { price, usage: { input: 5, output: 4 }, headers: said.response.headers });
});

test("the control API lists, changes and audits; nothing of the store is in the data folder", async () => {
  const key = await server.must("POST", "/api/keys", { name: "pg", account_id: customer.account, tags: ["a", "ü"], caps: { day: "0.5" } });
  await server.must("PATCH", `/api/keys/${key.id}`, { name: "renamed" });
  const { data: keys } = await server.must("GET", "/api/keys?limit=1");
  assert.equal(keys[0].name, "renamed");
  const { data: audit } = await server.must("GET", "/api/audit-logs?limit=2");
  assert.deepEqual(audit.map((row) => row.action), ["key.update", "key.create"]);
  assert.equal(audit[0].before.name, "pg");
  await server.must("POST", "/api/token/import", { key: "sk-imported-key-0123456789", external_user_id: "user-1", name: "n", unlimited_quota: true });
  const summary = await server.must("GET", `/api/usage/summary?account_id=${customer.account}`);
  assert.equal(summary.requests, 3);
  const { data: days } = await server.must("GET", `/api/usage/breakdown?by=model&account_id=${customer.account}`);
  assert.deepEqual(days.map((row) => [row.key, row.requests]).sort(), [["claude", 1], ["m", 2]]);
  const health = await server.must("GET", "/health/detailed");
  assert.equal(health.checks.database.backend, "postgres");
  assert.ok(!readdirSync(data).some((name) => name.endsWith(".db")), readdirSync(data).join());
  assert.ok(Number(postgres.sql("select count(*) from record", "tollgate_1")) >= 3);
});

test("after a restart everything is there", async () => {
  assert.deepEqual(await server.stop({ keep: true }), { code: 0, signal: null });
  server = await startTollgate({ data, store, config });
  books.server = server;
  assert.equal((await accountOf(server, customer)).balance, usd(books.balance));
  upstream.next([200, completion("again", tokens(10, 1))]);
  const answer = await server.call(customer.key, "/v1/chat/completions", { model: "m", max_tokens: 5, messages: [] });
  await books.paid(answer.id, { price, usage: { input: 10, output: 1 }, headers: answer.headers });
  await checkBooks(server, customer);
});

test("while the database is away calls go on, control answers 503, and afterwards all is recorded", async () => {
  const database = new URL(store).pathname.slice(1);
  postgres.sql(`alter database ${database} allow_connections false`);
  postgres.sql(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}'`);
  upstream.next([200, completion("store away", tokens(10, 1))]);
  const answer = await server.call(customer.key, "/v1/chat/completions", { model: "m", max_tokens: 5, messages: [] });
  assert.equal(answer.status, 200, answer.text);
  await until(async () => (await server.api("GET", `/api/accounts/${customer.account}`)).status === 503, "the control API to say so");
  assert.equal((await server.call("tg_some_wrong_key_0123456789", "/v1/models")).status, 401);
  assert.equal((await fetch(`${server.console}/health/detailed`)).status, 503);
  postgres.sql(`alter database ${database} allow_connections true`);
  await until(async () => (await server.api("GET", `/api/accounts/${customer.account}`)).status === 200, "the store to be back");
  await books.paid(answer.id, { price, usage: { input: 10, output: 1 }, headers: answer.headers });
});
