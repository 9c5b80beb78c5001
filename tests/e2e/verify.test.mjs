// `tollgate verify`: every kind of ending adds up, beside a running server; and what was tampered with is named.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killAll, runTollgate, startTollgate, toml, until } from "./lib/tollgate.mjs";
import { recordsOf } from "./lib/money.mjs";
import { startPostgres } from "./lib/postgres.mjs";
import { completion, delta, DONE, startUpstream, tokens, usageChunk } from "./lib/upstream.mjs";

const folder = mkdtempSync(join(tmpdir(), "tollgate-verify-"));
let upstream, postgres;
before(async () => {
  [upstream, postgres] = await Promise.all([startUpstream(), startPostgres()]);
});
after(async () => {
  killAll();
  await upstream?.stop();
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const config = () => toml({
  routing: { attempts_max: 1 },
  provider: [{ name: "up", kind: "openai_compatible", base_url: upstream.url, api_key: "sk-up" }],
  model: [{ name: "m", targets: [{ provider: "up", model: "gpt-4o" }], price: { input: "0.15", output: "0.0601", request: "0.0001" }, multiplier: "1.17" }],
});
const verify = (data, store) => runTollgate(["verify", "--data", data, "--json", ...(store ? ["--store", store] : [])], { cwd: folder });

/** One request of every ending there is: charged, counted, refused, failed, left, cached, repeated. */
async function everyEnding(server) {
  const customer = await server.customer({ credit: "1" });
  const ask = (extra = {}, headers) => server.call(customer.key, "/v1/chat/completions", { model: "m", max_tokens: 50, messages: [{ role: "user", content: "hi" }], ...extra }, headers);
  for (const n of [1, 7, 333]) {
    upstream.next([200, completion("x", tokens(n, n, { prompt_tokens_details: { cached_tokens: n >> 1 } }))]);
    await ask();
  }
  upstream.next([200, completion("counted here")]);
  await ask();
  upstream.next((call) => call.events(delta("a", "stop"), usageChunk(tokens(3, 1)), DONE));
  await ask({ stream: true });
  upstream.next([500, "boom"]);
  await ask();
  upstream.next([400, { error: {} }]);
  await ask();
  await ask({ model: "none" });
  await ask({ max_tokens: 2_000_000_000 });
  for (let i = 0; i < 2; i++) {
    if (i === 0) upstream.next([200, completion("kept", tokens(5, 5))]);
    await ask({ seed: 1 }, { "x-tollgate-cache": "on" });
  }
  for (let i = 0; i < 2; i++) {
    if (i === 0) upstream.next([200, completion("repeated", tokens(5, 5))]);
    await ask({ seed: 2 }, { "idempotency-key": "again" });
  }
  const abort = new AbortController();
  upstream.next(async (call) => {
    call.stream();
    await call.send(delta("left"));
    await until(() => call.left, "the caller to leave");
    for (let i = 0; i < 10; i++) await call.send(delta(" more"));
    call.end(delta(null, "stop") + usageChunk(tokens(9, 11)) + DONE);
  });
  const response = await fetch(`${server.gateway}/v1/chat/completions`, { method: "POST", signal: abort.signal, headers: { authorization: `Bearer ${customer.key}`, "content-type": "application/json" }, body: JSON.stringify({ model: "m", stream: true, messages: [] }) });
  await response.body.getReader().read();
  abort.abort();
  upstream.last.left = true;
  await server.must("POST", `/api/accounts/${customer.account}/credit`, { amount: "0.3", kind: "bonus", reference: "b" });
  await server.must("POST", `/api/accounts/${customer.account}/credit`, { amount: "-0.1", kind: "adjustment", reference: "a" });
  await server.must("POST", `/api/accounts/${customer.account}/credit`, { amount: "0.2", kind: "refund", reference: "r" });
  await recordsOf(server, customer, 13);
  return customer;
}

for (const backend of ["sqlite", "postgres"])
  test(`on ${backend}, all that happened adds up, while serving and after a kill`, async () => {
    const data = join(folder, backend), store = backend === "postgres" ? postgres.database() : undefined;
    let server = await startTollgate({ data, store, config: config() });
    await everyEnding(server);
    const live = await verify(data, store);
    assert.equal(live.code, 0, live.stdout + live.stderr);
    await server.kill();
    server = await startTollgate({ data, store, config: config() });
    const restarted = await verify(data, store);
    assert.equal(restarted.code, 0, restarted.stdout + restarted.stderr);
    await server.stop({ keep: true });
    const stopped = await verify(data, store);
    assert.equal(stopped.code, 0, stopped.stdout + stopped.stderr);
    assert.match((await runTollgate(["verify", "--data", data, ...(store ? ["--store", store] : [])], { cwd: folder })).stdout, /\d/);
  });

test("a charge, a balance or a record that was tampered with is found and named", async () => {
  const data = join(folder, "tampered");
  const server = await startTollgate({ data, config: config() });
  const customer = await everyEnding(server);
  const record = (await recordsOf(server, customer)).find((row) => row.charge !== "0");
  await server.stop({ keep: true });
  const database = new DatabaseSync(join(data, "tollgate.db"));
  const change = async (sql, undo, names) => {
    database.exec(sql);
    const found = await verify(data);
    assert.notEqual(found.code, 0, `${sql} was not noticed`);
    assert.ok(names.some((name) => (found.stdout + found.stderr).includes(name)), `${names} in ${found.stdout}`);
    database.exec(undo);
    assert.equal((await verify(data)).code, 0, `undone: ${undo}`);
  };
  const id = `x'${record.request_id.replaceAll("-", "")}'`;
  const number = Number(customer.account.slice(4));
  await change(`update record set charge = charge + 1 where request_id = ${id}`, `update record set charge = charge - 1 where request_id = ${id}`, [record.request_id]);
  await change(`update wallet set balance = balance + 1000 where account_id = ${number}`, `update wallet set balance = balance - 1000 where account_id = ${number}`, [customer.account, `account ${number}`]);
  await change(`update ledger_account set credits_posted = credits_posted + 5 where account_id = ${number} and kind = (select min(kind) from ledger_account where account_id = ${number})`,
    `update ledger_account set credits_posted = credits_posted - 5 where account_id = ${number} and kind = (select min(kind) from ledger_account where account_id = ${number})`, ["ledger account", customer.account]);
  database.close();
});
